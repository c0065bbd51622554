"""The 13 weeks up to a week's last night: its verdicts, what they spent of the budget, and what decisions came to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from nightloop.evidence.money import CAPTURED
from nightloop.model.use_case_task import metric_set_for
from nightloop.monitoring.trainings import EarlierTraining, earlier_trainings
from nightloop.nights import Night, Nights
from nightloop.reporting.week import Value

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.workspace import Workspace

QUARTER, YEAR = timedelta(days=91), timedelta(days=365)
SAME_ALARM = timedelta(days=7)  # failed nights that are nearer belong to one alarm, as the budget counts them
COLUMNS = ["night", "model_version", "group", "metric", "value", "low", "high", "n", "source"]


@dataclass(frozen=True)
class Request:
    """A decision other than to keep, and what came of it.

    Attributes:
        night: that decided.
        decision: retrain or ask.
        reason: in words.
        outcome: what came of the training, in words.
        before, after: the task's metric of the champion then, and of the version that the training brought; what answers
            captured of their possible value, where one is declared.
        paid: whether the second is better, in words; empty where it is not known.
    """

    night: Night
    decision: str
    reason: str
    outcome: str
    before: Value | None
    after: Value | None
    paid: str


@dataclass(frozen=True)
class Quarter:
    """What the weekly page shows of the weeks before.

    Attributes:
        nights: all of the quarter.
        decisions: rows of the decisions table, by night; a night that is not there was not monitored.
        requests: decisions other than to keep, newest first.
        alarms: how often drift began to fail in the year up to the last night.
        monitored: how many nights of that year were monitored.
    """

    nights: Nights
    decisions: Mapping[Night, Mapping[str, Any]]
    requests: tuple[Request, ...]
    alarms: int
    monitored: int


def read_quarter(use_case: UseCase, last: Night, workspace: Workspace) -> Quarter:
    """Read the quarter that ends with a night from the tables, and from the ledger what came of trainings."""
    name, lake = use_case.use_case, workspace.lake
    year = {row["night"]: row for row in lake.read(f"{name}/decisions", Nights(last - YEAR, last)).to_pylist()}
    nights = Nights(last - QUARTER + timedelta(days=1), last)
    decisions = {night: row for night, row in sorted(year.items()) if night in nights}
    asked = [row for row in decisions.values() if row["decision"] != "keep"]
    requests: list[Request] = []
    if asked:
        metric = f"pooled_{CAPTURED if use_case.value else metric_set_for(use_case).metric}"
        rows = lake.read(f"{name}/metrics", nights, COLUMNS)
        pooled = rows.filter(pc.equal(rows["metric"], metric)).to_pylist()
        trainings = {item.as_of: item for item in earlier_trainings(workspace.ledger, name, last + timedelta(days=1))}
        better = 1 if use_case.value or metric_set_for(use_case).higher_is_better else -1
        requests = [_request(row, trainings.get(row["night"]), pooled, better) for row in reversed(asked)]
    return Quarter(nights, decisions, tuple(requests), _alarms(year), len(year))


def _alarms(decisions: Mapping[Night, Mapping[str, Any]]) -> int:
    failed = sorted(night for night, row in decisions.items() if row["drift_verdict"] == "fail")
    return sum(before is None or night - before > SAME_ALARM for before, night in zip([None, *failed], failed, strict=False))


def _request(
    row: Mapping[str, Any], training: EarlierTraining | None, pooled: Sequence[Mapping[str, Any]], better: int
) -> Request:
    before = _newest([item for item in pooled if item["night"] == row["night"]], row["champion_version"])
    after = _newest(pooled, training.version) if training and training.version is not None else None
    outcome = _outcome(row["decision"], training)
    return Request(row["night"], row["decision"], row["reason"], outcome, before, after, _paid(before, after, better))


def _outcome(decision: str, training: EarlierTraining | None) -> str:
    if training is None:
        return "a person is to decide" if decision == "ask" else "not trained"
    if training.state == "promoted":
        return f"version {training.version} was promoted"
    return f"not promoted: {training.why}" if training.state == "failed" else "not ended"


def _newest(rows: Sequence[Mapping[str, Any]], version: int | None) -> Value | None:
    """Return the newest pooled figure of a version."""
    of = [row for row in rows if (row["model_version"], row["group"]) == (version, "all")]
    if not of:
        return None
    row = max(of, key=lambda row: row["night"])
    return Value(row["value"], row["low"], row["high"], row["n"], row["source"])


def _paid(before: Value | None, after: Value | None, better: int) -> str:
    """Say whether the second is better than the first: other nights, so their intervals add."""
    ends = [end for item in (before, after) if item for end in (item.low, item.high)]
    if before is None or after is None or None in ends:
        return ""
    gained, reach = better * (after.value - before.value), _half_width(before, after)
    if abs(gained) <= reach:
        return "no difference shown"
    return "better" if gained > 0 else "worse"


def _half_width(before: Value, after: Value) -> float:
    widths = [item.high - item.low for item in (before, after) if item.low is not None and item.high is not None]
    return math.hypot(*widths) / 2
