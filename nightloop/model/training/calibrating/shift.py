"""Fit the shifts that calibrate: as far as the nights prove them.

A stormy week is no reason to expect storms; a level that holds night after night is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.model.calibration import Calibration, sigmoid, softmax

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def fit_shift(margin: Floats, label: Bools, night: NDArray[Any]) -> Calibration:
    """Fit the one number that is added to every margin, as far as the nights prove it: a Platt line whose slope stays 1.

    The shift makes the mean probability equal to the share of positive rows; it is then shrunk towards 0 by what nights
    alone would make it vary (James and Stein 1961, positive part). A stormy week is no reason to expect storms; a level
    that holds night after night is. Log loss makes trees honest in slope by itself, and few nights cannot tell a better
    one: see docs/decisions/0051.

    Args:
        margin: (n,) log-odds of rows the model was not fitted on.
        label: (n,) what happened.
        night: (n,) the night of each row.
    """
    shift = _balancing_shift(margin, label)
    probability = sigmoid(margin + shift)
    steepness = float(np.sum(probability * (1.0 - probability)))
    return Calibration("platt", slope=1.0, intercept=_shrunk(shift, label - probability, steepness, night))


def fit_number_shift(margin: Floats, label: Floats, night: NDArray[Any]) -> Calibration:
    """Fit the one number that is added to every prediction, shrunk as in ``fit_shift``: the mean error.

    Args:
        margin: (n,) predictions of rows the model was not fitted on.
        label: (n,) what came.
        night: (n,) the night of each row.
    """
    shift = float(np.mean(label - margin))
    return Calibration("shift", intercept=_shrunk(shift, label - margin - shift, float(len(label)), night))


def fit_class_shifts(margin: Floats, label: NDArray[np.int64], night: NDArray[Any], steps: int = 200) -> Calibration:
    """Fit one number a class that is added to its margin before the softmax: each class's mean probability becomes its share.

    Each is shrunk as in ``fit_shift``, by what nights alone would make its class vary against the rest.

    Args:
        margin: (n, c) margins of rows the model was not fitted on.
        label: (n,) the place of the class that came.
        night: (n,) the night of each row.
    """
    size, classes = margin.shape
    # A class that never came in these nights is not thought impossible: half a row.
    target = np.maximum(np.bincount(label, minlength=classes), 0.5) / size
    shifts = np.zeros(classes)
    for _ in range(steps):
        step = np.log(target / softmax(margin + shifts).mean(axis=0))
        shifts = shifts + step - np.mean(step)
        if np.ptp(step) < 1e-12:  # noqa: PLR2004 - converged
            break
    probability = softmax(margin + shifts)
    steepness = np.sum(probability * (1.0 - probability), axis=0)
    surplus = (label[:, None] == np.arange(classes)) - probability
    shrunk = [_shrunk(float(shifts[c]), surplus[:, c], float(steepness[c]), night) for c in range(classes)]
    return Calibration("class_shifts", shifts=tuple(shrunk))


def _shrunk(shift: float, surplus: Floats, steepness: float, night: NDArray[Any]) -> float:
    """Return the shift as far as the nights prove it.

    ``surplus`` (n,) is what each row leaves at that shift; its sums by night over ``steepness`` tell how far nights alone move
    the shift. One night proves nothing.
    """
    nights, place = np.unique(night, return_inverse=True)
    if len(nights) < 2 or shift == 0.0:  # noqa: PLR2004 - a spread needs two
        return 0.0
    sums = np.bincount(place.reshape(-1), weights=surplus)
    error = len(nights) / (len(nights) - 1) * float(np.sum(sums**2)) / steepness**2
    return shift * max(0.0, 1.0 - error / shift**2)


def _balancing_shift(margin: Floats, label: Bools, steps: int = 50) -> float:
    """Return the shift at which the mean probability is the share of positive rows, by Newton's method."""
    target, shift = float(np.mean(label)), 0.0
    for _ in range(steps):
        probability = sigmoid(margin + shift)
        steepness = max(float(np.mean(probability * (1.0 - probability))), 1e-6)
        step = float(np.clip((target - float(np.mean(probability))) / steepness, -2.0, 2.0))
        shift += step
        if abs(step) < 1e-12:  # noqa: PLR2004 - converged
            break
    return shift
