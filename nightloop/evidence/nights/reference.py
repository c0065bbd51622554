"""The reference: the nights that a champion knows, column by column, small enough to travel in the bundle.

Nights, not rows: rows of one night share yesterday's rates and last evening's weather, so that what an ordinary night may be is
only seen in how the reference's nights differ from one another, in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.nights.histograms import beyond_mean
from nightloop.evidence.nights.profiles import ColumnProfile, Counts, Floats, Grid

SCORES, LABELS = "scores of", "the outcomes"
"""Names of what is watched beside features, which no feature can have."""

MEASURES = ("mean", "missing", "unseen", "form", "ends")
"""What is compared of a night: its mean, shares without and with an unseen value, and its histogram beyond what its mean
explains: by any difference, and by how much more of it lies at the ends."""


@dataclass(frozen=True)
class Nights:
    """A column's nights in order, (n,) each.

    Attributes:
        night: ordinals of the days.
        rows, missing, unseen: counts; missing includes what is infinite.
        mean: of the drawn-in values, in standard deviations from the centre; NaN where there is none.
        form: PSI against the reference (its own nights: against the others) that was moved to the night's mean.
        ends: mean of the histogram's bent ``scores`` beyond that of the moved reference.

    NaN where a night has no value; the last two also in references from before they were measures.
    """

    night: Counts
    rows: Counts
    missing: Counts
    unseen: Counts
    mean: Floats
    form: Floats
    ends: Floats

    @classmethod
    def of(cls, nights: Sequence[int], profiles: Sequence[ColumnProfile], reference: Counts) -> Self:
        """Return the series of profiles, one a night, against the counts of a reference by bin, (b,) or (n, b)."""
        histogram = np.array([item.counts for item in profiles], dtype=np.int64).reshape(len(profiles), reference.shape[-1])
        form, ends = beyond_mean(np.broadcast_to(reference, histogram.shape), histogram)
        return cls(
            np.array(nights, dtype=np.int64),
            np.array([item.rows for item in profiles], dtype=np.int64),
            np.array([item.missing + item.infinite for item in profiles], dtype=np.int64),
            np.array([item.unseen for item in profiles], dtype=np.int64),
            np.array([item.mean for item in profiles], dtype=np.float64),
            form,
            ends,
        )

    def as_json(self) -> dict[str, list[Any]]:
        """Return plain values; what is not a number becomes null."""
        whole = {name: getattr(self, name).tolist() for name in ("night", "rows", "missing", "unseen")}
        broken = {
            name: [round(of, 9) if np.isfinite(of) else None for of in getattr(self, name).tolist()]
            for name in ("mean", "form", "ends")
        }
        return whole | broken

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` wrote."""
        night, rows, missing, unseen = (
            np.array(value[name], dtype=np.int64) for name in ("night", "rows", "missing", "unseen")
        )
        unknown = [None] * len(night)
        mean, form, ends = (np.array(value.get(name, unknown), dtype=np.float64) for name in ("mean", "form", "ends"))
        return cls(night, rows, missing, unseen, mean, form, ends)


@dataclass(frozen=True)
class Column:
    """One feature of the reference: its grid, its histogram over all nights, and its nights."""

    name: str
    grid: Grid
    counts: tuple[int, ...]
    nights: Nights

    @classmethod
    def of(cls, name: str, values: Floats, nights: NDArray[np.datetime64]) -> Self:
        """Profile values (n,), NaN for missing, by their nights (n,)."""
        grid = Grid.of(values, nights)
        days, group = np.unique(nights.astype("datetime64[D]"), return_inverse=True)
        order = np.argsort(group, kind="stable")
        parts = np.split(values[order], np.cumsum(np.bincount(group))[:-1]) if len(days) else []
        profiles = [grid.count(part) for part in parts]
        counts = np.array([item.counts for item in profiles], dtype=np.int64).reshape(len(days), len(grid.edges) + 1)
        empty = sum(item.missing + item.infinite for item in profiles)
        series = Nights.of([day.toordinal() for day in days.tolist()], profiles, counts.sum(axis=0) - counts)
        return cls(name, grid, (*counts.sum(axis=0).tolist(), empty), series)

    @cached_property
    def histogram(self) -> Counts:
        """Counts by bin over all nights; the last one is of rows without a finite value."""
        return np.array(self.counts, dtype=np.int64)

    def series(self, nights: Sequence[int], profiles: Sequence[ColumnProfile]) -> Nights:
        """Return later nights of this column as a series, each against the whole reference."""
        return Nights.of(nights, profiles, self.histogram[:-1])

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "grid": asdict(self.grid),
            "counts": list(self.counts),
            "nights": self.nights.as_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` wrote."""
        return cls(
            value["name"],
            Grid.from_json(value["grid"]),
            tuple(value["counts"]),
            Nights.from_json(value["nights"]),
        )


def night_columns(names: Sequence[str], values: Floats, nights: NDArray[Any]) -> dict[str, list[dict[str, Any]]]:
    """Return what reference.json holds of a feature matrix (n, k), NaN for missing, whose rows are of these nights (n,)."""
    return {"columns": _as_json(names, values, nights)}


def answer_columns(
    names: Sequence[str], scores: Floats, nights: NDArray[Any], labels: NDArray[Any], label_nights: NDArray[Any]
) -> dict[str, list[dict[str, Any]]]:
    """Return what reference.json holds of the answers (n, c) or (n,) by name, and of outcomes (m,), each with its nights."""
    by_name = scores.reshape(len(nights), -1)
    return {
        SCORES: _as_json([f"{SCORES} {name}" for name in names], by_name, nights),
        LABELS: _as_json([LABELS], labels.astype(np.float64)[:, None], label_nights),
    }


def _as_json(names: Sequence[str], values: Floats, nights: NDArray[Any]) -> list[dict[str, Any]]:
    return [Column.of(name, values[:, place], nights).as_json() for place, name in enumerate(names)]
