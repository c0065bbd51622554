"""What nights do without drift, learnt from the reference's nights: their level, weekday, season, memory and spread.

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
from nightloop.evidence.nights.wander import Wander

WEEK, YEAR = 7, 365.25
CHANCE = 2.0  # standard errors of a season's height that chance explains
NO_SEASON = 1e9  # noise over the variance of seasons: none is believed
TINY = 1e-9


@dataclass(frozen=True)
class Null:
    """k columns' ordinary nights.

    Attributes:
        nights: of the reference that told, (k,).
        middle: ordinal of the reference's middle.
        level: (k, 3), parts of ``wave``: a constant and a season.
        unsure: (k, 3, 3), covariance of the level.
        weekday: (7, k), what a weekday adds.
        wander: of nights around level and weekday.
        noise: (k,), the part of the variance that rows alone give.
    """

    nights: Floats
    middle: float
    level: Floats
    unsure: Floats
    weekday: Floats
    wander: Wander
    noise: Floats

    @classmethod
    def of(cls, stream: Stream, window: Counts) -> Self:
        """Fit the reference's nights.

        A level that may bend is fitted first, so that a season is no memory, and it is asked whether the columns together, or
        one by itself, bend by more than memory explains. Only as far as they do is it believed. Windows of nights bend by
        themselves.

        Args:
            stream: (n, k).
            window: (k,), the number of nights that a column aggregates; 0 or 1 for one that aggregates none.
        """
        known = np.isfinite(stream.value)
        nights = np.maximum(known.sum(axis=0), 1).astype(np.float64)
        middle = float(np.mean(stream.night)) if len(stream.night) else 0.0
        basis, bends = wave(stream.night, middle), window <= 1
        stiff = np.where(bends, 0.0, NO_SEASON)
        bent = _fit(basis, stream.value, stiff)[0]
        weekday, lost = _weekdays(stream.night, np.where(known, stream.value - basis @ bent.T, 0.0), known)
        value = stream.value - weekday[stream.night % WEEK]
        bent = _fit(basis, value, stiff)[0]
        wander = Wander.of(stream.night, value - basis @ bent.T, lost, window, (basis, bends))
        free, inverse = _fit(basis, value, np.zeros_like(stiff))
        long_run = wander.long_run(nights)
        season = _season(free[:, 1], long_run * inverse[:, 1, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            penalty = np.where(season > 0, np.minimum(long_run / season, NO_SEASON), NO_SEASON)
        level, inverse = _fit(basis, value, penalty)
        wander = Wander.of(stream.night, value - basis @ level.T, lost, window, (basis, season > 0))
        unsure = wander.long_run(nights)[:, None, None] * inverse
        noise = np.where(known, stream.noise, 0.0).sum(axis=0) / nights
        return cls(nights, middle, level, unsure, weekday, wander, noise)

    def expected(self, night: Counts) -> Floats:
        """Return level and weekday of nights (n,), (n, k)."""
        return np.asarray(wave(night, self.middle) @ self.level.T + self.weekday[night % WEEK], dtype=np.float64)

    def doubt(self, of: Floats) -> Floats:
        """Return the variance of what the level is in a mean of ``wave`` or a difference of two, (k, 3), (k,)."""
        return np.asarray(np.einsum("ki,kij,kj->k", of, self.unsure, of), dtype=np.float64)

    def variance_at(self, noise: Floats) -> Floats:
        """Return the variance of nights whose rows alone give ``noise`` (…, k): more where they have fewer rows."""
        return np.asarray(np.maximum(self.wander.variance + np.maximum(noise - self.noise, 0.0), noise), dtype=np.float64)


def wave(night: Counts, middle: float) -> Floats:
    """Return what a level is made of on nights (n,), (n, 3): a constant, and the two parts of a wave of a year."""
    angle = 2 * np.pi * (night - middle) / YEAR
    return np.column_stack([np.ones(len(night)), np.sin(angle), np.cos(angle) - 1])


def _fit(basis: Floats, value: Floats, penalty: Floats) -> tuple[Floats, Floats]:
    """Return coefficients (k, 3) of columns (n, k), NaN where unknown, by least squares with the season's squares penalised.

    The second is the inverse of their normal matrices, (k, 3, 3).
    """
    known = np.isfinite(value)
    squares = penalty[:, None] * [0.0, 1.0, 1.0] + TINY
    normal = np.einsum("nk,ni,nj->kij", known.astype(np.float64), basis, basis, optimize=True) + squares[:, :, None] * np.eye(3)
    inverse = np.linalg.inv(normal)
    return np.einsum("kij,jk->ki", inverse, basis.T @ np.where(known, value, 0.0)), inverse


def _season(height: Floats, error: Floats) -> Floats:
    """Return the variance of seasons' heights (k,), of which one was measured in each column with an error's variance.

    That of all columns together, as far as chance does not explain it, or a column's own where that is more.
    """
    tells = error > 0
    if not tells.any():
        return np.zeros_like(height)
    by_chance = float(error[tells].mean()) * (1 + CHANCE * float(np.sqrt(2 / tells.sum())))
    together = max(float((height[tells] ** 2).mean()) - by_chance, 0.0)
    return np.maximum(together, np.where(tells, height**2 - CHANCE**2 * error, 0.0))


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
