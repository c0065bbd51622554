"""What a night's histogram tells beyond its mean.

A feature whose level wanders has another histogram every night, and all of them tell of the level again. So a night is compared
with the reference as it would be at the night's own mean: its shares times an exponential of the bins' scores (the exponential
family in which Neyman, 1937, embeds a distribution; for a normal one, a shift).
"""

from __future__ import annotations

import numpy as np

from nightloop.evidence.nights.profiles import Counts, Floats
from nightloop.evidence.reference_profile import psi

STEPS, FURTHEST = 8, 6.0  # of Newton's method, and how far it may move a mean, in standard deviations


def beyond_mean(reference: Counts, night: Counts) -> tuple[Floats, Floats]:
    """Compare histograms (n, b) of nights with those of references (n, b), each moved to the night's mean.

    Returns:
        PSI, and by how much the night's rows lie further towards both ends, in standard deviations of a row: the second
        component of Neyman's smooth test. NaN where a side has no row; the second also where less than three bins have any.
    """
    score, bent = scores(reference)
    rows, total = night.sum(axis=1), reference.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = _moved(reference / total[:, None], score, (night * score).sum(axis=1) / rows)
        ends = (night * bent).sum(axis=1) / rows - (moved * bent).sum(axis=1)
    form = psi(moved * total[:, None], night)
    known = (rows > 0) & (total > 0)
    return np.where(known, form, np.nan), np.where(known, ends, np.nan)


def scores(counts: Counts) -> tuple[Floats, Floats]:
    """Return scores of bins (n, b), straight and bent: of mean 0 and variance 1 over counts (n, b), and uncorrelated."""
    from scipy.special import ndtri

    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / counts.sum(axis=1, keepdims=True)
        place = ndtri(np.clip(np.cumsum(share, axis=1) - share / 2, 1e-6, 1 - 1e-6))
        straight = _standard(place, share)
        bent = straight**2 - 1 - (share * straight**3).sum(axis=1, keepdims=True) * straight
        few = (np.count_nonzero(counts, axis=1) <= 2)[:, None]  # noqa: PLR2004 - a line goes through two
        return straight, np.where(few, np.nan, _standard(bent, share))


def _standard(values: Floats, share: Floats) -> Floats:
    centred = values - (share * values).sum(axis=1, keepdims=True)
    spread = np.sqrt((share * centred**2).sum(axis=1, keepdims=True))
    return np.asarray(np.where(spread > 0, centred / spread, 0.0), dtype=np.float64)


def _moved(share: Floats, score: Floats, mean: Floats) -> Floats:
    """Return shares (n, b) times an exponential of the scores, so that their means are those asked for, (n,)."""
    tilt = np.zeros(len(mean))
    moved = share
    for _ in range(STEPS):
        here = (moved * score).sum(axis=1)
        spread = np.maximum((moved * score**2).sum(axis=1) - here**2, 0.01)
        tilt = np.clip(tilt + (mean - here) / spread, -FURTHEST, FURTHEST)
        weight = share * np.exp(tilt[:, None] * score)
        moved = weight / weight.sum(axis=1, keepdims=True)
    return np.asarray(moved, dtype=np.float64)
