"""Weigh rare classes more while fitting, and say by how much that raises their margins, so that it can be taken back.

A fit that gives the rows of class c the weight w_c estimates odds that are w_c times too high: its margin of c is too high by
log(w_c) (King and Zeng 2001; Elkan 2001). Taken off, the margins are those of the rows as they come, and what is left for the
calibration is small enough to be shrunk by what nights prove.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | int | str]
CLASS_WEIGHT = "class_weight"


def class_weights(label: NDArray[Any], parameters: Parameters, weight: Floats | None) -> tuple[Floats | None, list[float]]:
    """Return the weight of each row (n,), None where all count alike, and by how much the margin of each class is raised.

    ``class_weight: balanced`` gives each class the same weight in sum.

    Args:
        label: (n,) bool, or the place of the class; each class is there.
        parameters: of the estimator.
        weight: (n,) of the rows before.
    """
    count = np.bincount(label.astype(np.int64), minlength=2)
    if CLASS_WEIGHT not in parameters:
        return weight, [0.0] * len(count)
    of_class = len(label) / (len(count) * count)
    return of_class[label.astype(np.int64)] * (1.0 if weight is None else weight), [float(shift) for shift in np.log(of_class)]


def without_class_weight(parameters: Parameters) -> dict[str, float | int | str]:
    """Return the parameters that are left for the library."""
    return {name: value for name, value in parameters.items() if name != CLASS_WEIGHT}
