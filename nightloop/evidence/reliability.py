"""Compare what was predicted with what came, bin by bin: the reliability curve, with intervals by night.

Arrays of n rows: ``observed`` and ``prediction`` as numbers whose means ought to be equal, ``nights`` the night of each row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Floats, Nights
from nightloop.evidence.metrics import BINS, equal_count_bins


@dataclass(frozen=True)
class Bin:
    """Rows of similar predictions.

    Attributes:
        predicted, observed: means.
        low, high: ends of the 95 % interval of the observed mean; None where its rows are of one night.
        rows: how many.
        gap, variance: predicted minus observed, and what nights alone make that vary by; NaN where they are of one night.
    """

    predicted: float
    observed: float
    low: float | None
    high: float | None
    rows: int
    gap: float
    variance: float

    @property
    def reach(self) -> tuple[float, float]:
        """How far the interval reaches below and above the observed mean; 0 where there is none."""
        return (0.0, 0.0) if self.low is None or self.high is None else (self.observed - self.low, self.high - self.observed)


def reliability(
    observed: Floats,
    prediction: Floats,
    nights: Nights = None,
    *,
    bins: int = BINS,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> tuple[Bin, ...]:
    """Return bins of equal count, ascending; those that equal predictions leave empty are left out.

    ``within`` are the least and the most that an observed mean can be: Student's t on few nights reaches beyond.
    """
    place = equal_count_bins(prediction, bins)
    return tuple(_bin(observed, prediction, nights, place == number, within) for number in np.unique(place))


def _bin(observed: Floats, prediction: Floats, nights: Nights, rows: intervals.Bools, within: tuple[float, float]) -> Bin:
    of_bin = None if nights is None else nights[rows]
    mean, gap = intervals.mean(observed[rows]), intervals.mean(prediction[rows] - observed[rows])
    low, high = mean.interval(of_bin)
    return Bin(
        predicted=float(np.mean(prediction[rows])),
        observed=mean.value,
        low=None if low is None else max(within[0], low),
        high=None if high is None else min(within[1], high),
        rows=int(rows.sum()),
        gap=gap.value,
        variance=gap.variance(of_bin),
    )


def debiased_error(bins: Sequence[Bin]) -> float:
    """Return the root mean squared gap of the bins, less what a perfect model's would be by chance; 0 where that is all of it.

    Squared gaps are too large by their variance (Bröcker 2012; Kumar, Liang and Ma 2019), here that between nights. NaN where a
    bin's rows are of one night.
    """
    rows = sum(item.rows for item in bins)
    squared = sum(item.rows * (item.gap**2 - item.variance) for item in bins) / rows if rows else math.nan
    return 0.0 if squared <= 0 else math.sqrt(squared)
