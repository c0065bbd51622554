"""What all DAG families share: the use cases, the assets between them, and the defaults of a task."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, Param

from nightloop.definitions import load_use_case, use_case_names
from nightloop.settings import load_settings
from plugins.alerts import alert_on_failure, alert_on_success
from plugins.retries import PATIENCE, WAIT, StageRetryPolicy

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.nights import Night

RUNS_AT_A_TIME = 32
"""Nights of one DAG under way. Enough that a night waiting for an earlier one never blocks the earlier one."""


def use_cases() -> list[UseCase]:
    """Load every use case of feature_defs/, in the order of their names, so that every parse gives the same DAGs."""
    folder = load_settings().definitions
    return [load_use_case(name, folder) for name in sorted(use_case_names(folder))]


def asset(use_case: UseCase, table: str) -> Asset:
    """Return the asset whose event wakes the next DAG when a night of a table is published."""
    return Asset(name=f"{use_case.use_case}.{table}", uri=f"nightloop://{use_case.use_case}/{table}", group="nightloop")


def dag_settings(use_case: UseCase, family: str, *, weight: int) -> dict[str, Any]:
    """Return what the DAGs of a family have in common.

    ``weight`` orders waiting tasks: the later a family comes in the night, the higher, so that a backfill finishes
    the nights it has begun before it begins others.
    """
    return {
        "dag_id": f"{use_case.use_case}.{family}",
        "tags": ["nightloop", use_case.use_case, family, f"risk:{use_case.risk}"],
        "catchup": False,
        "max_active_runs": RUNS_AT_A_TIME,
        "default_args": {
            "owner": use_case.owner,
            "retries": PATIENCE,
            "retry_delay": WAIT,
            "retry_policy": StageRetryPolicy(),
            "on_failure_callback": [alert_on_failure],
            "on_success_callback": [alert_on_success],
            "priority_weight": weight,
            "weight_rule": "absolute",
        },
    }


def shared_dag_settings(family: str, *, weight: int) -> dict[str, Any]:
    """Return the settings of a DAG that is there once, for all use cases."""
    return {
        "dag_id": f"nightloop.{family}",
        "tags": ["nightloop", family],
        "catchup": False,
        "max_active_runs": 1,
        "default_args": {
            "owner": "nightloop",
            "retries": 0,  # the next round is the retry
            "priority_weight": weight,
            "weight_rule": "absolute",
        },
    }


def midnight(use_case: UseCase, night: Night) -> datetime:
    """Return the start of a day in the use case's time zone."""
    return datetime.combine(night, time.min, tzinfo=ZoneInfo(use_case.time_zone))


def last_run(use_case: UseCase) -> datetime | None:
    """Return the instant after which no night is left to take in; None for a living source."""
    return midnight(use_case, use_case.last_night + timedelta(days=2)) if use_case.last_night else None


def night_field(use_case: UseCase, title: str, description: str, *, required: bool = True) -> Param:
    """Return a form field that takes a night, with a calendar."""
    last = f" to {use_case.last_night}" if use_case.last_night else ""
    return Param(
        **({} if required else {"default": None}),
        type="string" if required else ["null", "string"],
        format="date",
        title=title,
        description=f"{description} Nights of this use case: {use_case.first_night}{last}.",
    )


def reason_field() -> Param:
    """Return the form field that asks why; the answer is recorded in the ledger."""
    return Param(
        type="string",
        minLength=10,
        maxLength=500,
        title="Reason",
        description="Why, in a sentence of 10 to 500 characters. Kept in the ledger.",
    )


def requested_by_field() -> Param:
    """Return the form field that asks who; the answer is recorded in the ledger."""
    return Param(
        type="string",
        minLength=2,
        maxLength=100,
        title="Requested by",
        description="Who asks: your name or team. Kept in the ledger.",
    )
