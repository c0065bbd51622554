"""Fit how far answers reach: on each calibrate night by a calibration of the others, so that no night judges what it fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.coverage import night_quantile
from nightloop.model.conformal import OUTCOMES, ClassSet, Conformal, Interval
from nightloop.model.tasks import task_of
from nightloop.model.training.calibrating.choice import METHODS

if TYPE_CHECKING:
    from nightloop.definitions.model import Model

Floats = NDArray[np.float64]


def fit_reach(model: Model, method: str, margin: Floats, label: NDArray[Any], night: NDArray[Any]) -> Conformal | None:
    """Return what is promised of the model's answers; None where the definition promises nothing.

    Args:
        model: the task and the promise.
        method: of the calibration that the answers have.
        margin: (n,) or (n, c) of rows the model was not fitted on.
        label: (n,) what came.
        night: (n,) the night of each row.
    """
    if model.conformal is None:
        return None
    share = model.conformal.coverage
    prediction = _predicted_by_other_nights(model, method, margin, label, night)
    if model.task == "regression":
        # Each side has its half of what may lie outside: errors of a number need not be symmetrical.
        side = (1.0 + share) / 2
        below, above = (max(0.0, night_quantile(sign * (label - prediction), night, side)) for sign in (-1.0, 1.0))
        return Interval(share, below, above)
    of_each = np.column_stack([1.0 - prediction, prediction]) if prediction.ndim == 1 else prediction
    names, place = model.classes or OUTCOMES, label.astype(np.int64)
    score = 1.0 - of_each[np.arange(len(label)), place]
    every_row = [np.ones(len(label), dtype=np.bool_)] * len(names)
    of_class = [place == each for each in range(len(names))] if model.conformal.each_class else every_row
    # A class that did not come in these nights is in every set: nothing is known of it.
    least = (1.0 - night_quantile(score[rows], night[rows], share) if rows.any() else 0.0 for rows in of_class)
    return ClassSet(share, tuple(least), names)


def _predicted_by_other_nights(model: Model, method: str, margin: Floats, label: NDArray[Any], night: NDArray[Any]) -> Floats:
    """Return predictions (n,) or (n, c), those of each night calibrated on the others."""
    task, fit = task_of(model.task, model.threshold, model.classes), METHODS[model.task][method]
    prediction = np.empty(margin.shape)
    for each in np.unique(night):
        mine = night == each
        prediction[mine] = task.predict(fit(margin[~mine], label[~mine], night[~mine]), margin[mine])
    return prediction
