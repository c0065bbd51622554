"""How nights wander around their level: by how much, and for how long they remember."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from nightloop.evidence.nights.profiles import Counts, Floats

MOST_MEMORY = 0.98
LONGEST = 400  # lag of nights that is added up
LEAST_LEFT = 0.25  # of the nights, after what was fitted to them


@dataclass(frozen=True)
class Wander:
    """k columns' wandering.

    Attributes:
        variance: (k,), of nights around their level, corrected for the reference's shortness.
        step: (k,), variance of a night given the one before.
        memory: (k,), correlation with the night before.
        likely_memory: (k,), the same, one standard error higher: for what adds up over nights.
        window: (k,), number of nights that a column aggregates; 0 for others.
    """

    variance: Floats
    step: Floats
    memory: Floats
    likely_memory: Floats
    window: Counts

    @classmethod
    def of(cls, night: Counts, rest: Floats, lost: Floats, window: Counts, fitted: tuple[Floats, np.ndarray]) -> Self:
        """Measure what a fitted level leaves of nights.

        Args:
            night: ordinals (n,).
            rest: (n, k), NaN where a night does not tell.
            lost: (k,), degrees of freedom that were fitted besides.
            window: (k,).
            fitted: what the level was made of (n, p), the constant first; and whether all of it was (k,), or the constant only.
        """
        level, bends = fitted
        known = np.isfinite(rest)
        nights = np.maximum(known.sum(axis=0), 1).astype(np.float64)
        centred = np.where(known, rest, 0.0)
        squares = (centred**2).sum(axis=0)
        raw = squares / np.maximum(nights - 1 - lost, 1)
        correlation, change = _lag_one(night, centred, known, raw)
        memory, likely = _drawn_together(correlation, nights, np.where(bends, level.shape[1], 1))
        first = cls(raw, change, memory, likely, window)
        left = nights - lost - np.where(bends, first.fitted_away(level), first.fitted_away(level[:, :1]))
        variance = squares / np.maximum(left, LEAST_LEFT * nights)
        step = np.where(window > 1, change, np.maximum(variance * (1 - memory**2), _left_over(raw, correlation, memory)))
        return cls(variance, step, memory, likely, window)

    def correlation(self, lags: Counts) -> Floats:
        """Return correlations of nights so far apart, (…, k): ``memory ** h``; of a window of N nights, falling to 0 at N."""
        span, apart = np.maximum(self.window, 2), np.asarray(lags)[..., None]
        likely = np.maximum(self.likely_memory, 0)
        falling = np.minimum(likely / (1 - 1 / span), 1.0) * np.maximum(1 - apart / span, 0.0)
        return np.asarray(np.where(self.window > 1, falling, likely**apart), dtype=np.float64)

    def inflation(self, length: Floats | float) -> Floats:
        """Return by how much memory makes the variance of a mean over so many nights in a row larger, (k,).

        ``1 + 2 * sum((1 - h / w) * r(h))``.
        """
        size = np.broadcast_to(np.asarray(length, dtype=np.int64), self.likely_memory.shape)
        last, columns = np.clip(size - 1, 0, LONGEST), np.arange(len(size))
        plain, weighted = self._sums
        return np.asarray(1 + 2 * (plain[last, columns] - weighted[last, columns] / np.maximum(size, 1)), dtype=np.float64)

    def long_run(self, length: Floats | float) -> Floats:
        """Return the variance of a mean over so many nights in a row, times their number, (k,)."""
        return np.asarray(self.variance * self.inflation(length), dtype=np.float64)

    @cached_property
    def _sums(self) -> tuple[Floats, Floats]:
        """Return sums of correlations up to lags 0 to LONGEST, and of correlations times lags, (LONGEST + 1, k) each."""
        lags = np.arange(LONGEST + 1)
        correlation = self.correlation(lags)
        correlation[0] = 0.0
        return np.cumsum(correlation, axis=0), np.cumsum(correlation * lags[:, None], axis=0)

    def fitted_away(self, level: Floats) -> Floats:
        """Return how many nights' worth of squares a fit of (n, p) takes, (k,): the trace of hat matrix times correlations."""
        if not len(level):
            return np.zeros_like(self.variance)
        hat = level @ np.linalg.pinv(level)
        lagged = np.array([np.trace(hat, offset) for offset in range(len(level))])
        lagged[1:] *= 2
        return np.asarray(lagged @ self.correlation(np.arange(len(level))), dtype=np.float64)


def _lag_one(night: Counts, rest: Floats, known: np.ndarray, variance: Floats) -> tuple[Floats, Floats]:
    """Return the correlation with the night before (k,), NaN where nothing varies, and the variance of the difference."""
    follows = (np.diff(night) == 1)[:, None] & known[1:] & known[:-1]
    pairs = np.maximum(follows.sum(axis=0), 1)
    product = np.where(follows, rest[1:] * rest[:-1], 0.0).sum(axis=0) / pairs
    change = np.where(follows, (rest[1:] - rest[:-1]) ** 2, 0.0).sum(axis=0) / pairs
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 0, product / variance, np.nan), change


def _left_over(variance: Floats, correlation: Floats, memory: Floats) -> Floats:
    """Return what the reference's nights left over of a forecast by the night before times ``memory``."""
    known = np.where(np.isfinite(correlation), correlation, 0.0)
    return np.asarray(variance * (1 + memory**2 - 2 * memory * known), dtype=np.float64)


def _drawn_together(correlation: Floats, nights: Floats, fitted: Counts) -> tuple[Floats, Floats]:
    """Return memories (k,), drawn together on Fisher's scale as far as chance explains their differences, and one error higher.

    Corrected for the bias of short series around a level of so many parts (Shaman & Stine, 1988); between columns as in a
    meta-analysis (DerSimonian & Laird).
    """
    corrected = np.clip(correlation + (fitted + (fitted + 2) * correlation) / nights, -MOST_MEMORY, MOST_MEMORY)
    scaled, error = np.arctanh(corrected), 1 / np.maximum(nights - 3, 1)
    tells = np.isfinite(scaled)
    if not tells.any():
        return np.zeros_like(nights), np.zeros_like(nights)
    mean = float(scaled[tells].mean())
    between = max(float(((scaled[tells] - mean) ** 2).sum() / max(tells.sum() - 1, 1) - error[tells].mean()), 0.0)
    weight = between / (between + error) if tells.sum() > 2 else np.ones_like(error)  # noqa: PLR2004 - two tell no spread
    drawn = np.where(tells, mean + weight * (scaled - mean), mean)
    unsure = np.sqrt(weight * error + error / tells.sum())
    return np.tanh(drawn), np.minimum(np.tanh(drawn + unsure), MOST_MEMORY)
