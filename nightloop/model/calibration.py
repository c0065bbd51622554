"""Turn a model's margin into a calibrated prediction.

For log-odds of two classes: Platt (1999): ``1 / (1 + exp(-(slope * margin + intercept)))``, or isotonic: a monotone curve
through fitted points, straight between them (no training fits one today; bundles that carry one are read). For a number: a
shift. For several classes: a shift of each class's margin before the softmax. Kept as plain numbers, applied in NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import StoreDamaged

Floats = NDArray[np.float64]
Kind = Literal["none", "platt", "isotonic", "shift", "class_shifts"]
KINDS: tuple[Kind, ...] = ("none", "platt", "isotonic", "shift", "class_shifts")


@dataclass(frozen=True)
class Calibration:
    """A fitted curve from margin to answer.

    ``slope`` and ``intercept`` belong to platt, ``intercept`` to shift too; ``margins`` (rising) and ``probabilities`` are the
    points of isotonic; ``shifts`` has one entry a class.
    """

    kind: Kind
    slope: float = 1.0
    intercept: float = 0.0
    margins: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()
    shifts: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise StoreDamaged(f"'{self.kind}' is no calibration.", do=f"Known are {', '.join(KINDS)}.")
        if self.kind == "isotonic" and (not self.margins or len(self.margins) != len(self.probabilities)):
            raise StoreDamaged(
                f"the isotonic calibration has {len(self.margins)} margins and {len(self.probabilities)} probabilities.",
                do="Train the model again: it needs as many of one as of the other, and at least one.",
            )

    def probability(self, margin: Floats) -> Floats:
        """Return the probability of each margin, both float64 of shape (n,); each row on its own."""
        if self.kind == "isotonic":
            return np.interp(margin, self.margins, self.probabilities)
        return sigmoid(self.slope * margin + self.intercept)

    @property
    def effect_scale(self) -> float:
        """Factor from a contribution to the margin to one to the calibrated log-odds; 1 where the curve is not a line."""
        return self.slope if self.kind == "platt" else 1.0

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        if self.kind == "isotonic":
            return {"kind": self.kind, "margins": list(self.margins), "probabilities": list(self.probabilities)}
        if self.kind == "class_shifts":
            return {"kind": self.kind, "shifts": list(self.shifts)}
        if self.kind == "shift":
            return {"kind": self.kind, "intercept": self.intercept}
        return {"kind": self.kind, "slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Calibration:
        """Read what ``as_json`` wrote."""
        points = {key: tuple(cast("list[float]", values.get(key, []))) for key in ("margins", "probabilities", "shifts")}
        line = {key: float(cast("float", values[key])) for key in ("slope", "intercept") if key in values}
        return cls(cast("Kind", values["kind"]), **points, **line)  # type: ignore[arg-type]


def sigmoid(log_odds: Floats) -> Floats:
    """Return ``1 / (1 + exp(-x))`` without overflow at either end."""
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, small) / (1.0 + small)


def softmax(margin: Floats) -> Floats:
    """Return ``exp(x_c) / sum(exp(x))`` of margins (n, c) without overflow.

    Summed class by class: a row must get the same answer alone as in a batch.
    """
    powers = np.exp(margin - margin.max(axis=1, keepdims=True)) if margin.size else margin
    total = np.zeros(len(margin))
    for place in range(margin.shape[1]):
        total = total + powers[:, place]
    return np.asarray(powers / total[:, None])
