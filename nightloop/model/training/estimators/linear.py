"""Fit linear models by scikit-learn, and keep them as plain numbers.

The baseline of every task; a candidate where a use case asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.parameters import faults
from nightloop.errors import DefinitionError
from nightloop.model.models import LinearClasses, LinearModel
from nightloop.model.training.estimators.class_weights import class_weights, without_class_weight
from nightloop.model.training.estimators.fit_rows import FitRows

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | int | str]
NO_LEVELS: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True)
class LinearTrainer:
    """Fits the linear model of a task: see ``trainers.Trainer``.

    Attributes:
        name: logistic_regression or ridge.
        classes: how many the label has, where it has several.
    """

    name: str
    classes: int = 0

    def fit(self, rows: FitRows, parameters: Parameters, seed: int) -> LinearModel | LinearClasses:
        """See Trainer."""
        given: dict[str, Any] = {"parameters": parameters, "seed": seed, "weight": rows.weight, "levels": rows.levels}
        if self.name == "ridge":
            return fit_ridge(rows.features, rows.label, **given)
        if self.classes:
            return fit_multinomial(rows.features, rows.label, classes=self.classes, **given)
        return fit_logistic(rows.features, rows.label, **given)


def fit_logistic(
    features: Floats,
    label: NDArray[np.bool_],
    *,
    parameters: Parameters,
    seed: int,
    weight: Floats | None = None,
    levels: Mapping[int, int] = NO_LEVELS,
) -> LinearModel:
    """Fit a logistic regression on features (n, k), NaN for missing, and labels (n,).

    Raises:
        DefinitionError: scikit-learn refuses a parameter.
    """
    design = _Design.of(features, levels)
    model, shifts = _logistic(design.applied(features), label, parameters, seed, weight)
    return design.linear(float(model.intercept_[0]) - (shifts[1] - shifts[0]), model.coef_[0])


def fit_ridge(
    features: Floats,
    label: Floats,
    *,
    parameters: Parameters,
    seed: int,
    weight: Floats | None = None,
    levels: Mapping[int, int] = NO_LEVELS,
) -> LinearModel:
    """Fit a ridge regression (Hoerl and Kennard 1970) of a number; its margins are the number itself.

    Raises:
        DefinitionError: scikit-learn refuses a parameter.
    """
    from sklearn.linear_model import Ridge

    design = _Design.of(features, levels)
    refuse("ridge", parameters)
    model = _fitted(
        Ridge,
        "ridge",
        {**parameters, "random_state": seed},
        scaled=design.applied(features),
        label=label,
        weight=weight,
    )
    return design.linear(float(model.intercept_), model.coef_)


def fit_multinomial(
    features: Floats,
    label: NDArray[np.int64],
    *,
    classes: int,
    parameters: Parameters,
    seed: int,
    weight: Floats | None = None,
    levels: Mapping[int, int] = NO_LEVELS,
) -> LinearClasses:
    """Fit a multinomial logistic regression; ``label`` (n,) holds each class at least once.

    Raises:
        DefinitionError: scikit-learn refuses a parameter.
    """
    design = _Design.of(features, levels)
    model, shifts = _logistic(design.applied(features), label, parameters, seed, weight)
    if classes == 2:  # noqa: PLR2004 - scikit-learn then keeps the second class's log-odds only
        none = design.linear(0.0, np.zeros(design.width))
        return LinearClasses((none, design.linear(float(model.intercept_[0]) - (shifts[1] - shifts[0]), model.coef_[0])))
    triples = zip(model.intercept_, model.coef_, shifts, strict=True)
    return LinearClasses(tuple(design.linear(float(intercept) - shift, coef) for intercept, coef, shift in triples))


def refuse(estimator: str, parameters: Parameters) -> None:
    """Refuse the first parameter that is unknown or senseless: a library might train without it.

    Raises:
        DefinitionError: there is one.
    """
    for _, what, do in faults(estimator, parameters):
        raise DefinitionError(what, where=f"model.{estimator}", do=do)


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


@dataclass(frozen=True)
class _Design:
    """The columns of the design matrix: each number is one, each categorical feature one column a level (0 or 1)."""

    count: int
    levels: Mapping[int, int]
    scale: _Scale

    @classmethod
    def of(cls, features: Floats, levels: Mapping[int, int]) -> _Design:
        count = features.shape[1]
        return cls(count, levels, _Scale.of(_expanded(features, levels)))

    @property
    def width(self) -> int:
        return len(self.scale.means)

    def applied(self, features: Floats) -> Floats:
        return self.scale.applied(_expanded(features, self.levels))

    def linear(self, intercept: float, coefficients: Floats) -> LinearModel:
        """Return the model over the features: the columns of a categorical feature become one effect a level."""
        flat = self.scale.linear(intercept, coefficients)
        if not self.levels:
            return flat
        numeric = [column for column in range(self.count) if column not in self.levels]
        whole: dict[str, Any] = {}
        for name, blank in (("coefficients", 0.0), ("means", 0.0), ("scales", 1.0), ("fills", 0.0)):
            of_feature = dict(zip(numeric, getattr(flat, name), strict=False))
            whole[name] = tuple(of_feature.get(column, blank) for column in range(self.count))
        return replace(flat, **whole, levels=self._level_effects(coefficients, len(numeric)))

    def _level_effects(self, coefficients: Floats, first: int) -> tuple[tuple[float, ...], ...]:
        """Return, by feature, the effect of each level and last that of a missing one; nothing for a number."""
        effects: list[tuple[float, ...]] = [()] * self.count
        for column, levels in sorted(self.levels.items()):
            part = slice(first, first + levels)
            one_hot = np.vstack([np.eye(levels), np.zeros(levels)])  # a missing value is in no level
            scaled = (one_hot - self.scale.means[part]) / self.scale.scales[part]
            effects[column] = _plain((scaled * coefficients[part]).sum(axis=1))
            first += levels
        return tuple(effects)


def _expanded(features: Floats, levels: Mapping[int, int]) -> Floats:
    """Return the numeric columns, then one column for each level of each categorical one."""
    if not levels:
        return features
    numeric = [column for column in range(features.shape[1]) if column not in levels]
    one_hot = [features[:, [column]] == np.arange(count) for column, count in sorted(levels.items())]
    return np.column_stack([features[:, numeric], *one_hot]).astype(np.float64)


def _logistic(
    scaled: Floats, label: NDArray[Any], parameters: Parameters, seed: int, weight: Floats | None
) -> tuple[Any, list[float]]:
    """Return scikit-learn's model, and by how much the weights of the classes raised each class's margin."""
    from sklearn.linear_model import LogisticRegression

    refuse("logistic_regression", parameters)
    weight, shifts = class_weights(label, parameters, weight)
    chosen = {"max_iter": 1000, **without_class_weight(parameters), "random_state": seed}
    return _fitted(LogisticRegression, "logistic_regression", chosen, scaled=scaled, label=label, weight=weight), shifts


def _fitted(kind: Any, name: str, parameters: Parameters, *, scaled: Floats, label: NDArray[Any], weight: Floats | None) -> Any:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    try:
        with threadpool_limits(1, user_api="blas"):  # it orders its sums by the number of its threads
            return kind(**parameters).fit(scaled, label, sample_weight=weight)
    except (TypeError, ValueError) as error:
        raise DefinitionError(f"scikit-learn refuses model.{name}: {error}", do="Correct the parameter.") from error


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
