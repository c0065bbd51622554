"""Limits for a night's rows and columns, from the nights published before it and from those only.

What the columns of a published night looked like is kept in the night's commit: a few counts and order statistics, which do
not depend on the order of the rows (a mean would). A later night is compared with them; no published row is read again.

A limit is the recent nights' median, give or take ``tolerance`` times their spread. The spread is robust: the median absolute
deviation between nights (times 1.4826, which makes it a standard deviation for a normal distribution), joined with the
sampling error within one night, so that a column which never moved still may by chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median, median_low
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.nights import Night

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_VALUES = 50
"""Distinct texts a column may have to be summarised by how often each occurs; above, it is a name, not a category."""
_FEW_ROWS = 10_000

Summary = Mapping[str, Mapping[str, Any]]

RECENT_NIGHTS = 28
WEEKDAYS = 8  # how many of the newest same weekdays tell the typical number of rows
WEEKS = 12  # and how far back they may lie
ENOUGH = 3  # fewer nights than these tell nothing about the typical number of rows
ENOUGH_TO_COMPARE = 14  # nights that tell how far a column's distribution moves from one to the next
TOLERANCE = 6.0
_NORMAL = 1.4826


@dataclass(frozen=True)
class History:
    """A published night: how many rows, and what its columns looked like."""

    row_count: int
    columns: Summary = field(default_factory=dict)


def summary(table: pa.Table) -> dict[str, dict[str, Any]]:
    """Return, for each column, ``missing`` and, where there is something to say, ``quantiles`` or ``counts``.

    ``quantiles`` are values of the column at ``PROBABILITIES`` (numbers); ``counts`` the rows by value (texts of few values).
    """
    if table.num_rows <= _FEW_ROWS:
        return {name: _column(table.column(name)) for name in table.column_names}
    with ThreadPoolExecutor(max_workers=2) as threads:
        return dict(zip(table.column_names, threads.map(_column, table.columns), strict=True))


def _column(column: pa.ChunkedArray) -> dict[str, Any]:
    values = present(column)
    column_summary: dict[str, Any] = {"missing": len(column) - len(values)}
    if not len(values):
        return column_summary
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        column_summary["quantiles"] = quantiles(values, PROBABILITIES)
    elif pa.types.is_string(column.type) and pc.count_distinct(values[:_FEW_ROWS]).as_py() <= MOST_VALUES:
        counts = pc.value_counts(values).to_pylist()
        if len(counts) <= MOST_VALUES:
            in_order = sorted(counts, key=lambda item: str(item["values"]))
            column_summary["counts"] = {item["values"]: item["counts"] for item in in_order}
    return column_summary


def present(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values that are not missing; a number that is not one (NaN) is missing."""
    values = column.drop_null()
    if not pa.types.is_floating(column.type) or not pc.any(unusual := pc.is_nan(values)).as_py():
        return values
    return values.filter(pc.invert(unusual))


def quantiles(values: pa.ChunkedArray, probabilities: Sequence[float]) -> list[float]:
    """Return values of the column at these probabilities, each the one nearest in rank (what pandas calls nearest)."""
    ranks = np.rint(np.asarray(probabilities) * (len(values) - 1)).astype(np.int64)
    ordered = np.partition(values.to_numpy(), np.unique(ranks))
    return [value.item() for value in ordered[ranks]]


def recent(night: Night, history: Mapping[Night, History], nights: int = RECENT_NIGHTS) -> dict[Night, History]:
    """Return the nights that stand at most so many nights before ``night``, in order."""
    return {before: history[before] for before in sorted(history) if 0 < (night - before).days <= nights}


def typical_rows(night: Night, history: Mapping[Night, History]) -> int | None:
    """Return the median of the same weekdays among the 28 nights before (of all of them where those are too few)."""
    nights = recent(night, history)
    same_weekday = [earlier.row_count for before, earlier in nights.items() if before.weekday() == night.weekday()]
    counts = same_weekday if len(same_weekday) >= ENOUGH else [earlier.row_count for earlier in nights.values()]
    return median_low(counts) if len(counts) >= ENOUGH else None


def typical_rows_of_weekday(night: Night, history: Mapping[Night, History]) -> int | None:
    """Return the median of the eight newest nights of the same weekday in the twelve weeks before; never of other days."""
    nights = recent(night, history, 7 * WEEKS)
    same_weekday = [earlier.row_count for before, earlier in nights.items() if before.weekday() == night.weekday()]
    counts = same_weekday[-WEEKDAYS:]
    return median_low(counts) if len(counts) >= ENOUGH else None


def quantile_limits(nights: Sequence[History], column: str, tolerance: float) -> list[tuple[float, float]] | None:
    """Return lowest and highest value of each quantile of ``PROBABILITIES``; None where too few nights have the column."""
    known = [
        (night.columns[column]["quantiles"], night.row_count - night.columns[column]["missing"])
        for night in _with_quantiles(nights, column)
    ]
    if len(known) < ENOUGH_TO_COMPARE:
        return None
    errors = [_quantile_errors(values, count) for values, count in known]
    return [
        _limits([values[i] for values, _ in known], [error[i] for error in errors], tolerance)
        for i in range(len(PROBABILITIES))
    ]


def _with_quantiles(nights: Sequence[History], column: str) -> list[History]:
    return [night for night in nights if night.columns.get(column, {}).get("quantiles")]


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
    known = [
        (night.columns[column]["missing"], night.row_count) for night in nights if column in night.columns and night.row_count
    ]
    if len(known) < ENOUGH_TO_COMPARE:
        return None
    shares = [1 - missing / rows for missing, rows in known]
    smoothed = [((missing + 1) / (rows + 2), rows) for missing, rows in known]  # a share of exactly 0 or 1 has an error too
    errors = [math.sqrt(share * (1 - share) / rows) for share, rows in smoothed]
    return max(0.0, _limits(shares, errors, tolerance)[0])


def typical_shares(nights: Sequence[History], column: str) -> dict[str, list[Any]] | None:
    """Return the values of a text column and the share of rows each had, over all recent nights together."""
    known = [night.columns[column]["counts"] for night in nights if night.columns.get(column, {}).get("counts")]
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
    limits = quantile_limits(nights, column, tolerance)
    return limits[PROBABILITIES.index(0.5)][0] if limits else None


def _median_high(nights: Sequence[History], column: str, tolerance: float) -> float | None:
    limits = quantile_limits(nights, column, tolerance)
    return limits[PROBABILITIES.index(0.5)][1] if limits else None


def _quantiles(nights: Sequence[History], column: str, tolerance: float) -> dict[str, list[Any]] | None:
    limits = quantile_limits(nights, column, tolerance)
    return {"quantiles": list(PROBABILITIES), "value_ranges": [list(pair) for pair in limits]} if limits else None


OF_COLUMN: Mapping[str, tuple[str, Callable[[Sequence[History], str, float], Any]]] = {
    "median_low": ("lowest median of the rule's column, from recent nights", _median_low),
    "median_high": ("highest median of the rule's column, from recent nights", _median_high),
    "usual_quantiles": ("limits of the 5, 25, 50, 75 and 95 % quantiles of the rule's column, from recent nights", _quantiles),
    "present_low": ("smallest share of rows that have the rule's column, from recent nights", present_limit),
    "usual_shares": (
        "share of rows of each value of the rule's column, in the recent nights together",
        lambda nights, column, _: typical_shares(nights, column),
    ),
}
"""Parameters that depend on the column of the rule that reads them: what each means, and what computes it."""
