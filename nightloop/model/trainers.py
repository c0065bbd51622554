"""Fit what a candidate is made of: boosted trees, the linear baseline, and the calibration of either.

The same rows, parameters and seed give the same bytes: the number of threads is fixed, and seeds come from the use case and
the night.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import DefinitionError
from nightloop.model.calibration import Calibration, sigmoid
from nightloop.model.linear import LinearModel
from nightloop.nights import Night

if TYPE_CHECKING:
    from xgboost import Booster

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Parameters = Mapping[str, float | int | str]

THREADS = 2
ROUNDS, INCREASING = "n_estimators", "increasing_in"
DEFAULTS: Parameters = {ROUNDS: 200, "max_depth": 4, "learning_rate": 0.05}
FIXED: Parameters = {"objective": "binary:logistic", "tree_method": "hist", "nthread": THREADS, "verbosity": 0}


def seed_of(use_case: str, as_of: Night) -> int:
    """Return the seed of a training, in 0 to 2**31 - 1."""
    return int.from_bytes(hashlib.sha256(f"{use_case}/{as_of}".encode()).digest()[:4], "big") >> 1


def fit_trees(features: Floats, label: Bools, *, names: Sequence[str], parameters: Parameters, seed: int) -> Booster:
    """Fit boosted trees on features (n, k) with NaN for missing and labels (n,).

    Args:
        features, label: the rows of the fit slice.
        names: the k features in order; the model keeps them.
        parameters: XGBoost's, over ``DEFAULTS``; ``n_estimators`` is the number of trees, ``increasing_in`` names the
            features (patterns, separated by commas) with which the probability may rise, but not fall.
        seed: of the sampling of rows and columns.

    Raises:
        DefinitionError: XGBoost refuses a parameter, or a pattern names no feature.
    """
    import xgboost

    chosen = {**DEFAULTS, **parameters}
    rounds = int(chosen.pop(ROUNDS))
    chosen.update(_constraints(str(chosen.pop(INCREASING, "")), names))
    data = xgboost.DMatrix(features, label=label.astype(np.float64), feature_names=list(names), nthread=THREADS)
    try:
        return xgboost.train({**chosen, **FIXED, "seed": seed}, data, num_boost_round=rounds)
    except xgboost.core.XGBoostError as error:
        said = str(error).strip().splitlines()[0]
        raise DefinitionError(f"XGBoost refuses model.xgboost: {said}", do="Correct the parameter.") from error


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


def fit_linear(features: Floats, label: Bools, *, parameters: Parameters, seed: int) -> LinearModel:
    """Fit a logistic regression on standardised features; a missing value counts as the feature's median.

    Raises:
        DefinitionError: scikit-learn refuses a parameter.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    there = ~np.isnan(features)
    medians = [np.median(column[known]) if known.any() else 0.0 for column, known in zip(features.T, there.T, strict=True)]
    filled = np.where(there, features, np.asarray(medians))
    means, spread = filled.mean(axis=0), filled.std(axis=0)
    scales = np.where(spread > 0, spread, 1.0)
    try:
        model = LogisticRegression(**{"max_iter": 1000, **parameters, "random_state": seed})
        with threadpool_limits(1, user_api="blas"):  # it orders its sums by the number of its threads
            model.fit((filled - means) / scales, label)
    except (TypeError, ValueError) as error:
        raise DefinitionError(
            f"scikit-learn refuses model.logistic_regression: {error}", do="Correct the parameter."
        ) from error
    return LinearModel(
        float(model.intercept_[0]), _plain(model.coef_[0]), _plain(means), _plain(scales), _plain(np.asarray(medians))
    )


def fit_shift(margin: Floats, label: Bools, night: NDArray[Any]) -> Calibration:
    """Fit the one number that is added to every margin, as far as the nights prove it: a Platt line whose slope stays 1.

    The shift makes the mean probability equal to the share of positive rows; it is then shrunk towards 0 by what nights
    alone would make it vary (James and Stein 1961, positive part). A stormy week is no reason to expect storms; a level
    that holds night after night is. Log loss makes trees honest in slope by itself, and few nights cannot tell a better
    one: see docs/decisions/0051.

    Args:
        margin: (n,) log-odds of rows the model was not fitted on.
        label: (n,) what happened.
        night: (n,) the night of each row.
    """
    shift = _balancing_shift(margin, label)
    probability = sigmoid(margin + shift)
    nights, place = np.unique(night, return_inverse=True)
    surplus = np.bincount(place.reshape(-1), weights=label - probability)
    if len(nights) < 2 or shift == 0.0:  # noqa: PLR2004 - one night proves nothing
        return Calibration("platt", slope=1.0, intercept=0.0)
    error = len(nights) / (len(nights) - 1) * float(np.sum(surplus**2)) / float(np.sum(probability * (1.0 - probability))) ** 2
    return Calibration("platt", slope=1.0, intercept=shift * max(0.0, 1.0 - error / shift**2))


def _balancing_shift(margin: Floats, label: Bools, steps: int = 50) -> float:
    """Return the shift at which the mean probability is the share of positive rows, by Newton's method."""
    target, shift = float(np.mean(label)), 0.0
    for _ in range(steps):
        probability = sigmoid(margin + shift)
        steepness = max(float(np.mean(probability * (1.0 - probability))), 1e-6)
        step = float(np.clip((target - float(np.mean(probability))) / steepness, -2.0, 2.0))
        shift += step
        if abs(step) < 1e-12:  # noqa: PLR2004 - converged
            break
    return shift


def margins(model: Booster | LinearModel, features: Floats) -> Floats:
    """Return the log-odds (n,) of rows (n, k)."""
    if isinstance(model, LinearModel):
        return model.margins(features)
    found: Floats = model.inplace_predict(features.astype(np.float32), predict_type="margin", validate_features=False)
    return found.astype(np.float64)


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
