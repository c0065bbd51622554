"""How far groups lie apart, pair by pair, and how far all pairs at once may deviate: by resampled nights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nightloop.evidence.fairness.group_counts import Counts
from nightloop.evidence.intervals import CONFIDENCE, Floats, student_quantile

Scale = Literal["difference", "ratio", "level"]
DRAWS, SEED = 1000, 1993
SHARE_BELOW = 0.5 + CONFIDENCE / 2  # of one end
# Of all ends at once: each pair estimates its error for itself, so that among many one is too small more often than draws show.
# With 0.975 some end was beyond the truth in 5 % of simulated trainings of 14 nights, with 0.99 in 2 % (docs/gates.md).
AT_ONCE = 0.99
PAIRS_AT_ONCE = 2000  # 16 MB of draws


@dataclass(frozen=True)
class Contrasts:
    """All pairs of the groups of one mean; of a level each group against zero.

    Attributes:
        gap: the figure itself: largest difference, smallest over largest mean, or largest distance from zero.
        pairs: (p,) names, the larger first.
        apart: (p,) how far, never negative; of a ratio in logarithms.
        error: (p,) standard error of that.
        deviation: (b,) of each draw of nights, the largest deviation of a pair in units of its standard deviation.
    """

    gap: float
    pairs: tuple[tuple[str, ...], ...]
    apart: Floats
    error: Floats
    deviation: Floats


def night_weights(nights: int, draws: int) -> Floats:
    """Return how often each night is drawn (draws, nights): as many as there are, with replacement, by a fixed seed."""
    if not nights:
        return np.zeros((draws, 0))
    shares = np.full(nights, 1 / nights)
    return np.random.default_rng(SEED).multinomial(nights, shares, size=draws).astype(np.float64)


def contrasts(counts: Counts, scale: Scale, weights: Floats) -> Contrasts:
    """Compare all groups with one another; ``weights`` (b, t) are the draws of nights."""
    values = _scaled(counts.sums.sum(axis=0), counts.rows.sum(axis=0), scale)
    drawn = _scaled(weights @ counts.sums, weights @ counts.rows, scale)
    drawn = np.where(np.isfinite(drawn), drawn, values)  # a draw without any row of the group deviates by nothing
    slope = _slope(counts, scale)
    covariance = counts.covariance * np.outer(slope, slope)
    names, size = counts.groups, len(counts.groups)
    if scale == "level":  # a group more, whose value is zero for certain
        values, drawn = np.append(values, 0.0), np.hstack([drawn, np.zeros((len(drawn), 1))])
        covariance = np.pad(covariance, (0, 1))
        first, second = np.arange(size), np.full(size, size)
    else:
        first, second = np.triu_indices(size, 1)
    apart = values[first] - values[second]
    variance = covariance[first, first] + covariance[second, second] - 2 * covariance[first, second]
    pairs = [_named(names, *pair) for pair in zip(first.tolist(), second.tolist(), (apart < 0).tolist(), strict=True)]
    deviation = np.zeros(len(weights))
    for start in range(0, len(first), PAIRS_AT_ONCE):
        part = slice(start, start + PAIRS_AT_ONCE)
        np.maximum(deviation, _deviation(drawn[:, first[part]] - drawn[:, second[part]], apart[part]), out=deviation)
    gap = _ratio(counts.values) if scale == "ratio" else float(np.max(np.abs(apart)))
    return Contrasts(gap, tuple(pairs), np.abs(apart), np.sqrt(np.maximum(variance, 0.0)), deviation)


def reaches(all_contrasts: Sequence[Contrasts], nights: int) -> tuple[float, float]:
    """Return by how many standard errors the end of one pair, and the ends of all pairs at once, lie from the figure.

    The resampled quantile of the largest deviation says which level each pair must be held to; Student's t on the nights at
    that level is the reach.
    """
    from scipy.special import ndtr

    deviation = np.max([each.deviation for each in all_contrasts], axis=0)
    level = max(float(ndtr(np.quantile(deviation, AT_ONCE))), SHARE_BELOW)
    return student_quantile(SHARE_BELOW, nights - 1), student_quantile(min(level, 1 - 1e-12), nights - 1)


def _scaled(sums: Floats, rows: Floats, scale: Scale) -> Floats:
    """Return the means; for a ratio the logarithms, with half a row more on either side, so that a share of 0 has one."""
    with np.errstate(invalid="ignore"):
        means = np.where(rows > 0, sums / np.maximum(rows, 1), np.nan)
    if scale != "ratio":
        return means
    return np.where(rows > 0, np.log((sums + 0.5) / (rows + 1)), np.nan)


def _ratio(means: Floats) -> float:
    """Return the smallest over the largest; NaN where all are zero."""
    return float(means.min() / means.max()) if means.max() > 0 else math.nan


def _slope(counts: Counts, scale: Scale) -> Floats:
    """Return by how much the scaled value changes with the mean (g,)."""
    sums, rows = counts.sums.sum(axis=0), counts.rows.sum(axis=0)
    return np.asarray((rows + 1) / (sums + 0.5)) if scale == "ratio" else np.ones(len(sums))


def _deviation(drawn: Floats, apart: Floats) -> Floats:
    """Return the largest standardised deviation (b,) of pairs (b, p)."""
    spread = drawn.std(axis=0)
    moving = spread > 1e-12 * (1 + np.abs(apart))  # what does not move but for rounding deviates by nothing
    if not moving.any():
        return np.zeros(len(drawn))
    return np.asarray(np.max(np.abs(drawn[:, moving] - apart[moving]) / spread[moving], axis=1))


def _named(names: Sequence[str], first: int, second: int, is_negative: bool) -> tuple[str, ...]:
    if second == len(names):
        return (names[first],)
    return (names[second], names[first]) if is_negative else (names[first], names[second])
