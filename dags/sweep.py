"""<uc>.sweep: every Sunday, remove the files of tables that nobody can need."""

from airflow.sdk import DAG, CronTriggerTimetable

from plugins.dag_defaults import dag_settings, midnight, use_cases
from plugins.upkeep import SweepOperator

WHY = """
A night that is published again leaves the files of its earlier version behind, and a killed stage leaves files that no commit
names. They cost space and are never read again. This removes them: versions that were replaced longer ago than
`NIGHTLOOP_RETENTION_DAYS`, unless the lineage of a night that stands or of a training names them, and files without a commit
that are older than a day. It is safe beside nights under way, and may be stopped and run again at any time.

What went is in the ledger (`lake_swept`). `python -m jobs sweep --dry-run` tells what would go.
"""

for use_case in use_cases():
    with DAG(
        **{**dag_settings(use_case, "sweep", weight=1), "max_active_runs": 1},
        description="Remove files of replaced versions past their retention, and of commits that never happened.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=CronTriggerTimetable("0 6 * * 0", timezone=use_case.time_zone),
        start_date=midnight(use_case, use_case.first_night),
    ):
        SweepOperator(
            task_id="sweep",
            use_case_name=use_case.use_case,
            doc_md="Remove what nobody can need from every table of the use case, and record what went in the ledger.",
        )
