"""Turn a model's margin into a calibrated prediction.

| kind | what it makes of the margin |
|---|---|
| none, platt | log-odds of two classes: ``1 / (1 + exp(-(slope * margin + intercept)))`` (Platt 1999) |
| beta | the same of ``a ln(p) - b ln(1 - p) + intercept``, p being the uncalibrated probability (Kull et al. 2017) |
| isotonic, isotonic_mean | a rising curve through points, straight between them and flat beyond: a probability, or a mean |
| shift | a number plus ``intercept`` |
| class_shifts, temperature | margins of several classes: ``slope`` times each plus its shift, before the softmax |

Each keeps the order of the margins. Kept as plain numbers, applied in NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import StoreDamaged

Floats = NDArray[np.float64]
Kind = Literal["none", "platt", "beta", "isotonic", "isotonic_mean", "shift", "class_shifts", "temperature"]

# What each kind is written with, in order.
FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "none": ("slope", "intercept"),
    "platt": ("slope", "intercept"),
    "beta": ("slopes", "intercept"),
    "isotonic": ("margins", "probabilities"),
    "isotonic_mean": ("margins", "means"),
    "shift": ("intercept",),
    "class_shifts": ("shifts",),
    "temperature": ("slope", "shifts"),
}
KINDS: tuple[Kind, ...] = tuple(FIELDS)


@dataclass(frozen=True)
class Calibration:
    """A fitted curve from margin to answer, with the fields that ``FIELDS`` names of its kind.

    ``slopes`` are those of beta, (a, b); ``margins`` (rising) and ``probabilities`` or ``means`` are the points of a curve;
    ``shifts`` has one entry a class.
    """

    kind: Kind
    slope: float = 1.0
    intercept: float = 0.0
    margins: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()
    shifts: tuple[float, ...] = ()
    slopes: tuple[float, ...] = ()
    means: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise StoreDamaged(f"'{self.kind}' is no calibration.", do=f"Known are {', '.join(KINDS)}.")
        curve = FIELDS[self.kind][1] if self.kind in ("isotonic", "isotonic_mean") else ""
        if curve and (not self.margins or len(self.margins) != len(getattr(self, curve))):
            raise StoreDamaged(
                f"the {self.kind} calibration has {len(self.margins)} margins and {len(getattr(self, curve))} {curve}.",
                do="Train the model again: it needs as many of one as of the other, and at least one.",
            )
        if self.kind == "beta" and len(self.slopes) != 2:  # noqa: PLR2004 - a and b
            raise StoreDamaged(f"the beta calibration has {len(self.slopes)} slopes, not two.", do="Train the model again.")

    def probability(self, margin: Floats) -> Floats:
        """Return the probability of each margin, both float64 of shape (n,); each row on its own."""
        if self.kind == "isotonic":
            return np.interp(margin, self.margins, self.probabilities)
        if self.kind == "beta":
            below, above = self.slopes
            return sigmoid(above * softplus(margin) - below * softplus(-margin) + self.intercept)
        return sigmoid(self.slope * margin + self.intercept)

    def mean(self, margin: Floats) -> Floats:
        """Return the predicted number of each margin, both (n,)."""
        return np.interp(margin, self.margins, self.means) if self.kind == "isotonic_mean" else margin + self.intercept

    def class_probabilities(self, margin: Floats) -> Floats:
        """Return the probability of each class of margins, both (n, c)."""
        return softmax(self.slope * margin + np.asarray(self.shifts or 0.0))

    @property
    def effect_scale(self) -> float:
        """Factor from a contribution to the margin to one to the calibrated margin; 1 where the curve is not a line."""
        return self.slope if self.kind in ("platt", "temperature") else 1.0

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        values = {name: getattr(self, name) for name in FIELDS[self.kind]}
        return {"kind": self.kind, **{name: list(of) if isinstance(of, tuple) else of for name, of in values.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Calibration:
        """Read what ``as_json`` wrote."""
        fields = {name: of for name, of in values.items() if name in cls.__dataclass_fields__ and name != "kind"}
        read = {name: tuple(of) if isinstance(of, list) else float(cast("float", of)) for name, of in fields.items()}
        return cls(cast("Kind", values["kind"]), **read)  # type: ignore[arg-type]


def sigmoid(log_odds: Floats) -> Floats:
    """Return ``1 / (1 + exp(-x))`` without overflow at either end."""
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, small) / (1.0 + small)


def softplus(log_odds: Floats) -> Floats:
    """Return ``ln(1 + exp(x))`` without overflow: minus the logarithm of the probability of the other class."""
    return np.maximum(log_odds, 0.0) + np.log1p(np.exp(-np.abs(log_odds)))


def softmax(margin: Floats) -> Floats:
    """Return ``exp(x_c) / sum(exp(x))`` of margins (n, c) without overflow.

    Summed class by class: a row must get the same answer alone as in a batch.
    """
    powers = np.exp(margin - margin.max(axis=1, keepdims=True)) if margin.size else margin
    total = np.zeros(len(margin))
    for place in range(margin.shape[1]):
        total = total + powers[:, place]
    return np.asarray(powers / total[:, None])
