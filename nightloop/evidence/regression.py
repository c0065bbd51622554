"""Measure predicted numbers against the observed ones: size of the error, and whether the mean means what it says.

Arrays of n rows: ``label`` and ``prediction`` float64 in the label's unit, ``nights`` the night of each row (None: rows are
independent). A figure that cannot be measured (no rows) has the value NaN and no interval: it is no evidence.
"""

from __future__ import annotations

import math

import numpy as np

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Estimate, Floats, Nights
from nightloop.evidence.metrics import BINS, binned_error, figure
from nightloop.evidence.verdict import Figure


def absolute_error(label: Floats, prediction: Floats) -> Estimate:
    """Return the mean absolute error, in the label's unit; 0 is best."""
    return intervals.mean(np.abs(prediction - label))


def root_squared_error(label: Floats, prediction: Floats) -> Estimate:
    """Return the root of the mean squared error, in the label's unit; the influences are the first-order ones."""
    squared = intervals.mean((prediction - label) ** 2)
    root = math.sqrt(squared.value) if len(label) else math.nan
    return Estimate(root, squared.influence / (2 * root) if root > 0 else np.zeros(len(label)))


def r_squared(label: Floats, prediction: Floats) -> Estimate:
    """Return R²: 1 - squared error / spread of the labels. 1 is perfect, 0 as good as their mean; NaN where all are equal."""
    squared = intervals.mean((prediction - label) ** 2)
    if not len(label) or np.ptp(label) == 0:
        return Estimate(math.nan, np.zeros(len(label)))
    spread = intervals.mean((label - np.mean(label)) ** 2)
    ratio = squared.value / spread.value
    return Estimate(1.0 - ratio, (ratio * spread.influence - squared.influence) / spread.value)


def all_figures(label: Floats, prediction: Floats, nights: Nights = None, *, group: str = "all") -> tuple[Figure, ...]:
    """Return every figure of one model on one set of rows."""
    estimates = {
        "mae": absolute_error(label, prediction),
        "rmse": root_squared_error(label, prediction),
        "r2": r_squared(label, prediction),
        "bias": intervals.mean(prediction - label),
        "mean_label": intervals.mean(label),
    }
    measured = {name: figure(name, estimate, nights, len(label), group) for name, estimate in estimates.items()}
    error = calibration_error(label, prediction, nights, group=group)
    return (measured["mae"], measured["rmse"], measured["r2"], error, measured["bias"], measured["mean_label"])


def calibration_error(
    label: Floats, prediction: Floats, nights: Nights = None, *, bins: int = BINS, group: str = "all"
) -> Figure:
    """Return |mean prediction - mean label| per bin of equal count, weighted by rows, in the label's unit."""
    return binned_error(prediction, prediction - label, nights, bins=bins, group=group)


def correlation(label: Floats, prediction: Floats, nights: Nights = None) -> Figure:
    """Return Pearson's correlation of prediction and label: 0 is no skill; NaN where either does not vary.

    Like the AUC of a probability it asks whether the model discriminates between rows, whatever the level of the nights. The
    influences are Hampel's (1974).
    """
    if not len(label) or np.ptp(label) == 0 or np.ptp(prediction) == 0:
        return Figure("correlation", math.nan, None, None, len(label))
    x, y = (np.asarray((values - np.mean(values)) / np.std(values)) for values in (prediction, label))
    value = float(np.mean(x * y))
    influence = (x * y - value * (x**2 + y**2) / 2) / len(label)
    return figure("correlation", Estimate(value, influence), nights, len(label))
