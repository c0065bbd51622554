"""Fit the linear baselines: one a task, all on standardised features; a missing value counts as the feature's median."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import DefinitionError
from nightloop.model.linear import LinearClasses, LinearModel

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | int | str]


def fit_logistic(features: Floats, label: NDArray[np.bool_], *, parameters: Parameters, seed: int) -> LinearModel:
    """Fit a logistic regression on features (n, k), NaN for missing, and labels (n,).

    Raises:
        DefinitionError: scikit-learn refuses a parameter.
    """
    scale = _Scale.of(features)
    model = _logistic(scale.applied(features), label, parameters, seed)
    return scale.linear(float(model.intercept_[0]), model.coef_[0])


def fit_ridge(features: Floats, label: Floats, *, parameters: Parameters, seed: int) -> LinearModel:
    """Fit a ridge regression (Hoerl and Kennard 1970) of a number; its margins are the number itself.

    Raises:
        DefinitionError: scikit-learn refuses a parameter.
    """
    from sklearn.linear_model import Ridge

    scale = _Scale.of(features)
    model = _fitted(Ridge, "ridge", {**parameters, "random_state": seed}, scale.applied(features), label)
    return scale.linear(float(model.intercept_), model.coef_)


def fit_multinomial(
    features: Floats, label: NDArray[np.int64], *, classes: int, parameters: Parameters, seed: int
) -> LinearClasses:
    """Fit a multinomial logistic regression; ``label`` (n,) holds each class at least once.

    Raises:
        DefinitionError: scikit-learn refuses a parameter.
    """
    scale = _Scale.of(features)
    model = _logistic(scale.applied(features), label, parameters, seed)
    if classes == 2:  # noqa: PLR2004 - scikit-learn then keeps the second class's log-odds only
        none = scale.linear(0.0, np.zeros(features.shape[1]))
        return LinearClasses((none, scale.linear(float(model.intercept_[0]), model.coef_[0])))
    pairs = zip(model.intercept_, model.coef_, strict=True)
    return LinearClasses(tuple(scale.linear(float(intercept), coefficients) for intercept, coefficients in pairs))


@dataclass(frozen=True)
class _Scale:
    """Medians, means and spreads of the features (k,)."""

    fills: Floats
    means: Floats
    scales: Floats

    @classmethod
    def of(cls, features: Floats) -> _Scale:
        there = ~np.isnan(features)
        medians = [np.median(column[known]) if known.any() else 0.0 for column, known in zip(features.T, there.T, strict=True)]
        filled = np.where(there, features, np.asarray(medians))
        means, spread = filled.mean(axis=0), filled.std(axis=0)
        return cls(np.asarray(medians), means, np.where(spread > 0, spread, 1.0))

    def applied(self, features: Floats) -> Floats:
        filled = np.where(~np.isnan(features), features, self.fills)
        return np.asarray((filled - self.means) / self.scales)

    def linear(self, intercept: float, coefficients: Floats) -> LinearModel:
        return LinearModel(intercept, _plain(coefficients), _plain(self.means), _plain(self.scales), _plain(self.fills))


def _logistic(scaled: Floats, label: NDArray[Any], parameters: Parameters, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    chosen = {"max_iter": 1000, **parameters, "random_state": seed}
    return _fitted(LogisticRegression, "logistic_regression", chosen, scaled, label)


def _fitted(kind: Any, name: str, parameters: Parameters, scaled: Floats, label: NDArray[Any]) -> Any:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    try:
        with threadpool_limits(1, user_api="blas"):  # it orders its sums by the number of its threads
            return kind(**parameters).fit(scaled, label)
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"scikit-learn refuses model.{name}: {error}", do="Correct the parameter.") from error


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
