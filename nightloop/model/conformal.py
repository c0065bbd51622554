"""How far an answer reaches: an interval around a number, or a set of classes, that holds a promised share of outcomes.

Part of the bundle's code: plain numbers, applied in NumPy, each row on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import StoreDamaged

Floats = NDArray[np.float64]
Texts = NDArray[np.object_]

LOW, HIGH, SET = "prediction_low", "prediction_high", "prediction_set"
BETWEEN = "|"  # of the classes in a set; no class has it in its name
OUTCOMES = ("false", "true")  # the classes of a binary model


def reach_columns(task: str) -> dict[str, Literal["double", "string"]]:
    """Return the columns that a promise adds to an answer of a task: name -> double or string."""
    return {LOW: "double", HIGH: "double"} if task == "regression" else {SET: "string"}


@dataclass(frozen=True)
class Interval:
    """A number's: from ``below`` under it to ``above`` over it."""

    coverage: float
    below: float
    above: float

    def columns(self, prediction: Floats) -> dict[str, NDArray[Any]]:
        """Return the ends of predictions (n,)."""
        return {LOW: prediction - self.below, HIGH: prediction + self.above}

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        return {"coverage": self.coverage, "below": self.below, "above": self.above}


@dataclass(frozen=True)
class ClassSet:
    """The most probable class, and every other whose probability is its ``least`` or more (Sadinle, Lei and Wasserman 2019).

    ``least`` has one entry a class: equal ones where the share is promised of all rows, its own where it is of each class.
    """

    coverage: float
    least: tuple[float, ...]
    classes: tuple[str, ...]

    def columns(self, prediction: Floats) -> dict[str, NDArray[Any]]:
        """Return the set of each row as text, its classes in order: of predictions (n,), that it is true, or (n, c)."""
        probability = np.column_stack([1.0 - prediction, prediction]) if prediction.ndim == 1 else prediction
        within = probability >= np.asarray(self.least)
        within[np.arange(len(probability)), np.argmax(probability, axis=1)] = True
        sets: Texts = np.full(len(probability), "", dtype=object)
        for place, name in enumerate(self.classes):
            joined = np.where(sets == "", name, sets + BETWEEN + name)
            sets = np.where(within[:, place], joined, sets)
        return {SET: sets}

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        return {"coverage": self.coverage, "least": list(self.least)}


Conformal = Interval | ClassSet


def from_json(values: Mapping[str, object], classes: Sequence[str]) -> Conformal:
    """Read what ``as_json`` wrote.

    Args:
        values: of the bundle.
        classes: of a multiclass model; none of others.

    Raises:
        StoreDamaged: neither an interval nor a set.
    """
    if values.keys() == {"coverage", "below", "above"}:
        return Interval(**{name: float(cast("float", of)) for name, of in values.items()})
    names, least = tuple(classes) or OUTCOMES, values.get("least")
    if values.keys() == {"coverage", "least"} and isinstance(least, list) and len(least) == len(names):
        return ClassSet(float(cast("float", values["coverage"])), tuple(float(of) for of in least), names)
    raise StoreDamaged(f"what is promised of answers holds {', '.join(values)}.", do="Fetch or train the model again.")


def covered(columns: Mapping[str, NDArray[Any]], label: NDArray[Any], classes: Sequence[str]) -> Floats:
    """Return 1 where the outcome lies within, 0 where it does not, NaN where nothing was promised; (n,).

    Args:
        columns: of the answers, as ``reach_columns`` names them.
        label: (n,) number, bool, or place of the class.
        classes: of a multiclass model; none of others.
    """
    if SET not in columns:
        low, high = columns[LOW], columns[HIGH]
        return np.where(np.isnan(low), np.nan, ((low <= label) & (label <= high)).astype(np.float64))
    names = tuple(classes) or OUTCOMES
    sets = zip(columns[SET].tolist(), label.astype(np.int64).tolist(), strict=True)
    return np.array([np.nan if text is None else float(names[place] in text.split(BETWEEN)) for text, place in sets])
