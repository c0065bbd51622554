"""What a column of one night looks like, in counts that add up: parts of a night are profiled apart and merged in any order.

Values are counted on a grid that the reference fixes: bins of a histogram, the range that was seen, and a unit for moments.
Every count is a whole number, moments too (values are rounded to 1 / UNIT of the reference's standard deviation), so that
neither the order of rows nor the layout of files changes a profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.reference_profile import bin_edges

LEVELS = 20  # a column of no more different values is one of categories, each with a bin of its own
ONE_NIGHT = 0.1  # share of rows whose value no other night has, above which a new value is no news
FEWEST_NIGHTS = 3  # that can tell so
REACH = 0.5  # what lies beyond the seen range by more than this share of it is unseen
UNIT = 1024  # moments are counted in this part of a standard deviation,
DRAWN_IN = 8  # of values drawn in to as many of them: one wild value is no moved mean

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True)
class ColumnProfile:
    """Counts of one column.

    Attributes:
        rows: all of them.
        missing: without a value.
        infinite: no finite value; counted apart, and as unseen.
        unseen: outside of the range, or none of the levels, of the reference.
        total: of finite values in 1 / UNIT of the grid's scale from its centre, drawn in to DRAWN_IN.
        counts: of finite values by bin.
    """

    rows: int
    missing: int
    infinite: int
    unseen: int
    total: int
    counts: tuple[int, ...]

    @property
    def finite(self) -> int:
        """Rows that have a finite value."""
        return self.rows - self.missing - self.infinite

    @property
    def mean(self) -> float:
        """Mean in standard deviations from the grid's centre; NaN where there is no value."""
        return self.total / self.finite / UNIT if self.finite else np.nan

    @property
    def histogram(self) -> Counts:
        """Counts by bin; the last one is of rows without a finite value."""
        return np.array([*self.counts, self.missing + self.infinite], dtype=np.int64)

    def __add__(self, other: ColumnProfile) -> ColumnProfile:
        """Return the profile of both parts together."""
        one, two = asdict(self), asdict(other)
        counts = tuple(a + b for a, b in zip(self.counts, other.counts, strict=True))
        return ColumnProfile(**{name: one[name] + two[name] for name in one if name != "counts"}, counts=counts)


@dataclass(frozen=True)
class Grid:
    """How a column's values are counted.

    Attributes:
        edges: ascending; bin i holds edges[i-1] < value <= edges[i], the outer bins are open.
        has_levels: the edges are all the values that were seen: any other is unseen.
        low, high: ends of the range beyond which a value is unseen.
        centre, scale: mean and standard deviation of the reference; where it does not vary, the size of its value.
    """

    edges: tuple[float, ...]
    has_levels: bool
    low: float
    high: float
    centre: float
    scale: float

    @classmethod
    def of(cls, values: Floats, nights: NDArray[np.datetime64] | None = None) -> Self:
        """Return the grid of a reference's values (n,), NaN for missing; without a finite value, any is unseen.

        Args:
            values: of the rows.
            nights: (n,) of the rows. Values that a night has to itself, as of a figure of the whole night, are no categories,
                however few they are: every later night will bring another.
        """
        is_finite = np.isfinite(values)
        finite = values[is_finite]
        if not len(finite):
            return cls((), has_levels=True, low=0.0, high=0.0, centre=0.0, scale=1.0)
        levels = np.unique(finite)
        has_levels = len(levels) <= LEVELS and (nights is None or not _is_of_nights(finite, nights[is_finite]))
        least, most = float(levels[0]), float(levels[-1])
        beyond = REACH * (most - least)
        with np.errstate(over="ignore"):
            centre, scale = float(np.mean(finite)), float(np.std(finite))
        is_constant = not np.isfinite(scale) or scale <= abs(centre) / 1e9
        return cls(
            tuple(levels.tolist()) if has_levels else tuple(bin_edges(finite).tolist()),
            has_levels,
            least - beyond,
            most + beyond,
            centre if np.isfinite(centre) else 0.0,
            max(abs(least), abs(most), 1e-9) if is_constant else scale,
        )

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what ``asdict`` gave."""
        return cls(**{**value, "edges": tuple(value["edges"])})

    def count(self, values: Floats) -> ColumnProfile:
        """Count values (n,), NaN for missing."""
        missing, infinite = int(np.count_nonzero(np.isnan(values))), int(np.count_nonzero(np.isinf(values)))
        finite = values[np.isfinite(values)] if missing or infinite else values
        edges = np.asarray(self.edges, dtype=np.float64)
        place = np.searchsorted(edges, finite, side="left")
        if self.has_levels:
            in_range = np.count_nonzero(np.append(edges, np.nan)[place] == finite)
        else:
            in_range = np.count_nonzero((finite >= self.low) & (finite <= self.high))
        with np.errstate(over="ignore"):
            units = np.clip((finite - self.centre) * (UNIT / self.scale), -DRAWN_IN * UNIT, DRAWN_IN * UNIT)
        rounded = np.rint(units).astype(np.int64)
        return ColumnProfile(
            rows=len(values),
            missing=missing,
            infinite=infinite,
            unseen=len(finite) - int(in_range) + infinite,
            total=int(rounded.sum()),
            counts=tuple(np.bincount(place, minlength=len(edges) + 1).tolist()),
        )


def _is_of_nights(values: Floats, nights: NDArray[np.datetime64]) -> bool:
    """Tell whether more than a few rows hold a value that no other night has."""
    days = np.unique(nights)
    if len(days) < FEWEST_NIGHTS:
        return False
    levels, place, rows = np.unique(values, return_inverse=True, return_counts=True)
    pairs = np.unique(np.column_stack([place, np.searchsorted(days, nights)]), axis=0)
    of_one = np.bincount(pairs[:, 0], minlength=len(levels)) == 1
    return bool(rows[of_one].sum() > ONE_NIGHT * len(values))
