"""What a model of each task answers: from margins to predictions, decisions and the columns of an answer.

Part of the bundle's code: knows numpy and the calibration, nothing else.

| task | margin | prediction | columns of an answer |
|---|---|---|---|
| binary | log-odds (n,) | probability (n,) | probability, decision |
| regression | the number itself (n,) | prediction (n,) | prediction, decision (null where no threshold is declared) |
| multiclass | (n, c) | probability of each class (n, c) | predicted_class, probability (its own), probability_<class> each |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import StoreDamaged
from nightloop.model.calibration import Calibration

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
ColumnKind = Literal["double", "boolean", "string"]
Name = Literal["binary", "regression", "multiclass"]


class Task(Protocol):
    """What the task makes of margins."""

    @property
    def name(self) -> Name:
        """binary, regression or multiclass."""

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns of an answer, in order."""

    @property
    def prediction_columns(self) -> tuple[str, ...]:
        """Which of them hold the prediction: one, or one a class."""

    def predict(self, calibration: Calibration, margin: Floats) -> Floats:
        """Return the predictions (n,) or (n, c) of margins; each row on its own."""

    def decide(self, prediction: Floats) -> Bools | None:
        """Return the decision (n,), None where nothing is decided."""

    def attribute(self, prediction: Floats, decision: Bools | None, effect: Floats) -> tuple[Floats, Floats]:
        """Return each feature's effect on the answer (n, k), and how strongly it speaks for the answer."""

    def column_values(self, prediction: Floats, decision: Bools | None) -> Mapping[str, NDArray[Any] | None]:
        """Return the columns' values (n,); None: null in every row."""


@dataclass(frozen=True)
class Binary:
    """The probability that the label is true."""

    threshold: float
    name: Name = "binary"
    prediction_columns: tuple[str, ...] = ("probability",)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """See Task."""
        return {"probability": "double", "decision": "boolean"}

    def predict(self, calibration: Calibration, margin: Floats) -> Floats:
        """See Task."""
        return calibration.probability(margin)

    def decide(self, prediction: Floats) -> Bools:
        """See Task."""
        return np.asarray(prediction >= self.threshold, dtype=np.bool_)

    def attribute(self, prediction: Floats, decision: Bools | None, effect: Floats) -> tuple[Floats, Floats]:
        """Return the effects, and how far they speak for the decision."""
        decided = self.decide(prediction) if decision is None else decision
        return effect, np.where(decided, 1.0, -1.0)[:, None] * effect

    def column_values(self, prediction: Floats, decision: Bools | None) -> Mapping[str, NDArray[Any] | None]:
        """See Task."""
        return {"probability": prediction, "decision": decision}


@dataclass(frozen=True)
class Regression:
    """The mean of a number."""

    threshold: float | None = None
    name: Name = "regression"
    prediction_columns: tuple[str, ...] = ("prediction",)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """See Task."""
        return {"prediction": "double", "decision": "boolean"}

    def predict(self, calibration: Calibration, margin: Floats) -> Floats:
        """See Task."""
        return calibration.mean(margin)

    def decide(self, prediction: Floats) -> Bools | None:
        """See Task."""
        return None if self.threshold is None else np.asarray(prediction >= self.threshold, dtype=np.bool_)

    def attribute(self, prediction: Floats, decision: Bools | None, effect: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return the effects in the label's unit, and their size: up or down, what moves most comes first."""
        return effect, np.abs(effect)

    def column_values(self, prediction: Floats, decision: Bools | None) -> Mapping[str, NDArray[Any] | None]:
        """See Task."""
        return {"prediction": prediction, "decision": decision}


@dataclass(frozen=True)
class Multiclass:
    """The probability of each of several classes."""

    classes: tuple[str, ...]
    name: Name = "multiclass"

    @property
    def prediction_columns(self) -> tuple[str, ...]:
        """See Task."""
        return tuple(f"probability_{name}" for name in self.classes)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """See Task."""
        return {"predicted_class": "string", "probability": "double", **dict.fromkeys(self.prediction_columns, "double")}

    def predict(self, calibration: Calibration, margin: Floats) -> Floats:
        """See Task."""
        return calibration.class_probabilities(margin)

    def decide(self, prediction: Floats) -> None:  # noqa: ARG002
        """See Task."""
        return

    def attribute(self, prediction: Floats, decision: Bools | None, effect: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return, of effects (n, c, k), those on the margin of the predicted class."""
        of_predicted = effect[np.arange(len(prediction)), np.argmax(prediction, axis=1)]
        return of_predicted, of_predicted

    def column_values(self, prediction: Floats, decision: Bools | None) -> Mapping[str, NDArray[Any] | None]:  # noqa: ARG002
        """Return the most probable class (of equal ones, the one named first), its probability, and all of them."""
        predicted = np.argmax(prediction, axis=1)
        names = np.array(self.classes, dtype=object)
        of_each = {column: prediction[:, place] for place, column in enumerate(self.prediction_columns)}
        return {
            "predicted_class": names[predicted],
            "probability": prediction[np.arange(len(prediction)), predicted],
            **of_each,
        }


def task_of(name: str, threshold: float | None, classes: Sequence[str]) -> Task:
    """Return the task by its name.

    Raises:
        StoreDamaged: no such task, or what it needs is missing.
    """
    if name == "binary" and threshold is not None:
        return Binary(threshold)
    if name == "regression":
        return Regression(threshold)
    if name == "multiclass" and classes:
        return Multiclass(tuple(classes))
    raise StoreDamaged(
        f"'{name}' with threshold {threshold} and classes {list(classes)} is no task.",
        do="Known are binary with a threshold, regression, and multiclass with classes.",
    )
