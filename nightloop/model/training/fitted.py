"""A model with all that turns its margins into answers and decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.evidence.fairness.mitigation import Option
from nightloop.model.calibration import Calibration
from nightloop.model.capacity import usual_threshold
from nightloop.model.conformal import Conformal
from nightloop.model.group_thresholds import GroupThresholds
from nightloop.model.models import FittedModel, LinearClasses, LinearModel, linear_from_json
from nightloop.model.tasks import Task
from nightloop.model.training.calibrating.choice import Calibrated, calibrate
from nightloop.model.training.calibrating.reach import fit_reach
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import task_for

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A model and what turns its margins into predictions, and these into decisions.

    Attributes:
        model: gives margins.
        calibration: from margin to prediction.
        task: what a prediction means.
        chosen: how the calibration was, where it was fitted here.
        thresholds: of a model that decides by one for each group; None: the task's own decides for all.
        threshold: the declared one; with a capacity that of the usual calibrate night.
        mitigated: beside what it was chosen, where the use case declares methods of mitigation.
        promise: how far answers reach, where the definition promises it.
    """

    model: FittedModel
    calibration: Calibration
    task: Task
    chosen: Calibrated | None = None
    thresholds: GroupThresholds | None = None
    mitigated: Mitigated | None = None
    threshold: float | None = None
    promise: Conformal | None = None

    @property
    def bundle_parts(self) -> Mapping[str, Any]:
        """What ``bundle.write`` is told of the model."""
        return {
            "model": self.model,
            "calibration": self.calibration,
            "thresholds": self.thresholds,
            "threshold": self.threshold,
            "conformal": self.promise,
        }

    def predict(self, features: Floats) -> Floats:
        """Return the predictions, (n,) or (n, c), of rows (n, k)."""
        return self.task.predict(self.calibration, self.model.margins(features))


@dataclass(frozen=True)
class Mitigated:
    """All models that were fitted, and which of them is taken.

    Attributes:
        models: by name, the unmitigated one first.
        chosen: name of the one that is taken.
        reason: why, in words.
        compared: what the choice was made by, on the calibration nights.
    """

    models: Mapping[str, Fitted]
    chosen: str
    reason: str
    compared: tuple[Option, ...]


def calibrated_on(use_case: UseCase, model: FittedModel, rows: TrainingSet) -> Fitted:
    """Calibrate a model on rows it was not fitted on; where a capacity decides, find the threshold of a usual night."""
    margin = model.margins(rows.matrix)
    chosen, task = calibrate(use_case.model, margin, rows.label, rows.night), task_for(use_case)
    threshold, capacity = use_case.model.threshold, use_case.model.capacity
    if capacity is not None:
        threshold = usual_threshold(rows.night, task.predict(chosen.calibration, margin), capacity)
    promise = fit_reach(use_case.model, chosen.method, margin, rows.label, rows.night)
    return Fitted(model, chosen.calibration, task, chosen, threshold=threshold, promise=promise)


def baseline_json(baseline: Fitted) -> bytes:
    """Return a baseline as plain numbers; ``read_baseline`` reads them back."""
    model = baseline.model
    assert isinstance(model, LinearModel | LinearClasses)  # noqa: S101 - the type of every baseline
    values = {"model": model.as_json(), "calibration": baseline.calibration.as_json()}
    return (json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_baseline(content: bytes, task: Task) -> Fitted:
    """Return the baseline of a training."""
    values: dict[str, Any] = json.loads(content)
    return Fitted(linear_from_json(values["model"]), Calibration.from_json(values["calibration"]), task)
