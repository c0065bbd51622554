"""How far answers lie from what came, bin by bin, with an interval for nights: what the calibration gate claims.

The expected calibration error is the mean of |mean answer - mean outcome| over bins. Chance differences add up in it: a perfect
model shows 0.04 on fourteen stormy and calm nights. So the figure is corrected by its bootstrap bias (Efron; as debiased
errors in Ferro and Fricker 2012 and Roelofs et al. 2022), in closed form: of a normal mean, by how much its size is overstated.

Its upper end needs no correction. The true error is the sum of the true gaps, each with its own sign; for those signs the same
sum of the measured gaps is unbiased, and its end by Student's t on nights lies below the truth in 2.5 %. Which signs are
true is not known, so the upper end is the largest over all of them: a union of claims, which costs no level (Berger 1982).
The lower end is that of the measured signs, less all that chance would add to a perfect model.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.intervals import CONFIDENCE, Floats, student_quantile
from nightloop.evidence.metrics import BINS, equal_count_bins
from nightloop.evidence.verdict import Figure

DEBIASED = "debiased_calibration_error"


def expected_error(prediction: Floats, gap: Floats, nights: NDArray[Any], *, bins: int = BINS) -> Figure:
    """Return the expected calibration error over bins of equal count, less what chance adds to it.

    Args:
        prediction: (n,) one number a row.
        gap: (n,) prediction minus what came.
        nights: (n,) the night of each row.
        bins: how many; the work doubles with each.
    """
    distinct, night = np.unique(nights, return_inverse=True)
    rows, size = len(prediction), len(distinct)
    if not rows:
        return Figure(DEBIASED, math.nan, None, None, 0)
    cells = night * bins + equal_count_bins(prediction, bins)
    sums = np.bincount(cells, weights=gap, minlength=size * bins).astype(np.float64).reshape(size, bins)
    in_night = np.bincount(night, minlength=size)[:, None]
    weighted = sums.sum(axis=0) / rows  # each bin's gap times its share of the rows
    raw = float(np.abs(weighted).sum())
    if size < 2:  # noqa: PLR2004 - one night tells nothing of other nights
        return Figure(DEBIASED, raw, None, None, rows)
    influence = (sums - weighted * in_night) / rows
    covariance = influence.T @ influence * size / (size - 1)
    error_of_bin = np.sqrt(np.diag(covariance))
    value = max(0.0, raw - float(_overstated(weighted, error_of_bin).sum()))
    reach = student_quantile(0.5 + CONFIDENCE / 2, size - 1)
    signs = np.array(list(product((-1.0, 1.0), repeat=len(weighted))))
    errors = np.sqrt(np.maximum(np.einsum("sb,bc,sc->s", signs, covariance, signs), 0.0))
    high = float(np.max(signs @ weighted + reach * errors))
    measured = np.where(weighted < 0, -1.0, 1.0)
    most_by_chance = float(_overstated(np.zeros(len(weighted)), error_of_bin).sum())
    low = raw - most_by_chance - reach * math.sqrt(max(float(measured @ covariance @ measured), 0.0))
    return Figure(DEBIASED, value, max(0.0, low), high, rows)


def _overstated(mean: Floats, error: Floats) -> Floats:
    """Return by how much the size of a measured mean is above that of the true one, on average: of a folded normal."""
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(error > 0, np.abs(mean) / error, np.inf)
    density = np.exp(-(distance**2) / 2) / math.sqrt(2 * math.pi)
    return np.asarray(np.where(error > 0, error * (2 * density - 2 * np.nan_to_num(distance, posinf=0) * ndtr(-distance)), 0.0))
