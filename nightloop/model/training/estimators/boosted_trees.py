"""Fit boosted trees by XGBoost.

The same rows, parameters and seed give the same bytes: the number of threads is fixed, and seeds come from the use case and
the night.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import DefinitionError
from nightloop.model.models import CATEGORIES, Trees
from nightloop.model.training.estimators.fit_rows import FitRows
from nightloop.model.training.estimators.linear import NO_LEVELS, refuse

if TYPE_CHECKING:
    from types import ModuleType

    from xgboost import Booster

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | int | str]

THREADS = 2
ROUNDS, INCREASING, DECREASING, WEIGHT = "n_estimators", "increasing_in", "decreasing_in", "scale_pos_weight"
DEFAULTS: Parameters = {ROUNDS: 200, "max_depth": 4, "learning_rate": 0.05}
FIXED: Parameters = {"tree_method": "hist", "nthread": THREADS, "verbosity": 0}
OF_BINARY: Parameters = {"objective": "binary:logistic"}


@dataclass(frozen=True)
class EarlyStopping:
    """Stop adding trees when the newest nights no longer gain by them.

    Attributes:
        nights: how many of the newest are held out.
        rounds: trees without a gain after which no more are tried.
        gap: nights before them that are left out, for their labels would not have been known.
    """

    nights: int
    rounds: int
    gap: int


@dataclass(frozen=True)
class XGBoostTrainer:
    """Fits boosted trees: see ``trainers.Trainer``.

    Attributes:
        objective: the task's.
        stopping: how the number of trees is chosen; None: as declared.
        threads: of a fit; trees differ by it in their last bits, so that a training has always the same.
    """

    objective: Parameters
    stopping: EarlyStopping | None = None
    threads: int = THREADS
    name: str = "xgboost"

    def fit(self, rows: FitRows, parameters: Parameters, seed: int) -> Trees:
        """See Trainer. With early stopping, the trees are fitted again on all rows, as many as the held-out nights chose."""
        import xgboost

        if self.stopping is not None:
            parameters = {**parameters, ROUNDS: self._best_rounds(rows, parameters, seed, self.stopping)}
        booster = fit_trees(
            rows.features,
            rows.label,
            names=rows.names,
            parameters=parameters,
            seed=seed,
            objective=self.objective,
            weight=rows.weight,
            levels=rows.levels,
            threads=self.threads,
        )
        if WEIGHT in parameters:
            booster = lowered(booster, math.log(float(parameters[WEIGHT])), xgboost)
        return as_trees(booster, rows, xgboost)

    def _best_rounds(self, rows: FitRows, parameters: Parameters, seed: int, stopping: EarlyStopping) -> int:
        """Return the number of trees at which the loss on the held-out nights is smallest."""
        fit_on, held_out = rows.hold_out(stopping.nights, stopping.gap)
        booster = fit_trees(
            fit_on.features,
            fit_on.label,
            names=rows.names,
            parameters=parameters,
            seed=seed,
            objective=self.objective,
            weight=fit_on.weight,
            levels=rows.levels,
            until=(held_out, stopping.rounds),
            threads=self.threads,
        )
        return int(booster.best_iteration) + 1


def fit_trees(
    features: Floats,
    label: NDArray[Any],
    *,
    names: Sequence[str],
    parameters: Parameters,
    seed: int,
    objective: Parameters = OF_BINARY,
    weight: Floats | None = None,
    levels: Mapping[int, int] = NO_LEVELS,
    until: tuple[FitRows, int] | None = None,
    threads: int = THREADS,
) -> Booster:
    """Fit boosted trees on features (n, k) with NaN for missing and labels (n,).

    Args:
        features, label: the rows of the fit slice.
        names: the k features in order; the model keeps them.
        parameters: XGBoost's, over ``DEFAULTS``; ``n_estimators`` is the number of trees, ``increasing_in`` and
            ``decreasing_in`` name the features (patterns, separated by commas) with which the answer only rises, or falls.
        seed: of the sampling of rows and columns.
        objective: the task's.
        weight: (n,) of the rows.
        levels: of the categorical features, by column.
        until: rows to watch the loss on, and trees without a gain after which to stop.
        threads: of the fit.

    Raises:
        DefinitionError: XGBoost refuses a parameter, or a pattern names no feature.
    """
    import xgboost

    refuse("xgboost", parameters)
    chosen = {**DEFAULTS, **parameters}
    rounds = int(chosen.pop(ROUNDS))
    signs = monotone_signs(str(chosen.pop(INCREASING, "")), str(chosen.pop(DECREASING, "")), names)
    if any(signs):
        chosen["monotone_constraints"] = f"({','.join(str(sign) for sign in signs)})"
    data = _matrix(features, label, names, weight, levels)
    watched: dict[str, Any] = {}
    if until is not None:
        watched = {
            "evals": [(_watched(until[0], parameters), "held_out")],
            "early_stopping_rounds": until[1],
            "verbose_eval": False,
        }
    try:
        fixed = {**objective, **FIXED, "nthread": threads, "seed": seed}
        return xgboost.train({**chosen, **fixed}, data, num_boost_round=rounds, **watched)
    except xgboost.core.XGBoostError as error:
        reason = str(error).strip().splitlines()[0]
        raise DefinitionError(f"XGBoost refuses model.xgboost: {reason}", do="Correct the parameter.") from error


def margins_of(booster: Booster, features: Floats) -> Floats:
    """Return the margins of rows (n, k): (n,), or (n, c) of several classes."""
    margin: Floats = booster.inplace_predict(features.astype(np.float32), predict_type="margin", validate_features=False)
    return margin.astype(np.float64)


def _matrix(
    features: Floats, label: NDArray[Any], names: Sequence[str], weight: Floats | None, levels: Mapping[int, int]
) -> Any:
    import xgboost

    categorical: dict[str, Any] = {}
    if levels:
        types = ["c" if column in levels else "float" for column in range(features.shape[1])]
        categorical = {"feature_types": types, "enable_categorical": True}
    return xgboost.DMatrix(
        features, label=label.astype(np.float64), weight=weight, feature_names=list(names), nthread=THREADS, **categorical
    )


def _watched(rows: FitRows, parameters: Parameters) -> Any:
    """Return the held-out rows; positive ones weigh what they weigh in the fit, so that both mean the same loss."""
    weight = np.where(rows.label, float(parameters[WEIGHT]), 1.0) if WEIGHT in parameters else None
    return _matrix(rows.features, rows.label, rows.names, weight, rows.levels)


def monotone_signs(increasing: str, decreasing: str, names: Sequence[str], estimator: str = "xgboost") -> list[int]:
    """Return 1, -1 or 0 for each feature: the answer may only rise with it, only fall, or both.

    Raises:
        DefinitionError: a pattern names no feature, or a feature is named by both.
    """
    named = {}
    for parameter, patterns in ((INCREASING, increasing), (DECREASING, decreasing)):
        asked = [pattern.strip() for pattern in patterns.split(",") if pattern.strip()]
        for pattern in asked:
            if not any(fnmatchcase(name, pattern) for name in names):
                what = f"model.{estimator}.{parameter}: '{pattern}' names no feature."
                raise DefinitionError(what, do=f"Features are {', '.join(names)}.")
        named[parameter] = {name for name in names if any(fnmatchcase(name, pattern) for pattern in asked)}
    if both := named[INCREASING] & named[DECREASING]:
        what = f"model.{estimator}: {', '.join(sorted(both))} in both {INCREASING} and {DECREASING}."
        raise DefinitionError(what, do="Name each feature in one of them.")
    return [(name in named[INCREASING]) - (name in named[DECREASING]) for name in names]


def as_trees(booster: Booster, rows: FitRows, xgboost: ModuleType) -> Trees:
    """Return the model that answers; of a categorical feature it knows the levels that the rows hold, and no other."""
    if rows.levels:
        codes = {column: _codes(rows.features[:, column]) for column in sorted(rows.levels)}
        booster.set_attr(**{CATEGORIES: json.dumps(codes)})
    return Trees(booster, xgboost, THREADS)


def _codes(column: Floats) -> list[int]:
    return [int(code) for code in np.unique(column[~np.isnan(column)])]


def lowered(booster: Booster, shift: float, xgboost: ModuleType) -> Booster:
    """Return the same trees with every margin lower by ``shift``: see ``class_weights``."""
    model = json.loads(bytes(booster.save_raw("json")))
    parameters = model["learner"]["learner_model_param"]
    rate = float(str(parameters["base_score"]).strip("[]"))
    odds = rate / (1.0 - rate) * math.exp(-shift)
    parameters["base_score"] = f"[{odds / (1.0 + odds)!r}]"
    return xgboost.Booster({"nthread": THREADS}, model_file=bytearray(json.dumps(model).encode()))
