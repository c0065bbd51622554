"""Fit what a candidate is made of: boosted trees, and what its task takes for a baseline and for a calibration.

The same rows, parameters and seed give the same bytes: the number of threads is fixed, and seeds come from the use case and
the night.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.parameters import faults
from nightloop.errors import DefinitionError
from nightloop.model.models import LinearClasses, LinearModel
from nightloop.nights import Night

if TYPE_CHECKING:
    from xgboost import Booster

    from nightloop.definitions.model import Model

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | int | str]

THREADS = 2
ROUNDS, INCREASING = "n_estimators", "increasing_in"
DEFAULTS: Parameters = {ROUNDS: 200, "max_depth": 4, "learning_rate": 0.05}
FIXED: Parameters = {"tree_method": "hist", "nthread": THREADS, "verbosity": 0}
OF_BINARY: Parameters = {"objective": "binary:logistic"}


@dataclass(frozen=True)
class Fitting:
    """What a task's models are fitted by.

    Attributes:
        objective: of the trees.
        linear: (features, label, parameters=, seed=) -> the baseline.
    """

    objective: Parameters
    linear: Callable[..., LinearModel | LinearClasses]


def fitting_of(model: Model) -> Fitting:
    """Return what the declared task's models are fitted by. A number's trees fit its mean: see docs/decisions/0055."""
    if model.task == "regression":
        return Fitting({"objective": "reg:squarederror"}, fit_ridge)
    if model.task == "multiclass":
        count = len(model.classes)
        objective: Parameters = {"objective": "multi:softprob", "num_class": count}
        return Fitting(objective, partial(fit_multinomial, classes=count))
    return Fitting(OF_BINARY, fit_logistic)


def try_baseline(model: Model) -> None:
    """Fit the declared baseline on a few made-up rows: whether its parameters go together, only a fit shows.

    Raises:
        DefinitionError: scikit-learn refuses them.
    """
    rows, kinds = 60, max(len(model.classes), 2)
    place = np.arange(rows * kinds)
    label = place % kinds
    features = np.column_stack([label + np.sin(place), np.cos(place)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few rows need not converge
        fitting_of(model).linear(
            features, label == 1 if model.task == "binary" else label, parameters=model.baseline[1], seed=1
        )


def seed_of(use_case: str, as_of: Night) -> int:
    """Return the seed of a training, in 0 to 2**31 - 1."""
    return int.from_bytes(hashlib.sha256(f"{use_case}/{as_of}".encode()).digest()[:4], "big") >> 1


def fit_trees(
    features: Floats,
    label: NDArray[Any],
    *,
    names: Sequence[str],
    parameters: Parameters,
    seed: int,
    objective: Parameters = OF_BINARY,
    weight: Floats | None = None,
) -> Booster:
    """Fit boosted trees on features (n, k) with NaN for missing and labels (n,).

    Args:
        features, label: the rows of the fit slice.
        names: the k features in order; the model keeps them.
        parameters: XGBoost's, over ``DEFAULTS``; ``n_estimators`` is the number of trees, ``increasing_in`` names the
            features (patterns, separated by commas) with which the answer may rise, but not fall.
        seed: of the sampling of rows and columns.
        objective: the task's.
        weight: (n,) of the rows; None: all count alike.

    Raises:
        DefinitionError: XGBoost refuses a parameter, or a pattern names no feature.
    """
    import xgboost

    _refuse("xgboost", parameters)
    chosen = {**DEFAULTS, **parameters}
    rounds = int(chosen.pop(ROUNDS))
    chosen.update(_constraints(str(chosen.pop(INCREASING, "")), names))
    data = xgboost.DMatrix(features, label=label.astype(np.float64), weight=weight, feature_names=list(names), nthread=THREADS)
    try:
        return xgboost.train({**chosen, **objective, **FIXED, "seed": seed}, data, num_boost_round=rounds)
    except xgboost.core.XGBoostError as error:
        reason = str(error).strip().splitlines()[0]
        raise DefinitionError(f"XGBoost refuses model.xgboost: {reason}", do="Correct the parameter.") from error


def _refuse(estimator: str, parameters: Parameters) -> None:
    """Refuse the first parameter that is unknown or senseless: XGBoost would train without it."""
    for _, what, do in faults(estimator, parameters):
        raise DefinitionError(what, where=f"model.{estimator}", do=do)


def _constraints(patterns: str, names: Sequence[str]) -> dict[str, str]:
    """Return XGBoost's monotone constraints for ``increasing_in``."""
    asked = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
    for pattern in asked:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise DefinitionError(
                f"model.xgboost.increasing_in: '{pattern}' names no feature.", do=f"Features are {', '.join(names)}."
            )
    signs = ["1" if any(fnmatchcase(name, pattern) for pattern in asked) else "0" for name in names]
    return {"monotone_constraints": f"({','.join(signs)})"} if asked else {}


def margins(model: Booster | LinearModel | LinearClasses, features: Floats) -> Floats:
    """Return the margins of rows (n, k): (n,), or (n, c) of several classes."""
    if isinstance(model, LinearModel | LinearClasses):
        return model.margins(features)
    margin: Floats = model.inplace_predict(features.astype(np.float32), predict_type="margin", validate_features=False)
    return margin.astype(np.float64)


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
    _refuse("ridge", parameters)
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

    _refuse("logistic_regression", parameters)
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
