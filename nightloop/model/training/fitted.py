"""A model with all that turns its margins into answers and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.fairness.mitigation import Option
from nightloop.model.calibration import Calibration
from nightloop.model.group_thresholds import GroupThresholds
from nightloop.model.models import LinearClasses, LinearModel
from nightloop.model.tasks import Task
from nightloop.model.training import trainers
from nightloop.model.training.calibrating.choice import Calibrated

if TYPE_CHECKING:
    from xgboost import Booster

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
        mitigated: beside what it was chosen, where the use case declares methods of mitigation.
    """

    model: Booster | LinearModel | LinearClasses
    calibration: Calibration
    task: Task
    chosen: Calibrated | None = None
    thresholds: GroupThresholds | None = None
    mitigated: Mitigated | None = None

    def predict(self, features: Floats) -> Floats:
        """Return the predictions, (n,) or (n, c), of rows (n, k)."""
        return self.task.predict(self.calibration, trainers.margins(self.model, features))


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
