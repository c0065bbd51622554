"""What is usual: limits for a night's rows and columns, from the nights published before it and from those only.

A limit is the recent nights' median, give or take ``tolerance`` times their spread. The spread is robust: the median absolute
deviation between nights (times 1.4826, which makes it a standard deviation for a normal distribution), joined with the
sampling error within one night, so that a column which never moved still may by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, median_low
from typing import Any

from nightloop.contracts.summaries import PROBABILITIES, Summary
from nightloop.nights import Night

RECENT_NIGHTS = 28
WEEKDAYS = 8  # how many of the newest same weekdays tell the usual number of rows
WEEKS = 12  # and how far back they may lie
ENOUGH = 3  # fewer nights than these tell nothing about the usual number of rows
ENOUGH_TO_COMPARE = 14  # nights that tell how far a column's distribution moves from one to the next
TOLERANCE = 6.0
_NORMAL = 1.4826


@dataclass(frozen=True)
class History:
    """A published night: how many rows, and what its columns looked like."""

    rows: int
    columns: Summary = field(default_factory=dict)


def recent(night: Night, history: Mapping[Night, History], nights: int = RECENT_NIGHTS) -> dict[Night, History]:
    """Return the nights that stand at most so many nights before ``night``, in order."""
    return {before: history[before] for before in sorted(history) if 0 < (night - before).days <= nights}


def usual_rows(night: Night, history: Mapping[Night, History]) -> int | None:
    """Return the median of the same weekdays among the 28 nights before (of all of them where those are too few)."""
    rows = {before: past.rows for before, past in recent(night, history).items()}
    same = [count for before, count in rows.items() if before.weekday() == night.weekday()]
    judged_by = same if len(same) >= ENOUGH else list(rows.values())
    return median_low(judged_by) if len(judged_by) >= ENOUGH else None


def usual_rows_of_weekday(night: Night, history: Mapping[Night, History]) -> int | None:
    """Return the median of the eight newest nights of the same weekday in the twelve weeks before; never of other days."""
    before = recent(night, history, 7 * WEEKS)
    same = [past.rows for other, past in before.items() if other.weekday() == night.weekday()][-WEEKDAYS:]
    return median_low(same) if len(same) >= ENOUGH else None


def quantile_limits(nights: Sequence[History], column: str, tolerance: float) -> list[tuple[float, float]] | None:
    """Return lowest and highest value of each quantile of ``PROBABILITIES``; None where too few nights have the column."""
    known = [(past.columns[column]["quantiles"], past.rows - past.columns[column]["missing"]) for past in _with(nights, column)]
    if len(known) < ENOUGH_TO_COMPARE:
        return None
    errors = [_quantile_errors(values, count) for values, count in known]
    return [
        _limits([values[i] for values, _ in known], [error[i] for error in errors], tolerance)
        for i in range(len(PROBABILITIES))
    ]


def _with(nights: Sequence[History], column: str) -> list[History]:
    return [past for past in nights if past.columns.get(column, {}).get("quantiles")]


def _quantile_errors(values: Sequence[float], count: int) -> list[float]:
    """Return the standard error of each quantile: sqrt(p (1 - p) / n) over the density, which its neighbours tell."""
    errors = []
    for i, p in enumerate(PROBABILITIES):
        low, high = max(i - 1, 0), min(i + 1, len(PROBABILITIES) - 1)
        per_probability = (values[high] - values[low]) / (PROBABILITIES[high] - PROBABILITIES[low])
        errors.append(math.sqrt(p * (1 - p) / count) * per_probability)
    return errors


def present_limit(nights: Sequence[History], column: str, tolerance: float) -> float | None:
    """Return the smallest share of rows in which the column is there; None where too few nights tell."""
    known = [(past.columns[column]["missing"], past.rows) for past in nights if column in past.columns and past.rows]
    if len(known) < ENOUGH_TO_COMPARE:
        return None
    shares = [1 - missing / rows for missing, rows in known]
    smoothed = [((missing + 1) / (rows + 2), rows) for missing, rows in known]  # a share of exactly 0 or 1 has an error too
    errors = [math.sqrt(share * (1 - share) / rows) for share, rows in smoothed]
    return max(0.0, _limits(shares, errors, tolerance)[0])


def usual_shares(nights: Sequence[History], column: str) -> dict[str, list[Any]] | None:
    """Return the values of a text column and the share of rows each had, over all recent nights together."""
    known = [past.columns[column]["counts"] for past in nights if past.columns.get(column, {}).get("counts")]
    if len(known) < ENOUGH_TO_COMPARE:
        return None
    total = {value: sum(counts.get(value, 0) for counts in known) for value in sorted({v for counts in known for v in counts})}
    every = sum(total.values())
    return {"values": list(total), "weights": [count / every for count in total.values()]}


def _limits(values: Sequence[float], errors: Sequence[float], tolerance: float) -> tuple[float, float]:
    centre = median(values)
    between = _NORMAL * median(abs(value - centre) for value in values)
    spread = tolerance * math.hypot(between, median(errors))
    return centre - spread, centre + spread


def _median_low(nights: Sequence[History], column: str, tolerance: float) -> float | None:
    found = quantile_limits(nights, column, tolerance)
    return found[PROBABILITIES.index(0.5)][0] if found else None


def _median_high(nights: Sequence[History], column: str, tolerance: float) -> float | None:
    found = quantile_limits(nights, column, tolerance)
    return found[PROBABILITIES.index(0.5)][1] if found else None


def _quantiles(nights: Sequence[History], column: str, tolerance: float) -> dict[str, list[Any]] | None:
    found = quantile_limits(nights, column, tolerance)
    return {"quantiles": list(PROBABILITIES), "value_ranges": [list(pair) for pair in found]} if found else None


OF_COLUMN: Mapping[str, tuple[str, Callable[[Sequence[History], str, float], Any]]] = {
    "median_low": ("lowest median of the rule's column, from recent nights", _median_low),
    "median_high": ("highest median of the rule's column, from recent nights", _median_high),
    "usual_quantiles": ("limits of the 5, 25, 50, 75 and 95 % quantiles of the rule's column, from recent nights", _quantiles),
    "present_low": ("smallest share of rows that have the rule's column, from recent nights", present_limit),
    "usual_shares": (
        "share of rows of each value of the rule's column, in the recent nights together",
        lambda nights, column, _: usual_shares(nights, column),
    ),
}
"""Numbers that depend on the column of the rule that reads them."""
