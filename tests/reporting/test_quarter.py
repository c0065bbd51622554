"""The 13 weeks on the weekly page: alarms as the budget counts them, and whether decisions paid."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pyarrow as pa
import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.definitions.use_case import Value as Worth
from nightloop.lake import Commit
from nightloop.monitoring.decisions import SCHEMA
from nightloop.monitoring.metrics_table import SCHEMA as METRICS
from nightloop.nights import Night
from nightloop.reporting.quarter import Quarter, read_quarter
from nightloop.workspace import Workspace
from tests.reporting.conftest import night

NAME, LAST = "flight_delay", night(6)
COMMIT = Commit("monitor", NAME)


def ago(nights: int) -> Night:
    return LAST - timedelta(days=nights)


def publish(workspace: Workspace, of: Night, *, decision: str = "keep", drift: str = "pass", version: int = 1) -> None:
    row = {"decision": decision, "reason": f"reason of {of}", "drift_verdict": drift, "champion_version": version}
    workspace.lake.publish(f"{NAME}/decisions", of, pa.Table.from_pylist([row], SCHEMA), COMMIT)


def measured(workspace: Workspace, of: Night, figures: Iterable[tuple[str, int, float, float | None]]) -> None:
    """Publish pooled figures: metric, version, value, and half the width of the interval."""
    rows = [
        {
            **{"use_case": NAME, "model_version": version, "group": "all", "metric": f"pooled_{metric}", "value": value},
            **{"low": value - half, "high": value + half, "n": 900, "source": "s"},
        }
        if half is not None
        else {"model_version": version, "group": "all", "metric": f"pooled_{metric}", "value": value, "n": 900, "source": "s"}
        for metric, version, value, half in figures
    ]
    workspace.lake.publish(f"{NAME}/metrics", of, pa.Table.from_pylist(rows, METRICS), COMMIT)


def read(workspace: Workspace, use_case: UseCase) -> Quarter:
    return read_quarter(use_case, LAST, workspace)


def trained(workspace: Workspace, of: Night, *, version: int | None = None) -> None:
    """A training as of the night: it made a champion, or failed its gates."""
    ledger = workspace.ledger
    ledger.record("training_requested", NAME, night=of, subject="monitor", payload={})
    if version is None:
        ledger.record("gate_judged", NAME, night=of, subject="9/data", payload={"outcome": "fail", "reason": "Cut off."})
    else:
        ledger.record("champion_promoted", NAME, night=of, subject=str(version))


@pytest.mark.parametrize(
    ("failed", "alarms"),
    [([], 0), ([0], 1), ([0, 1, 2], 1), ([0, 7], 1), ([0, 8], 2), ([0, 7, 14], 1), ([0, 8, 200, 365], 4), ([366], 0)],
)
def test_failed_nights_that_are_near_are_one_alarm(
    workspace: Workspace, flights: UseCase, failed: list[int], alarms: int
) -> None:
    for nights in sorted({0, 30, *failed}, reverse=True):
        publish(workspace, ago(nights), drift="fail" if nights in failed else "pass")
    quarter = read(workspace, flights)
    assert quarter.alarms == alarms
    assert quarter.monitored == len({0, 30, *failed} - {366})


def test_a_quarter_has_91_nights_and_those_that_were_not_monitored_are_not_there(
    workspace: Workspace, flights: UseCase
) -> None:
    for nights in (91, 90, 3, 0):
        publish(workspace, ago(nights))
    quarter = read(workspace, flights)
    assert (len(quarter.nights), quarter.nights.last) == (91, LAST)
    assert list(quarter.decisions) == [ago(90), ago(3), LAST]
    assert quarter.requests == ()


@pytest.mark.parametrize(
    ("after", "half", "paid"),
    [
        (0.76, 0.03, "better"),
        (0.75, 0.03, "no difference shown"),
        (0.65, 0.03, "no difference shown"),
        (0.64, 0.03, "worse"),
        (0.9, None, ""),
    ],
)
def test_a_training_paid_where_the_new_version_is_shown_to_be_better(
    workspace: Workspace, flights: UseCase, after: float, half: float | None, paid: str
) -> None:
    publish(workspace, ago(9), decision="retrain")
    measured(workspace, ago(9), [("auc", 1, 0.7, 0.04), ("auc", 2, 0.1, 0.01)])
    trained(workspace, ago(9), version=2)
    measured(workspace, ago(2), [("auc", 2, 0.2, 0.01)])
    measured(workspace, ago(1), [("auc", 2, after, half), ("value_captured", 2, 0.0, 0.0)])
    publish(workspace, LAST, version=2)
    (request,) = read(workspace, flights).requests
    assert (request.night, request.decision, request.outcome) == (ago(9), "retrain", "version 2 was promoted")
    assert request.before is not None and request.after is not None
    assert (request.before.value, request.after.value, request.paid) == (0.7, after, paid), "of its newest window"


def test_of_an_error_less_is_better_and_of_a_value_what_was_captured(
    workspace: Workspace, flights: UseCase, delays: UseCase
) -> None:
    publish(workspace, ago(9), decision="retrain")
    measured(workspace, ago(9), [("mae", 1, 20.0, 1.0), ("value_captured", 1, 0.4, 0.01)])
    trained(workspace, ago(9), version=2)
    measured(workspace, ago(1), [("mae", 2, 15.0, 1.0), ("value_captured", 2, 0.3, 0.01)])
    publish(workspace, LAST, version=2)
    errors = delays.model_copy(update={"use_case": NAME})
    assert read(workspace, errors).requests[0].paid == "better"
    worth = Worth(currency="USD", unit_error=1.0)
    assert read(workspace, errors.model_copy(update={"value": worth})).requests[0].paid == "worse"
    assert read(workspace, flights).requests[0].paid == "", "it has neither"


def test_what_came_of_a_decision_is_told(workspace: Workspace, flights: UseCase) -> None:
    measured(workspace, ago(20), [("auc", 1, 0.7, 0.04)])
    for nights, decision in ((20, "retrain"), (12, "ask"), (5, "retrain"), (1, "retrain")):
        publish(workspace, ago(nights), decision=decision)
    trained(workspace, ago(20))
    workspace.ledger.record("training_requested", NAME, night=ago(5), subject="monitor", payload={})
    publish(workspace, LAST)
    assert [(request.night, request.outcome) for request in read(workspace, flights).requests] == [
        (ago(1), "not trained"),
        (ago(5), "not ended"),
        (ago(12), "a person is to decide"),
        (ago(20), "not promoted: data: Cut off"),
    ]
