"""nightloop.ship_audit: every hour, bring the answers of nights that are over from the service's audit into the lake."""

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable

from plugins.dag_defaults import shared_dag_settings
from plugins.upkeep import ShipAuditOperator

WHY = """
### What the service answered is a table
The service writes a line for every answer into `HOME/audit`. When a night is over in the time zone of its use case, its lines
are published here as a partition of `online_answers`: **a row for each row that was answered, each answer once**, with who
asked, the features, the version, the arm and the answer. So what was decided online can be joined, compared and explained like
the scores of a night, also after the lines are removed.

A night that has nothing new is left alone; a run that was missed or stopped is made up for by the next.
`python -m jobs ship-audit USE_CASE NIGHT` does the same by hand.
"""

with DAG(
    **shared_dag_settings("ship_audit", weight=60),
    description="Ship the service's answers of nights that are over into the lake, each exactly once.",
    doc_md=WHY,
    schedule=CronTriggerTimetable("40 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
):
    ShipAuditOperator(
        task_id="ship",
        doc_md="Publish each use case's answers of nights that are over; the log has a line for each partition.",
    )
