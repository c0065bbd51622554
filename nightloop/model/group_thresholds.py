"""Decide by a threshold for each group of an attribute, which must then be known of every row that is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SMALLEST = 1e-12  # a probability of 0 or 1 has no log-odds


@dataclass(frozen=True)
class GroupThresholds:
    """Thresholds by group.

    Attributes:
        attribute: the entity's column that names the group, as text; ``unknown`` where it holds nothing.
        thresholds: an answer at or above that of its group is a positive decision.
        otherwise: the threshold of a group that has none.
    """

    attribute: str
    thresholds: Mapping[str, float]
    otherwise: float

    def of(self, group: NDArray[Any]) -> Floats:
        """Return the threshold of each row (n,) by its group (n,)."""
        return np.array([self.thresholds.get(name, self.otherwise) for name in group.tolist()], dtype=np.float64)

    def order(self, probability: Floats, group: NDArray[Any]) -> Floats:
        """Return what the decisions order rows by (n,): the log-odds of the answer over those of the group's threshold."""
        return _log_odds(probability) - _log_odds(self.of(group))

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        return {"attribute": self.attribute, "thresholds": dict(self.thresholds)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], otherwise: float) -> GroupThresholds:
        """Read what ``as_json`` wrote."""
        return cls(values["attribute"], {name: float(value) for name, value in values["thresholds"].items()}, otherwise)


def _log_odds(probability: Floats) -> Floats:
    bounded = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.asarray(np.log(bounded) - np.log1p(-bounded))
