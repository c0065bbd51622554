"""Measure probabilities against what happened: order, error, calibration; each with its interval.

Arrays of n rows: ``label`` bool, ``probability`` float64, ``nights`` the night of each row (None: rows are independent).
A figure that cannot be measured (no rows, one class) has the value NaN and no interval: it is no evidence.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Bools, Estimate, Floats, Nights
from nightloop.evidence.verdict import Figure

BINS = 10
SMALLEST = 1e-15


def auc(label: Bools, probability: Floats, nights: Nights = None, *, group: str = "all") -> Figure:
    """Return the area under the ROC curve: the chance that a positive row ranks above a negative one. 0.5 is a coin."""
    return figure("auc", intervals.auc(label, probability), nights, len(label), group)


def brier(label: Bools, probability: Floats, nights: Nights = None, *, group: str = "all") -> Figure:
    """Return the mean squared error of the probability (Brier 1950): 0 is certain and right, the base rate gives p(1-p)."""
    return figure("brier", intervals.mean((probability - label) ** 2), nights, len(label), group)


def log_loss(label: Bools, probability: Floats, nights: Nights = None, *, group: str = "all") -> Figure:
    """Return the mean of -log(probability of what happened); 0 is best, natural logarithm."""
    probability_of_label = np.clip(np.where(label, probability, 1.0 - probability), SMALLEST, 1.0)
    return figure("log_loss", intervals.mean(-np.log(probability_of_label)), nights, len(label), group)


def base_rate(label: Bools, nights: Nights = None, *, group: str = "all") -> Figure:
    """Return the share of positive rows."""
    return figure("base_rate", intervals.mean(label.astype(np.float64)), nights, len(label), group)


def calibration_bias(label: Bools, probability: Floats, nights: Nights = None, *, group: str = "all") -> Figure:
    """Return mean probability minus mean label: above 0, the probabilities are too high."""
    return figure("calibration_bias", intervals.mean(probability - label), nights, len(label), group)


def calibration_error(
    label: Bools, probability: Floats, nights: Nights = None, *, bins: int = BINS, group: str = "all"
) -> Figure:
    """Return the expected calibration error: |mean probability - mean label| per bin of equal count, weighted by rows.

    0 is perfect. A perfect model has a little more than 0 on finite rows, for chance differences add up.
    The interval takes bins and the sign of each bin's gap as given (Naeini, Cooper and Hauskrecht 2015).
    """
    return binned_error(probability, probability - label, nights, bins=bins, group=group)


def binned_error(prediction: Floats, gap: Floats, nights: Nights = None, *, bins: int = BINS, group: str = "all") -> Figure:
    """Return ``calibration_error`` from predictions (n,) and their gaps to the observations (n,): above 0 is too high."""
    if not len(prediction):
        return Figure("calibration_error", math.nan, None, None, 0, group)
    place = equal_count_bins(prediction, bins)
    direction = np.sign(np.bincount(place, weights=gap, minlength=bins))[place]
    return figure("calibration_error", intervals.mean(direction * gap), nights, len(prediction), group)


def all_figures(label: Bools, probability: Floats, nights: Nights = None, *, group: str = "all") -> tuple[Figure, ...]:
    """Return every figure of one model on one set of rows."""
    measured = (auc, brier, log_loss, calibration_error, calibration_bias)
    return (*(measure(label, probability, nights, group=group) for measure in measured), base_rate(label, nights, group=group))


def figure(name: str, estimate: Estimate, nights: Nights, rows: int, group: str = "all") -> Figure:
    """Return an estimate as a figure with its 95 % interval."""
    return Figure(name, estimate.value, *estimate.interval(nights), rows, group)


def equal_count_bins(probability: Floats, bins: int) -> NDArray[np.int64]:
    """Return each row's bin; rows of equal probability share one, so that the order of rows never shows."""
    order = np.argsort(probability, kind="stable")
    first = np.searchsorted(probability[order], probability, side="left")
    return (first * bins // max(len(probability), 1)).astype(np.int64)
