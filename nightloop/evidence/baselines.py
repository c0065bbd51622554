"""Answers that a candidate must be worth more than: the rate that was last known, and the points of a scorecard.

Arrays of n rows; a night is a datetime64[D].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.intervals import Floats

QUANTILES = (0.2, 0.4, 0.6, 0.8)  # where a scorecard cuts a feature


def last_known_rate(
    label: NDArray[Any],
    night: NDArray[np.datetime64],
    asked: NDArray[np.datetime64],
    *,
    delay: int,
    base_rate: float | tuple[float, ...],
) -> Floats:
    """Answer rows with the mean label of the newest night whose labels were known when theirs was scored.

    Args:
        label: (n,) bool, number, or the place of the class; as known at the training.
        night: (n,) the scored night of each.
        asked: (m,) the scored nights of the rows to answer.
        delay: nights until a label is known; at least those of the night before are taken to be.
        base_rate: the mean of all, or the share of each class (c,): the answer where nothing was known. Means of a night are
            shrunk to it by the weight of one row, so that no share is 0 or 1.

    Returns:
        (m,), or (m, c).
    """
    prior = np.asarray(base_rate, dtype=np.float64)
    values = np.eye(len(prior))[label] if prior.ndim else np.asarray(label, dtype=np.float64)
    answer = np.broadcast_to(prior, (len(asked), *prior.shape)).copy()
    for of in np.unique(asked):
        known = night[night <= of - np.timedelta64(max(delay, 1), "D")]
        if len(known):
            newest = values[night == known.max()]
            answer[asked == of] = (newest.sum(axis=0) + prior) / (len(newest) + 1)
    return answer


@dataclass(frozen=True)
class ScorecardBins:
    """The bins of each feature and the points of each bin; the last bin of a feature holds what is missing.

    Attributes:
        edges: by feature, ascending; a value on an edge is in the bin above it.
        points: by feature, one a bin: the weight of evidence (Siddiqi 2006), log-odds of the bin less those of all rows; of a
            number, the mean of the bin less that of all rows. Both are shrunk to 0 by the weight of one row.
    """

    edges: tuple[Floats, ...]
    points: tuple[Floats, ...]

    @classmethod
    def fit(cls, features: Floats, label: NDArray[Any]) -> ScorecardBins:
        """Cut features (n, k), NaN for missing, at the fifths of their values; weigh the bins by labels (n,)."""
        edges = tuple(_edges(column) for column in features.T)
        binned = [(_bins(column, cuts), len(cuts) + 2) for column, cuts in zip(features.T, edges, strict=True)]
        return cls(edges, tuple(_points(bins, count, label) for bins, count in binned))

    def apply(self, features: Floats) -> Floats:
        """Return the points (n, k) of rows (n, k)."""
        columns = zip(features.T, self.edges, self.points, strict=True)
        return np.column_stack([points[_bins(column, cuts)] for column, cuts, points in columns])


def _edges(column: Floats) -> Floats:
    known = column[~np.isnan(column)]
    return np.unique(np.quantile(known, QUANTILES, method="lower")) if len(known) else np.empty(0)


def _bins(column: Floats, edges: Floats) -> NDArray[np.intp]:
    return np.where(np.isnan(column), len(edges) + 1, np.searchsorted(edges, column, side="right"))


def _points(bins: NDArray[np.intp], count: int, label: NDArray[Any]) -> Floats:
    """Return the points of each of ``count`` bins."""
    overall = float(np.mean(label))
    mean = (np.bincount(bins, weights=label, minlength=count) + overall) / (np.bincount(bins, minlength=count) + 1)
    if label.dtype != np.bool_:
        return np.asarray(mean - overall)
    return np.asarray(np.log(mean / (1 - mean)) - np.log(overall / (1 - overall)))
