"""Confidence intervals for figures whose rows come in nights.

Rows of one night share their weather, their holidays, their strikes: they are not independent, and an interval that takes
them so is far too narrow. Every figure here is written as a mean of influences, one a row; the influences are
summed by night, and the nights are taken as the independent units.

Sources: Obuchowski (1997), Nonparametric analysis of clustered ROC curve data, Biometrics 53; DeLong, DeLong and
Clarke-Pearson (1988), Biometrics 44 (the same figure when every row is a night of its own); Bell and McCaffrey (2002) on
why few clusters ask for Student's t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Nights = NDArray[Any] | None

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure and what each row adds to its error.

    Attributes:
        value: the figure.
        influence: (n,); their sum is zero up to rounding, and the variance of the figure is that of their sum.
    """

    value: float
    influence: Floats

    def minus(self, other: Estimate) -> Estimate:
        """Return the difference of two figures of the same rows: paired, so what both get wrong cancels."""
        return Estimate(self.value - other.value, self.influence - other.influence)

    def interval(self, nights: Nights = None, confidence: float = CONFIDENCE) -> tuple[float | None, float | None]:
        """Return the ends of the interval, both None with fewer than two nights.

        Args:
            nights: for each row the night it belongs to; None: every row is on its own.
            confidence: share of intervals that hold the truth.
        """
        sums, groups = _sums(self.influence, nights)
        if groups < 2 or not math.isfinite(self.value):  # noqa: PLR2004 - one night tells nothing of other nights
            return None, None
        reach = student_quantile(0.5 + confidence / 2, groups - 1) * math.sqrt(_variance(sums, groups))
        return self.value - reach, self.value + reach

    def variance(self, nights: Nights = None) -> float:
        """Return the variance of the figure; NaN with fewer than two nights."""
        sums, groups = _sums(self.influence, nights)
        return _variance(sums, groups) if groups > 1 else math.nan


def mean(values: Floats) -> Estimate:
    """Return the mean of values (n,)."""
    if not len(values):
        return Estimate(math.nan, np.zeros(len(values)))
    centre = float(np.mean(values))
    return Estimate(centre, (values - centre) / len(values))


def share(hits: Bools, among: Bools) -> Estimate:
    """Return the share of ``hits`` in the rows ``among``; NaN when there are none. Both (n,)."""
    size = int(among.sum())
    if not size:
        return Estimate(math.nan, np.zeros(len(hits)))
    value = float((hits & among).sum() / size)
    return Estimate(value, np.where(among, hits.astype(np.float64) - value, 0.0) / size)


def auc(label: Bools, score: Floats) -> Estimate:
    """Return the chance that a positive row scores above a negative one (ties count half); NaN with one class only.

    0.5 is a coin, 1 a perfect order. The influences are DeLong's placement values.
    """
    positive, negative = int(label.sum()), int((~label).sum())
    if not positive or not negative:
        return Estimate(math.nan, np.zeros(len(label)))
    # Midrank among all minus midrank among one's own class counts the rows of the other class below.
    alone = np.zeros(len(label), dtype=np.int64)
    everywhere, of_class = _midranks(score, alone), _midranks(score, alone + label)
    placement = np.empty(len(score))
    placement[label] = (everywhere[label] - of_class[label]) / negative
    placement[~label] = 1.0 - (everywhere[~label] - of_class[~label]) / positive
    value = float(np.mean(placement[label]))
    return Estimate(value, (placement - value) / np.where(label, positive, negative))


def auc_by_night(label: Bools, score: Floats, nights: Nights) -> Estimate:
    """Return the chance that a positive row scores above a negative one of the same night; ties count half.

    Nights are weighted by what their rows tell, positives x negatives / rows (van Elteren 1960), so a
    night of one class has no weight. What nights have of their own, a storm or a holiday, is in no difference of two such
    figures. NaN where no night has both classes.
    """
    if nights is None:
        return auc(label, score)
    place = np.unique(nights, return_inverse=True)[1]
    rows = np.bincount(place).astype(np.float64)
    positive = np.bincount(place, weights=label)
    negative = rows - positive
    weight = positive * negative / np.maximum(rows, 1)
    if not weight.sum():
        return Estimate(math.nan, np.zeros(len(label)))
    weight /= weight.sum()
    below = _midranks(score, place) - _midranks(score, 2 * place + label)
    others = np.maximum(np.where(label, negative[place], positive[place]), 1)
    placement = np.where(label, below / others, 1.0 - below / others)
    of_night = np.bincount(place, weights=np.where(label, placement, 0.0)) / np.maximum(positive, 1)
    value = float(weight @ of_night)
    own_class = np.maximum(np.where(label, positive[place], negative[place]), 1)
    within = (placement - of_night[place]) / own_class
    return Estimate(value, weight[place] * (within + (of_night[place] - value) / rows[place]))


def student_quantile(share_below: float, degrees: int) -> float:
    """Return the value that Student's t with these degrees of freedom stays below, with the given probability."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, share_below))


def _variance(sums: Floats, groups: int) -> float:
    return groups / (groups - 1) * float(np.sum(sums**2))


def _sums(influence: Floats, nights: Nights) -> tuple[Floats, int]:
    if nights is None:
        return influence, len(influence)
    unique_nights, place = np.unique(nights, return_inverse=True)
    sums = np.bincount(place, weights=influence, minlength=len(unique_nights))
    return sums.astype(np.float64), len(unique_nights)


def _midranks(values: Floats, group: NDArray[Any]) -> Floats:
    """Return each value's rank from 1 within its group; equal values share the mean of theirs."""
    order = np.lexsort((values, group))
    changes = np.diff(group[order], prepend=-1) != 0
    is_new = changes | (np.diff(values[order], prepend=np.nan) != 0)
    count = np.bincount(np.cumsum(is_new) - 1)
    ranks = np.cumsum(count) - (count - 1) / 2
    before = np.flatnonzero(changes)  # rows of the groups before, of each group
    ranked = np.repeat(ranks, count) - before[np.cumsum(changes) - 1]
    result = np.empty(len(values))
    result[order] = ranked
    return result
