"""Tell each verdict that can never pass, never fail, or never be given, by its limits and the rows and groups at hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from nightloop.definitions.use_case import UseCase
from nightloop.evidence.evaluation import MINIMUM_NIGHTS
from nightloop.wording import counted

if TYPE_CHECKING:
    from nightloop.lake import Lake

MOST_GROUPS = 50  # more of them are no groups of people: a key, a name, a number
OF_SHARES = ("rate_difference", "accuracy_difference", "odds_difference")
BINS = 10  # of a feature's profile
PASS, FAIL, GIVEN = "can never pass", "can never fail", "can never be given"


@dataclass(frozen=True)
class AtHand:
    """What the newest nights of a lake, or the nights of a sample, hold.

    Attributes:
        rows: labelled rows of a typical night; None: not known.
        scored: rows of a typical night, labelled or not; None: not known.
        groups: rows of each value of a column of the fairness gate, on the nights that a candidate is judged on.
    """

    rows: float | None = None
    scored: float | None = None
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def at_hand(use_case: UseCase, lake: Lake) -> AtHand:
    """Return what the newest nights of the lake hold."""
    name, nights = use_case.use_case, use_case.model.split.validate_nights
    newest: dict[str, list[int]] = {}
    for table in ("labels", "features"):
        states = lake.states(f"{name}/{table}") if lake.exists(f"{name}/{table}") else {}
        newest[table] = [states[night].rows for night in sorted(states)[-nights:]]
    rows, scored = (median(newest[table]) if newest[table] else None for table in ("labels", "features"))
    return AtHand(rows, scored, _groups(use_case, lake, nights))


def _groups(use_case: UseCase, lake: Lake, nights: int) -> dict[str, dict[str, float]]:
    table, columns = f"{use_case.use_case}/raw_{use_case.entity.source}", list(use_case.gates.fairness.columns)
    if not columns or not lake.exists(table):
        return {}
    last = max(lake.states(table), default=None)
    if last is None:
        return {}
    rows = lake.read(table, columns=["night", *columns])
    rows = rows.filter([night > last - timedelta(days=nights) for night in rows.column("night").to_pylist()])
    return {
        column: {str(item["values"]): float(item["counts"]) for item in rows.column(column).value_counts().to_pylist()}
        for column in columns
    }


def impossible_verdicts(use_case: UseCase, held: AtHand) -> list[str]:
    """Return a line for each verdict whose outcome its limits decide beforehand.

    Args:
        use_case: its gates and its monitoring.
        held: rows and groups at hand; what is not known there is not judged.
    """
    every = (_by_rows(use_case, held), _by_limits(use_case), _by_groups(use_case, held), _monitored(use_case, held))
    return [f"  {where} {outcome}: {why}" for lines in every for where, outcome, why in lines]


_Line = tuple[str, str, str]


def _by_rows(use_case: UseCase, held: AtHand) -> Iterator[_Line]:
    """Yield the gates that ask for more rows or nights than a training judges."""
    gates, nights = use_case.gates, use_case.model.split.validate_nights
    if nights < MINIMUM_NIGHTS:
        why = f"validate_nights is {nights}, and {MINIMUM_NIGHTS} nights are the least that tell of other nights"
        yield "gates of performance, calibration and fairness", GIVEN, why
    if held.rows is None:
        return
    judged = held.rows * nights
    limits = {"performance": gates.performance.minimum_rows, "calibration": gates.calibration.minimum_rows}
    for name, minimum in limits.items():
        if minimum > judged:
            yield (
                f"gates.{name}",
                GIVEN,
                f"minimum_rows is {minimum:,}, and {counted(nights)} of {held.rows:,.0f} bring {judged:,.0f}",
            )
    if gates.slices is not None and gates.slices.minimum_rows > judged:
        why = f"a slice is to have {gates.slices.minimum_rows:,} rows, and all of them together have {judged:,.0f}"
        yield "gates.slices", GIVEN, why


def _by_limits(use_case: UseCase) -> Iterator[_Line]:
    """Yield the gates whose limits no figure of the task reaches."""
    gates, task = use_case.gates, use_case.model.task
    performance, calibration, fairness = gates.performance, gates.calibration, gates.fairness
    if performance.metric == "auc":
        if performance.over_baseline >= 1:
            yield "gates.performance", PASS, f"no AUC is better than another by {performance.over_baseline:g}"
        if performance.over_baseline <= -1 and performance.margin_to_champion >= 1:
            yield "gates.performance", FAIL, "no AUC is worse than another by 1"
    if task != "regression":
        for name in ("maximum_error", "maximum_bias"):
            if (limit := getattr(calibration, name)) >= 1:
                yield f"gates.calibration.{name}", FAIL, f"no probability is off by {limit:g}"
        for measure, limit in fairness.bounds.items():
            if measure.endswith(OF_SHARES) and limit >= 1:
                yield f"gates.fairness, {measure},", FAIL, f"no two shares differ by {limit:g}"


def _by_groups(use_case: UseCase, held: AtHand) -> Iterator[_Line]:
    """Yield the columns of the fairness gate whose values are no groups, or too small ones."""
    fairness, key = use_case.gates.fairness, use_case.entity.key
    for column in fairness.columns:
        where, rows = f"gates.fairness by {column}", held.groups.get(column)
        if [column] == list(key):
            yield where, GIVEN, "it is the entity's key: each group is one row"
        elif rows is None:
            continue
        elif len(rows) == 1:
            yield where, GIVEN, f"all rows are of one group, {next(iter(rows))}: there is nothing to compare"
        elif len(rows) > MOST_GROUPS:
            yield where, GIVEN, f"it has {len(rows):,} values on the judged nights: cut them into a few groups"
        elif small := {name: count for name, count in rows.items() if count < fairness.minimum_group_rows}:
            name = min(small, key=lambda each: small[each])
            why = (
                f"minimum_group_rows is {fairness.minimum_group_rows:,}, and {name} has {small[name]:,.0f} on the judged nights"
            )
            yield where, GIVEN, why


def _monitored(use_case: UseCase, held: AtHand) -> Iterator[_Line]:
    """Yield the nightly verdicts."""
    watched, task = use_case.monitoring, use_case.model.task
    if watched.drifted_share_limit >= 1:
        yield "the verdict of drift", FAIL, "no more than all features drift, and drifted_share_limit is 1"
    if task == "binary" and watched.auc_floor == 0:
        yield "the verdict of performance", FAIL, "no AUC is below 0: write an auc_floor"
    if task == "binary" and watched.auc_floor == 1:
        yield "the verdict of performance", PASS, "only a perfect AUC is not below 1"
    if task == "multiclass" and watched.error_ceiling is not None:
        guessing = math.log(len(use_case.model.classes))
        if watched.error_ceiling >= 2 * guessing:
            why = f"guessing has a log loss of {guessing:.2f}, and error_ceiling is {watched.error_ceiling:g}"
            yield "the verdict of performance", FAIL, why
    if task != "binary" and watched.error_ceiling is None:
        yield "the verdict of performance", GIVEN, "error_ceiling is left out"
    if held.scored is not None and watched.minimum_rows > held.scored:
        yield (
            "the verdict of drift",
            GIVEN,
            f"monitoring.minimum_rows is {watched.minimum_rows:,}, and a night has {held.scored:,.0f}",
        )
    if held.rows is not None and watched.minimum_rows > held.rows * watched.performance_nights:
        brought = f"{counted(watched.performance_nights)} bring {held.rows * watched.performance_nights:,.0f} labels"
        yield "the verdict of performance", GIVEN, f"monitoring.minimum_rows is {watched.minimum_rows:,}, and {brought}"
    yield from _psi(use_case, held)


def _psi(use_case: UseCase, held: AtHand) -> Iterator[_Line]:
    """Yield a limit of drift that chance alone exceeds on so few rows, so that the limit of chance stands in its place."""
    if held.scored is None or held.scored < use_case.monitoring.minimum_rows:
        return
    from scipy.special import chdtri

    from nightloop.evidence.drift import ALPHA

    chance = float(chdtri(BINS - 1, ALPHA)) / max(held.scored, 1)
    if chance > use_case.monitoring.psi_limit:
        why = f"on {held.scored:,.0f} rows a night chance alone reaches {chance:.2g}, the limit of a feature of ten bins then"
        yield f"monitoring.psi_limit {use_case.monitoring.psi_limit:g}", "never decides", why
