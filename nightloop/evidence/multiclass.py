"""Measure probabilities of several classes against the observed class.

Arrays of n rows: ``label`` int64, the place of the observed class; ``prediction`` float64 (n, c), the probability of each
class; ``nights`` the night of each row (None: rows are independent). A figure that cannot be measured has the value NaN and no
interval: it is no evidence.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Bools, Estimate, Floats, Nights
from nightloop.evidence.metrics import SMALLEST, binned_error, figure
from nightloop.evidence.verdict import Figure

Places = NDArray[np.int64]


def log_loss(label: Places, prediction: Floats) -> Estimate:
    """Return the mean of -log(probability given to the observed class); 0 is best, natural logarithm."""
    return intervals.mean(_surprisal(label, prediction))


def skill(label: Places, prediction: Floats) -> Estimate:
    """Return McFadden's R² (1974): 1 - log loss / log loss of always answering the shares of the classes among the rows.

    1 is perfect, 0 as good as the shares, below 0 worse; NaN where all rows are of one class.
    """
    if not len(label) or np.ptp(label) == 0:
        return Estimate(math.nan, np.zeros(len(label)))
    loss, shares = log_loss(label, prediction), np.bincount(label) / len(label)
    entropy = intervals.mean(np.asarray(-np.log(shares[label])))
    ratio = loss.value / entropy.value
    return Estimate(1.0 - ratio, (ratio * entropy.influence - loss.influence) / entropy.value)


def is_correct(label: Places, prediction: Floats) -> Bools:
    """Mark the rows whose most probable class is the observed one; of equal ones, the class named first counts."""
    return np.asarray(np.argmax(prediction, axis=1) == label, dtype=np.bool_)


def macro_auc(label: Places, prediction: Floats) -> Estimate:
    """Return the mean over classes of the AUC of one class against the rest (Provost and Domingos 2001, unweighted).

    Classes that no row or every row is of have no order and are left out; NaN where there is none other.
    """
    areas = [intervals.auc(label == place, prediction[:, place]) for place in range(prediction.shape[1])]
    ordered = [area for area in areas if not math.isnan(area.value)]
    if not ordered:
        return Estimate(math.nan, np.zeros(len(label)))
    return Estimate(
        float(np.mean([area.value for area in ordered])), np.asarray(np.mean([area.influence for area in ordered], axis=0))
    )


def all_figures(label: Places, prediction: Floats, nights: Nights = None, *, group: str = "all") -> tuple[Figure, ...]:
    """Return every figure of one model on one set of rows."""
    rows = len(label)
    hits, top = is_correct(label, prediction).astype(np.float64), np.max(prediction, axis=1)
    return (
        figure("log_loss", log_loss(label, prediction), nights, rows, group),
        figure("accuracy", intervals.mean(hits), nights, rows, group),
        figure("macro_auc", macro_auc(label, prediction), nights, rows, group),
        binned_error(top, top - hits, nights, group=group),
        figure("calibration_bias", intervals.mean(top - hits), nights, rows, group),
    )


def _surprisal(label: Places, prediction: Floats) -> Floats:
    probability = prediction[np.arange(len(label)), label]
    return np.asarray(-np.log(np.clip(probability, SMALLEST, 1.0)))
