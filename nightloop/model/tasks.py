"""What a model of each task answers: from margins to what is said, decided and told in columns.

Part of the bundle's code: knows numpy and the calibration, nothing else.

| task | margin | said | columns of an answer |
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
from nightloop.model.calibration import Calibration, softmax

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
    def said(self) -> tuple[str, ...]:
        """Which of them hold what was said: one, or one a class."""

    def say(self, calibration: Calibration, margin: Floats) -> Floats:
        """Return what is said (n,) or (n, c); each row on its own."""

    def decide(self, said: Floats) -> Bools | None:
        """Return the decision (n,), None where nothing is decided."""

    def moved(self, said: Floats, decision: Bools | None, effect: Floats) -> tuple[Floats, Floats]:
        """Return each feature's effect on the answer (n, k), and how strongly it speaks for the answer."""

    def values(self, said: Floats, decision: Bools | None) -> Mapping[str, NDArray[Any] | None]:
        """Return the columns' values (n,); None: null in every row."""


@dataclass(frozen=True)
class Binary:
    """The probability that the label is true."""

    threshold: float
    name: Name = "binary"
    said: tuple[str, ...] = ("probability",)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """See Task."""
        return {"probability": "double", "decision": "boolean"}

    def say(self, calibration: Calibration, margin: Floats) -> Floats:
        """See Task."""
        return calibration.probability(margin)

    def decide(self, said: Floats) -> Bools:
        """See Task."""
        return np.asarray(said >= self.threshold, dtype=np.bool_)

    def moved(self, said: Floats, decision: Bools | None, effect: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return the effects, and how far they speak for the decision."""
        return effect, np.where(said >= self.threshold, 1.0, -1.0)[:, None] * effect

    def values(self, said: Floats, decision: Bools | None) -> Mapping[str, NDArray[Any] | None]:
        """See Task."""
        return {"probability": said, "decision": decision}


@dataclass(frozen=True)
class Regression:
    """The mean of a number."""

    threshold: float | None = None
    name: Name = "regression"
    said: tuple[str, ...] = ("prediction",)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """See Task."""
        return {"prediction": "double", "decision": "boolean"}

    def say(self, calibration: Calibration, margin: Floats) -> Floats:
        """See Task."""
        return margin + calibration.intercept

    def decide(self, said: Floats) -> Bools | None:
        """See Task."""
        return None if self.threshold is None else np.asarray(said >= self.threshold, dtype=np.bool_)

    def moved(self, said: Floats, decision: Bools | None, effect: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return the effects in the label's unit, and their size: up or down, what moves most comes first."""
        return effect, np.abs(effect)

    def values(self, said: Floats, decision: Bools | None) -> Mapping[str, NDArray[Any] | None]:
        """See Task."""
        return {"prediction": said, "decision": decision}


@dataclass(frozen=True)
class Multiclass:
    """The probability of each of several classes."""

    classes: tuple[str, ...]
    name: Name = "multiclass"

    @property
    def said(self) -> tuple[str, ...]:
        """See Task."""
        return tuple(f"probability_{name}" for name in self.classes)

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """See Task."""
        return {"predicted_class": "string", "probability": "double", **dict.fromkeys(self.said, "double")}

    def say(self, calibration: Calibration, margin: Floats) -> Floats:
        """See Task."""
        return softmax(margin + np.asarray(calibration.shifts or 0.0))

    def decide(self, said: Floats) -> None:  # noqa: ARG002
        """See Task."""
        return

    def moved(self, said: Floats, decision: Bools | None, effect: Floats) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Return, of effects (n, c, k), those on the margin of the class that is told."""
        own = effect[np.arange(len(said)), np.argmax(said, axis=1)]
        return own, own

    def values(self, said: Floats, decision: Bools | None) -> Mapping[str, NDArray[Any] | None]:  # noqa: ARG002
        """Return the most probable class (of equal ones, the one named first), its probability, and all of them."""
        told = np.argmax(said, axis=1)
        names = np.array(self.classes, dtype=object)
        of_each = {column: said[:, place] for place, column in enumerate(self.said)}
        return {"predicted_class": names[told], "probability": said[np.arange(len(said)), told], **of_each}


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
