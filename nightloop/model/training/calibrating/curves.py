"""Fit the calibrations that bend what a shift only moves: each keeps the order of the margins.

Slopes are bounded below by 0. Where nights show no order at all, so that a slope comes out at 0 or an isotonic curve is one
step, the shift is what remains: equal answers to all rows would be no model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.model.calibration import Calibration, sigmoid, softmax, softplus
from nightloop.model.training.calibrating.shift import fit_class_shifts, fit_number_shift, fit_shift

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bound = tuple[float | None, float | None]

LEAST_SLOPE = 1e-3  # a smaller one holds no order
RISING: Bound = (0.0, None)
FREE: Bound = (None, None)


def fit_platt(margin: Floats, label: Bools, night: NDArray[Any]) -> Calibration:
    """Fit slope and intercept of the log-odds (Platt 1999, with his targets, which keep both finite).

    Args:
        margin: (n,) log-odds of rows the model was not fitted on.
        label: (n,) what happened.
        night: (n,) the night of each row.
    """
    slope, intercept = _fit_log_odds(np.column_stack([margin, np.ones(len(margin))]), label, (RISING, FREE), (1.0, 0.0))
    if slope < LEAST_SLOPE:
        return fit_shift(margin, label, night)
    return Calibration("platt", slope=slope, intercept=intercept)


def fit_beta(margin: Floats, label: Bools, night: NDArray[Any]) -> Calibration:
    """Fit ``a ln(p) - b ln(1 - p) + c`` to the log-odds, p being the uncalibrated probability (Kull, Silva Filho, Flach 2017).

    Two slopes, one of either end: Platt's line is ``a = b``. Arguments as of ``fit_platt``.
    """
    columns = np.column_stack([-softplus(-margin), softplus(margin), np.ones(len(margin))])
    below, above, intercept = _fit_log_odds(columns, label, (RISING, RISING, FREE), (1.0, 1.0, 0.0))
    if max(below, above) < LEAST_SLOPE:
        return fit_shift(margin, label, night)
    return Calibration("beta", slopes=(below, above), intercept=intercept)


def fit_isotonic(margin: Floats, label: Bools, night: NDArray[Any]) -> Calibration:
    """Fit a rising curve of any form (Zadrozny and Elkan 2002), as straight lines between the middles of its steps.

    The middles (Oron and Flournoy 2017) leave ties beyond the outermost two only. Half a row that speaks against it at either
    end keeps every probability above 0 and below 1. Arguments as of ``fit_platt``.
    """
    ends = np.array([np.min(margin), np.max(margin)])
    x, y = np.append(margin, ends), np.append(label.astype(np.float64), [1.0, 0.0])
    points = _centred_steps(x, y, np.append(np.ones(len(margin)), [0.5, 0.5]))
    if len(points[0]) < 2:  # noqa: PLR2004 - one step has no order
        return fit_shift(margin, label, night)
    return Calibration("isotonic", margins=points[0], probabilities=points[1])


def fit_isotonic_mean(margin: Floats, label: Floats, night: NDArray[Any]) -> Calibration:
    """Fit the same curve to a number: the mean of the label, rising with the prediction.

    Args:
        margin: (n,) predictions of rows the model was not fitted on.
        label: (n,) what came.
        night: (n,) the night of each row.
    """
    points = _centred_steps(margin, label, np.ones(len(margin)))
    if len(points[0]) < 2:  # noqa: PLR2004 - one step has no order
        return fit_number_shift(margin, label, night)
    return Calibration("isotonic_mean", margins=points[0], means=points[1])


def fit_temperature(margin: Floats, label: NDArray[np.int64], night: NDArray[Any]) -> Calibration:
    """Fit one slope for all classes and a shift of each (Guo et al. 2017; with shifts, Alexandari, Kundaje and Shrikumar 2020).

    Args:
        margin: (n, c) margins of rows the model was not fitted on.
        label: (n,) the place of the class that came.
        night: (n,) the night of each row.
    """
    size, classes = margin.shape
    # As of the shift: a class that never came in these nights is not thought impossible.
    target = (label[:, None] == np.arange(classes)) + 0.5 / size
    target /= target.sum(axis=1, keepdims=True)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        probability = softmax(parameters[0] * margin + parameters[1:])
        gap = probability - target
        value = -float(np.sum(target * np.log(np.maximum(probability, np.finfo(np.float64).tiny))))
        return value / size, np.append(np.sum(gap * margin), np.sum(gap, axis=0)) / size

    slope, *shifts = _descend(loss, (1.0, *[0.0] * classes), (RISING, *[FREE] * classes))
    if slope < LEAST_SLOPE:
        return fit_class_shifts(margin, label, night)
    return Calibration("temperature", slope=slope, shifts=tuple(shifts))


def _fit_log_odds(columns: Floats, label: Bools, bounds: Sequence[Bound], start: Sequence[float]) -> list[float]:
    """Return the coefficients of columns (n, k) by maximum likelihood, of Platt's targets instead of 0 and 1."""
    positive, negative = int(label.sum()), int((~label).sum())
    target = np.where(label, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(parameters: Floats) -> tuple[float, Floats]:
        log_odds = columns @ parameters
        gradient = (sigmoid(log_odds) - target) @ columns
        return float(np.mean(softplus(log_odds) - target * log_odds)), gradient / len(label)

    return _descend(loss, start, bounds)


def _descend(loss: Callable[[Floats], tuple[float, Floats]], start: Sequence[float], bounds: Sequence[Bound]) -> list[float]:
    """Return where a convex loss is least, within bounds."""
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1, user_api="blas"):  # it orders its sums by the number of its threads
        result = minimize(
            loss, np.asarray(start), jac=True, method="L-BFGS-B", bounds=bounds, options={"gtol": 1e-9, "ftol": 1e-15}
        )
    return [float(value) for value in result.x]


def _centred_steps(x: Floats, y: Floats, weight: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return middle and height of each step of the rising curve through y that has the least squared error."""
    from sklearn.isotonic import isotonic_regression

    at, place = np.unique(x, return_inverse=True)
    weights = np.bincount(place, weights=weight)
    heights = isotonic_regression(np.bincount(place, weights=weight * y) / weights, sample_weight=weights)
    step = np.cumsum(np.append(False, np.diff(heights) > 0))
    middle = np.bincount(step, weights=weights * at) / np.bincount(step, weights=weights)
    height = heights[np.unique(step, return_index=True)[1]]
    return tuple(middle.tolist()), tuple(height.tolist())
