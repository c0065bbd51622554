"""<uc>.ingest: each night at the use case's hour, take in what became known the day before."""

from airflow.sdk import DAG

from plugins.dag_defaults import asset, dag_settings, last_run, midnight, night_field, use_cases
from plugins.file_sensor import FilesSensor, sources_with_deadline
from plugins.night_timetable import NightTimetable
from plugins.operators import StageOperator

WHY = """
Takes in the slice of every source that became known in the night, judges it by the source's contract, and publishes the raw
tables. Rows that break a rule go to the quarantine table with the reason. A night that breaks its contract's limits **fails,
and publishes nothing**: better no night than a wrong one.

The run's partition key is the night (the data day, `YYYY-MM-DD`); *Trigger* asks for it in the field *Night*. When it is done,
the asset `raw` wakes the features.
A source that declares `arrives_by` is waited for until that time of the morning; the task that waits holds no worker.
Repair history with `airflow backfill create` (docs/airflow.md has the flags); a night taken in twice is the same night.
"""

for use_case in use_cases():
    with DAG(
        **dag_settings(use_case, "ingest", weight=10),
        description=f"Take in the night's slices of {len(use_case.sources)} sources, held to their contracts.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=NightTimetable(use_case.schedule, time_zone=use_case.time_zone),
        start_date=midnight(use_case, use_case.first_night),
        end_date=last_run(use_case),
        params={"night": night_field(use_case, "Night", "Which to take in: this, or the partition key.", required=False)},
    ):
        ingest = StageOperator(
            task_id="ingest",
            use_case_name=use_case.use_case,
            stage="ingest",
            outlets=[asset(use_case, "raw")],
            doc_md="Read each source's slice, judge it by its contract, publish the raw tables in one commit each. "
            "Red means: read the message, mend the source or the contract, clear the task.",
        )
        for source in sources_with_deadline(use_case):
            (
                FilesSensor(
                    task_id=f"wait_for_{source}",
                    use_case_name=use_case.use_case,
                    source=source,
                    doc_md="Wait, without holding a worker, until the night's files are there and whole. "
                    "Red means: they did not come by the time that `arrives_by` declares. When they have come, clear the task.",
                )
                >> ingest
            )
