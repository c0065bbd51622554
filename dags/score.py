"""<uc>.score: when a night's features are there, score its entities with the champion effective on that night."""

from airflow.sdk import DAG, PartitionedAssetTimetable

from plugins.dag_defaults import asset, dag_settings, midnight, use_cases
from plugins.operators import StageOperator

WHY = """
The first scoring of a night pins its champion in the ledger; scoring the night again uses the pinned one and publishes the same
content. A promotion takes effect from the first night that is not pinned yet. Where no champion is effective the task fails at
once: bootstrap the use case, or train and promote.

When it is done, the asset `scores` wakes the monitor.
"""

for use_case in use_cases():
    with DAG(
        **dag_settings(use_case, "score", weight=30),
        description="Score the night's entities with the champion effective on it: probability, decision, reasons.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=PartitionedAssetTimetable(assets=asset(use_case, "features")),
        start_date=midnight(use_case, use_case.first_night),
    ):
        StageOperator(
            task_id="score",
            use_case_name=use_case.use_case,
            stage="score",
            outlets=[asset(use_case, "scores")],
            doc_md="Load the champion's bundle, score the feature files where they lie, publish one partition of the scores.",
        )
