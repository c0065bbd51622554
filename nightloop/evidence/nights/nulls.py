"""What nights do without drift, learnt from the reference's nights: their level, weekday, memory, trend and spread.

Nights are not exchangeable. A feature that is a mean over 28 nights is nearly what it was the night before; one that follows
the weather remembers; Mondays differ. Each is estimated from the reference, drawn towards what all columns have in common where
the reference says little (empirical Bayes), and what it cannot know makes the variance larger, not the verdict bolder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from nightloop.evidence.nights.profiles import Counts, Floats
from nightloop.evidence.nights.streams import Stream

WEEK = 7
MOST_MEMORY = 0.98
TREND = 2.0  # standard errors of a slope that chance explains


@dataclass(frozen=True)
class Null:
    """k columns' ordinary nights.

    Attributes:
        nights: of the reference that told, (k,).
        middle: ordinal of the reference's middle.
        level: (k,).
        weekday: (7, k), what a weekday adds.
        variance: (k,), of nights around level and weekday, corrected for the reference's shortness.
        step: (k,), variance of a night given the one before.
        memory: (k,), correlation with the night before.
        likely_memory: (k,), the same, one standard error higher: for what adds up over nights.
        window: (k,), length of that window; 0 for others.
        slope: (k,), by which the reference moved a night beyond what chance explains.
        noise: (k,), the part of the variance that rows alone give.
    """

    nights: Floats
    middle: float
    level: Floats
    weekday: Floats
    variance: Floats
    step: Floats
    memory: Floats
    likely_memory: Floats
    window: Counts
    slope: Floats
    noise: Floats

    @classmethod
    def of(cls, stream: Stream, window: Counts) -> Self:
        """Fit the reference's nights.

        Args:
            stream: (n, k).
            window: (k,), the number of nights that a column aggregates; 0 or 1 for one that aggregates none.
        """
        known = np.isfinite(stream.value)
        nights = np.maximum(known.sum(axis=0), 1).astype(np.float64)
        level = np.where(known, stream.value, 0.0).sum(axis=0) / nights
        centred = np.where(known, stream.value - level, 0.0)
        weekday, lost = _weekdays(stream.night, centred, known)
        rest = np.where(known, centred - weekday[stream.night % WEEK], 0.0)
        raw = (rest**2).sum(axis=0) / np.maximum(nights - 1 - lost, 1)
        correlation, change = _lag_one(stream.night, rest, known, raw)
        memory, likely = _drawn_together(correlation, nights)
        noise = np.where(known, stream.noise, 0.0).sum(axis=0) / nights
        fitted = cls(nights, 0.0, level, weekday, raw, change, memory, likely, window, np.zeros_like(raw), noise)
        shrunk = np.minimum(fitted.inflation(nights) / nights, 0.75)
        variance = raw / (1 - shrunk)
        one_step = np.where(window > 1, change, np.maximum(variance * (1 - memory**2), _left_over(raw, correlation, memory)))
        middle = float(np.mean(stream.night)) if len(stream.night) else 0.0
        slope = _slope(stream.night.astype(np.float64) - middle, rest, known, variance * fitted.inflation(nights))
        return cls(nights, middle, level, weekday, variance, one_step, memory, likely, window, slope, noise)

    def inflation(self, length: Floats | float) -> Floats:
        """Return by how much memory makes the variance of a mean over so many nights in a row larger, (k,).

        ``1 + 2 * sum((1 - h / w) * r(h))``: r(h) is ``memory ** h``, or, of a window of N nights, falls to 0 at N.
        """
        size = np.broadcast_to(np.asarray(length, dtype=np.float64), self.likely_memory.shape)
        lags = np.arange(1, max(int(size.max(initial=1)), 2))[:, None]
        taper = np.maximum(1 - lags / np.maximum(size, 1), 0.0)
        span = np.maximum(self.window, 2)
        share = np.minimum(np.maximum(self.likely_memory, 0) / (1 - 1 / span), 1.0)
        falling = share * np.maximum(1 - lags / span, 0.0)
        correlation = np.where(self.window > 1, falling, np.maximum(self.likely_memory, 0) ** lags)
        return np.asarray(1 + 2 * (taper * correlation).sum(axis=0), dtype=np.float64)

    def expected(self, night: Counts) -> Floats:
        """Return level and weekday of nights (n,), (n, k)."""
        return self.level + self.weekday[night % WEEK]

    def variance_at(self, noise: Floats) -> Floats:
        """Return the variance of nights whose rows alone give ``noise`` (…, k): more where they have fewer rows."""
        return np.asarray(np.maximum(self.variance + np.maximum(noise - self.noise, 0.0), noise), dtype=np.float64)


def _weekdays(night: Counts, centred: Floats, known: np.ndarray) -> tuple[Floats, Floats]:
    """Return what weekdays add (7, k), drawn to nothing as far as chance explains it (James & Stein), and degrees lost (k,)."""
    columns = centred.shape[1]
    if len(night) < 2 * WEEK:
        return np.zeros((WEEK, columns)), np.zeros(columns)
    day = np.arange(WEEK)[:, None] == (night % WEEK)[None, :]
    counts = day.astype(np.float64) @ known.astype(np.float64)
    means = (day.astype(np.float64) @ centred) / np.maximum(counts, 1)
    between = (counts * means**2).sum(axis=0) / (WEEK - 1)
    within = np.where(known, (centred - means[night % WEEK]) ** 2, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0) - WEEK, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where(between > 0, np.clip(1 - within / between, 0.0, 1.0), 0.0)
    return means * weight, weight * (WEEK - 1)


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


def _drawn_together(correlation: Floats, nights: Floats) -> tuple[Floats, Floats]:
    """Return memories (k,), drawn together on Fisher's scale as far as chance explains their differences, and one error higher.

    Corrected for the bias of short series (Marriott & Pope, 1954); between columns as in a meta-analysis (DerSimonian & Laird).
    """
    corrected = np.clip(correlation + (1 + 3 * correlation) / nights, -MOST_MEMORY, MOST_MEMORY)
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


def _slope(time: Floats, rest: Floats, known: np.ndarray, long_run: Floats) -> Floats:
    """Return by how much the reference moved a night, (k,), beyond TREND standard errors of it."""
    spread = np.maximum(np.where(known, (time**2)[:, None], 0.0).sum(axis=0), 1e-12)
    slope = np.where(known, time[:, None] * rest, 0.0).sum(axis=0) / spread
    return np.asarray(np.sqrt(np.maximum(slope**2 - TREND**2 * long_run / spread, 0.0)), dtype=np.float64)
