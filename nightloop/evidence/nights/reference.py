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

from nightloop.evidence.nights.profiles import ColumnProfile, Counts, Floats, Grid
from nightloop.evidence.reference_profile import psi

MEASURES = ("mean", "missing", "unseen", "psi")
"""What is compared of a night: its mean, shares without and with an unseen value, and the distance of its histogram."""


@dataclass(frozen=True)
class Nights:
    """A column's nights in order, (n,) each.

    Attributes:
        night: ordinals of the days.
        rows, missing, unseen: counts; missing includes what is infinite.
        mean: of the drawn-in values, in standard deviations from the centre; NaN where there is none.
        psi: distance from the reference; of its own nights, from the others.
    """

    night: Counts
    rows: Counts
    missing: Counts
    unseen: Counts
    mean: Floats
    psi: Floats

    @classmethod
    def of(cls, nights: Sequence[int], profiles: Sequence[ColumnProfile], distance: Floats) -> Self:
        """Return the series of profiles, one a night."""
        return cls(
            np.array(nights, dtype=np.int64),
            np.array([item.rows for item in profiles], dtype=np.int64),
            np.array([item.missing + item.infinite for item in profiles], dtype=np.int64),
            np.array([item.unseen for item in profiles], dtype=np.int64),
            np.array([item.mean for item in profiles], dtype=np.float64),
            np.asarray(distance, dtype=np.float64),
        )

    def as_json(self) -> dict[str, list[Any]]:
        """Return plain values; what is not a number becomes null."""
        whole = {name: getattr(self, name).tolist() for name in ("night", "rows", "missing", "unseen")}
        broken = {
            name: [round(of, 9) if np.isfinite(of) else None for of in getattr(self, name).tolist()] for name in ("mean", "psi")
        }
        return whole | broken

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` wrote."""
        night, rows, missing, unseen = (
            np.array(value[name], dtype=np.int64) for name in ("night", "rows", "missing", "unseen")
        )
        mean, distance = (np.array(value[name], dtype=np.float64) for name in ("mean", "psi"))
        return cls(night, rows, missing, unseen, mean, distance)


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
        grid = Grid.of(values)
        days, group = np.unique(nights.astype("datetime64[D]"), return_inverse=True)
        order = np.argsort(group, kind="stable")
        parts = np.split(values[order], np.cumsum(np.bincount(group))[:-1]) if len(days) else []
        profiles = [grid.count(part) for part in parts]
        histograms = np.array([item.histogram for item in profiles], dtype=np.int64).reshape(len(days), len(grid.edges) + 2)
        total = histograms.sum(axis=0)
        ordinals = [day.toordinal() for day in days.tolist()]
        series = Nights.of(ordinals, profiles, psi(total - histograms, histograms))
        return cls(name, grid, tuple(total.tolist()), series)

    @cached_property
    def histogram(self) -> Counts:
        """Counts by bin over all nights; the last one is of rows without a finite value."""
        return np.array(self.counts, dtype=np.int64)

    def series(self, nights: Sequence[int], profiles: Sequence[ColumnProfile]) -> Nights:
        """Return later nights of this column as a series, each against the whole reference."""
        histograms = np.array([item.histogram for item in profiles], dtype=np.int64).reshape(len(profiles), len(self.counts))
        return Nights.of(nights, profiles, psi(self.histogram, histograms))

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
    return {"columns": [Column.of(name, values[:, place], nights).as_json() for place, name in enumerate(names)]}
