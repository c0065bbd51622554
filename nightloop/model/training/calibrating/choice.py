"""Calibrate by the declared method, or by the one that later nights choose.

``auto`` fits each method on the older of the calibrate nights and compares them on the newer ones by a proper score by night:
log loss, of numbers the squared error. The simplest whose score is within one standard error of the best is chosen
(Breiman et al. 1984, here of the paired differences between nights), and fitted again on all calibrate nights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.intervals import mean
from nightloop.evidence.metrics import SMALLEST, figure
from nightloop.evidence.verdict import Figure
from nightloop.model.calibration import Calibration
from nightloop.model.tasks import task_of
from nightloop.model.training.calibrating.curves import (
    fit_beta,
    fit_isotonic,
    fit_isotonic_mean,
    fit_platt,
    fit_temperature,
)
from nightloop.model.training.calibrating.shift import fit_class_shifts, fit_number_shift, fit_shift

if TYPE_CHECKING:
    from nightloop.definitions.model import Model

Floats = NDArray[np.float64]
Fit = Callable[[Floats, NDArray[Any], NDArray[Any]], Calibration]

AUTO = "auto"
# By task, the simplest first. (margin, label, night) -> the calibration.
METHODS: Mapping[str, Mapping[str, Fit]] = {
    "binary": {"shift": fit_shift, "platt": fit_platt, "beta": fit_beta, "isotonic": fit_isotonic},
    "regression": {"shift": fit_number_shift, "isotonic": fit_isotonic_mean},
    "multiclass": {"shift": fit_class_shifts, "temperature": fit_temperature},
}
COMPARED_NIGHTS = 2  # that at least are needed on either side: one night has no standard error


@dataclass(frozen=True)
class Calibrated:
    """A calibration, and how it was chosen.

    Attributes:
        method: by which it was fitted.
        calibration: of all calibrate nights.
        figures: of each method that was compared, its score on the newer nights and how much better than the simplest that
            is; none where the method was declared.
    """

    method: str
    calibration: Calibration
    figures: tuple[Figure, ...] = ()


def calibrate(model: Model, margin: Floats, label: NDArray[Any], night: NDArray[Any]) -> Calibrated:
    """Calibrate a model as its definition says.

    Args:
        model: the task, and the method.
        margin: (n,) or (n, c) of rows the model was not fitted on.
        label: (n,) what came.
        night: (n,) the night of each row.
    """
    methods = METHODS[model.task]
    if model.calibration != AUTO:
        return Calibrated(model.calibration, methods[model.calibration](margin, label, night))
    losses = _losses_on_newer_nights(model, margin, label, night)
    method = _simplest_of_the_best(losses)
    return Calibrated(method, methods[method](margin, label, night), _figures(model, losses, len(label)))


def _losses_on_newer_nights(model: Model, margin: Floats, label: NDArray[Any], night: NDArray[Any]) -> dict[str, Floats]:
    """Return the mean loss of each of the newer nights (m,), by method; nothing where there are too few nights."""
    nights = np.unique(night)
    if len(nights) < 2 * COMPARED_NIGHTS:
        return {}
    newer = night >= nights[(len(nights) + 1) // 2]
    older, task = ~newer, task_of(model.task, model.threshold, model.classes)
    _, place, rows = np.unique(night[newer], return_inverse=True, return_counts=True)
    losses = {}
    for method, fit in METHODS[model.task].items():
        prediction = task.predict(fit(margin[older], label[older], night[older]), margin[newer])
        losses[method] = np.bincount(place, weights=_loss(model.task, label[newer], prediction)) / rows
    return losses


def _loss(task: str, label: NDArray[Any], prediction: Floats) -> Floats:
    """Return the proper score of each row (n,); less is better."""
    if task == "regression":
        return np.asarray((prediction - label) ** 2)
    of_label = np.where(label, prediction, 1.0 - prediction) if task == "binary" else prediction[np.arange(len(label)), label]
    return np.asarray(-np.log(np.clip(of_label, SMALLEST, 1.0)))


def _simplest_of_the_best(losses: Mapping[str, Floats]) -> str:
    if not losses:
        return "shift"
    best = min(losses.values(), key=lambda of_method: float(np.mean(of_method)))

    def is_near(behind: Floats) -> bool:
        return float(np.mean(behind)) <= float(np.std(behind, ddof=1)) / math.sqrt(len(behind))

    return next(method for method, of_method in losses.items() if is_near(of_method - best))


def _figures(model: Model, losses: Mapping[str, Floats], rows: int) -> tuple[Figure, ...]:
    score = "squared_error" if model.task == "regression" else "log_loss"
    return tuple(
        measured
        for method, of_method in losses.items()
        for measured in (
            figure(score, mean(of_method), None, rows, method),
            figure(f"{score}_over_shift", mean(losses["shift"] - of_method), None, rows, method),
        )
    )
