"""nightloop.keep_up: every quarter of an hour, compare every use case with its calendar, and trigger what is missing."""

from datetime import UTC, datetime

from airflow.sdk import DAG, CronTriggerTimetable, Param

from plugins.champions import AliasesOperator
from plugins.dag_defaults import shared_dag_settings
from plugins.keeping_up import GRACE, KeepUpOperator

WHY = """
### What Airflow lost is found in the lake
Airflow drops a night in silence where its DAG was paused, not yet registered, or down. This looks at the lake instead: every
night from the use case's first to the newest that is due is to be taken in, built, scored and judged. What is missing, and has
no run under way, is triggered: **oldest first, bounded a round, never twice at a time, and never past a DAG that somebody
paused**; that is told in the log. A night that fails again and again is asked for less and less often, down to every six hours.

A night that will never come is given up by a person: `python -m jobs skip USE_CASE NIGHT --reason … --by …`.
`python -m jobs keep-up --dry-run` tells what is missing now. Beside a run of *bootstrap* or *apply* nothing is triggered.
"""

with DAG(
    **shared_dag_settings("keep_up", weight=70),
    description="Find nights that Airflow lost, in the lake and the calendar, and trigger what they lack.",
    doc_md=WHY,
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    params={
        "grace": Param(
            default=GRACE,
            type="integer",
            minimum=0,
            title="Grace",
            description="Minutes that a night's own run, or the one after a run that ended, may take to begin. 0: ask at once.",
        ),
    },
):
    KeepUpOperator(
        task_id="keep_up",
        doc_md="Trigger the first stage that each night lacks; the log has a line for each night, with the reason.",
    )
    AliasesOperator(
        task_id="aliases",
        doc_md="Compare MLflow's alias `champion` of each use case with the ledger; alert people where a hand moved it.",
    )
