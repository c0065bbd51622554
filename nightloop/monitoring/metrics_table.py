"""The metrics table: one row a figure, with its interval, sample size and source. Every report reads from here only.

| column | meaning |
|---|---|
| night | partition: the night that made the figure (for realised metrics, the night on which the labels were known) |
| use_case, model_version | whose figure; no version for figures about data |
| group | ``all``, ``column=value`` for a group of entities, or the feature, source, bin or night the metric is about |
| metric | name; ``pooled_…`` stands on several nights, ``restated_…`` on an earlier one whose outcomes changed |
| value, low, high | the figure and its 95 % interval, where it has one |
| n | rows it stands on |
| source | which rows those are, in words |
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nightloop.evidence.verdict import Figure
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase

SCHEMA = pa.schema(
    [
        ("use_case", pa.string()),
        ("model_version", pa.int64()),
        ("group", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n", pa.int64()),
        ("source", pa.string()),
    ]
)


MATCHED = "matched_share"  # of entities that find their outcome, of those and of near misses by the way a key is written
RESTATED, OF_NIGHT = "restated_", "night="  # how the metric and the group of a restated figure begin
OF_VERSION = "model_version="  # how the group of a figure begins that is of one version among several


@dataclass(frozen=True)
class Sourced:
    """Figures of one model (or of none) that stand on the same rows."""

    source: str
    model_version: int | None
    figures: tuple[Figure, ...]


def as_table(use_case: UseCase, sourced: Iterable[Sourced]) -> pa.Table:
    """Return the rows of one night, without the night column.

    A figure that is not a number is no figure and gets no row; an interval end that is not a number is missing.
    """
    rows = [
        {
            "use_case": use_case.use_case,
            "model_version": part.model_version,
            "group": figure.group,
            "metric": figure.metric,
            "value": float(figure.value),
            "low": _finite(figure.low),
            "high": _finite(figure.high),
            "n": int(figure.n),
            "source": part.source,
        }
        for part in sourced
        for figure in part.figures
        if _finite(figure.value) is not None
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def realised_rows(rows: Iterable[Mapping[str, Any]], use_case: UseCase, metric: str) -> dict[Night, Mapping[str, Any]]:
    """Return of each scored night, in order, the row of a realised metric: the newest one, where its outcomes were revised.

    Args:
        rows: of the table, with night, group and metric at least.
        use_case: says how long a label takes to mature.
        metric: its name.
    """
    matured, newest = timedelta(days=use_case.label.matures_after), {}
    for row in sorted(rows, key=lambda row: row["night"]):
        if (row["metric"], row["group"]) == (metric, "all"):
            newest[row["night"] - matured] = row
        elif row["metric"] == f"{RESTATED}{metric}":
            newest[date.fromisoformat(row["group"].removeprefix(OF_NIGHT))] = row
    return dict(sorted(newest.items()))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
