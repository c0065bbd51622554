"""A linear model of standardised features, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import StoreDamaged

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LinearModel:
    """``margin = intercept + sum(coefficient * (value - mean) / scale)``; a missing value counts as ``fill``.

    Each list has one entry per feature, in the order of the use case.
    """

    intercept: float
    coefficients: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    fills: tuple[float, ...]

    def __post_init__(self) -> None:
        sizes = {name: len(getattr(self, name)) for name in ("coefficients", "means", "scales", "fills")}
        if len(set(sizes.values())) != 1 or not all(self.scales):
            raise StoreDamaged(f"the linear model does not fit together: {sizes}, scales {self.scales}.", do="Train it again.")

    @property
    def feature_count(self) -> int:
        """How many features it takes."""
        return len(self.coefficients)

    def margins(self, features: Floats) -> Floats:
        """Return the margins (n,) of rows (n, k): log-odds, or for a number itself.

        Summed column by column, not as a matrix product: BLAS orders its sums by the number of rows, and a row must get the
        same answer alone as in a batch.
        """
        return self.explain(features)[0]

    def explain(self, features: Floats) -> tuple[Floats, Floats]:
        """Return margins (n,) and contributions (n, k); a row's contributions and the intercept add up to its margin."""
        filled = np.where(np.isnan(features), np.asarray(self.fills), features)
        effects = np.asarray(self.coefficients) * ((filled - np.asarray(self.means)) / np.asarray(self.scales))
        total = np.full(len(features), self.intercept)
        for column in range(effects.shape[1]):
            total = total + effects[:, column]
        return total, effects

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> LinearModel:
        """Read what ``as_json`` wrote."""
        lists = {key: tuple(cast("list[float]", values[key])) for key in ("coefficients", "means", "scales", "fills")}
        return cls(intercept=float(cast("float", values["intercept"])), **lists)


@dataclass(frozen=True)
class LinearClasses:
    """One linear model a class: the margins of a multinomial regression."""

    models: tuple[LinearModel, ...]

    def __post_init__(self) -> None:
        if len({model.feature_count for model in self.models}) != 1:
            raise StoreDamaged("the classes' linear models take different features.", do="Train it again.")

    @property
    def feature_count(self) -> int:
        """How many features it takes."""
        return self.models[0].feature_count

    def margins(self, features: Floats) -> Floats:
        """Return the margins (n, c) of rows (n, k)."""
        return self.explain(features)[0]

    def explain(self, features: Floats) -> tuple[Floats, Floats]:
        """Return margins (n, c) and contributions (n, c, k)."""
        found = [model.explain(features) for model in self.models]
        return np.stack([margin for margin, _ in found], axis=1), np.stack([effect for _, effect in found], axis=1)

    def as_json(self) -> dict[str, object]:
        """Return plain values; ``from_json`` reads them back."""
        return {"models": [model.as_json() for model in self.models]}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> LinearClasses:
        """Read what ``as_json`` wrote."""
        return cls(tuple(LinearModel.from_json(item) for item in cast("list[dict[str, object]]", values["models"])))


def linear_from_json(values: Mapping[str, object]) -> LinearModel | LinearClasses:
    """Read either, as it was written."""
    return LinearClasses.from_json(values) if "models" in values else LinearModel.from_json(values)
