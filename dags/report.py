"""<uc>.report: when all seven nights of a week are judged, write the week's page."""

from airflow.sdk import DAG, PartitionedAssetTimetable, RollupMapper, StartOfWeekMapper, WeekWindow

from plugins.dag_defaults import asset, dag_settings, midnight, use_cases
from plugins.monitoring import ReportOperator

WHY = """
One page for the week, Monday to Sunday: what was scored, how good it was when the outcomes were known, what drifted, what was
decided. Every figure on it is a row of the metrics table. The run's partition key is the Monday.

It runs by itself when the last of the seven nights is judged. The button *Report* (tab *Details* of the task) opens the page.
"""
WEEK = RollupMapper(upstream_mapper=StartOfWeekMapper(input_format="%Y-%m-%d", output_format="%Y-%m-%d"), window=WeekWindow())

for use_case in use_cases():
    with DAG(
        **dag_settings(use_case, "report", weight=45),
        description="The week on one page, from the metrics table, when its seven nights are judged.",
        doc_md=f"### {use_case.description}\n{WHY}",
        schedule=PartitionedAssetTimetable(assets=asset(use_case, "verdicts"), default_partition_mapper=WEEK),
        start_date=midnight(use_case, use_case.first_night),
    ):
        ReportOperator(
            task_id="report",
            use_case_name=use_case.use_case,
            doc_md="Read the week's rows of the metrics table, and write the page.",
        )
