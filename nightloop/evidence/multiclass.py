"""Measure probabilities of several classes against the class that came.

Arrays of n rows: ``label`` int64, the place of the class that came; ``said`` float64 (n, c), the probability of each class;
``nights`` the night of each row (None: rows are independent). A figure that cannot be measured has the value NaN and no
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


def log_loss(label: Places, said: Floats) -> Estimate:
    """Return the mean of -log(probability given to the class that came); 0 is best, natural logarithm."""
    return intervals.mean(_surprise(label, said))


def right(label: Places, said: Floats) -> Bools:
    """Mark the rows whose most probable class came; of equal ones, the class named first counts."""
    return np.asarray(np.argmax(said, axis=1) == label, dtype=np.bool_)


def macro_auc(label: Places, said: Floats) -> Estimate:
    """Return the mean over classes of the AUC of one class against the rest (Provost and Domingos 2001, unweighted).

    Classes that no row or every row is of have no order and are left out; NaN where there is none other.
    """
    areas = [intervals.auc(label == place, said[:, place]) for place in range(said.shape[1])]
    known = [area for area in areas if not math.isnan(area.value)]
    if not known:
        return Estimate(math.nan, np.zeros(len(label)))
    return Estimate(
        float(np.mean([area.value for area in known])), np.asarray(np.mean([area.influence for area in known], axis=0))
    )


def all_figures(label: Places, said: Floats, nights: Nights = None, *, group: str = "all") -> tuple[Figure, ...]:
    """Return every figure of one model on one set of rows."""
    rows = len(label)
    hits, top = right(label, said).astype(np.float64), np.max(said, axis=1)
    return (
        figure("log_loss", log_loss(label, said), nights, rows, group),
        figure("accuracy", intervals.mean(hits), nights, rows, group),
        figure("macro_auc", macro_auc(label, said), nights, rows, group),
        binned_error(top, top - hits, nights, group=group),
        figure("calibration_bias", intervals.mean(top - hits), nights, rows, group),
    )


def _surprise(label: Places, said: Floats) -> Floats:
    given = said[np.arange(len(label)), label]
    return np.asarray(-np.log(np.clip(given, SMALLEST, 1.0)))
