"""The parameters that a use case may give to the estimators of a training, and what each can sensibly be.

The names are those of XGBoost and scikit-learn (a test holds the tables to the libraries, which no scheduler should have to
import to read a definition); the limits are theirs, and ours where theirs let through what makes no model.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from nightloop.errors import suggest

Value = float | int | str


@dataclass(frozen=True)
class Parameter:
    """What one parameter may be.

    Attributes:
        kind: a whole number, any number, or a text.
        low, high: limits of a number, within them.
        above_low: whether ``low`` itself is refused.
        choices: the texts that are allowed; empty: any.
    """

    kind: Literal["whole", "number", "text"]
    low: float = 0
    high: float = math.inf
    above_low: bool = False
    choices: tuple[str, ...] = ()

    def allows(self, value: Value) -> bool:
        """Whether the value makes sense."""
        if self.kind == "text":
            return isinstance(value, str) and (not self.choices or value in self.choices)
        if isinstance(value, str) or not math.isfinite(value) or (self.kind == "whole" and not isinstance(value, int)):
            return False
        return (self.low < value if self.above_low else self.low <= value) and value <= self.high

    def in_words(self) -> str:
        """Return what to write."""
        if self.kind == "text":
            return f"Write one of {', '.join(self.choices)}." if self.choices else "Write a text."
        number = "a whole number" if self.kind == "whole" else "a number"
        begin = f"above {self.low:,}" if self.above_low else f"from {self.low:,}"
        end = f" to {self.high:,}" if math.isfinite(self.high) else " on" * (not self.above_low)
        return f"Write {number} {begin}{end}."


SHARE = Parameter("number", 0, 1, above_low=True)
POSITIVE, NOT_NEGATIVE = Parameter("number", above_low=True), Parameter("number")
ITERATIONS = Parameter("whole", 1, 1_000_000)
LOGISTIC_SOLVERS = ("lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga")
RIDGE_SOLVERS = ("auto", "cholesky", "lsqr", "sag", "saga", "sparse_cg", "svd")

PARAMETERS: Mapping[str, Mapping[str, Parameter]] = {
    "xgboost": {
        "n_estimators": Parameter("whole", 1, 100_000),
        "increasing_in": Parameter("text"),
        "decreasing_in": Parameter("text"),
        "max_depth": Parameter("whole", 0, 64),
        "max_leaves": Parameter("whole"),
        "max_bin": Parameter("whole", 2, 65_536),
        "grow_policy": Parameter("text", choices=("depthwise", "lossguide")),
        "num_parallel_tree": Parameter("whole", 1, 1_000),
        "learning_rate": SHARE,
        "gamma": NOT_NEGATIVE,
        "min_child_weight": NOT_NEGATIVE,
        "max_delta_step": NOT_NEGATIVE,
        "subsample": SHARE,
        "colsample_bytree": SHARE,
        "colsample_bylevel": SHARE,
        "colsample_bynode": SHARE,
        "reg_lambda": NOT_NEGATIVE,
        "reg_alpha": NOT_NEGATIVE,
        "scale_pos_weight": POSITIVE,
        "sampling_method": Parameter("text", choices=("uniform", "gradient_based")),
    },
    "hist_gradient_boosting": {
        "max_iter": Parameter("whole", 1, 100_000),
        "increasing_in": Parameter("text"),
        "decreasing_in": Parameter("text"),
        "learning_rate": SHARE,
        "max_leaf_nodes": Parameter("whole", 2, 100_000),
        "max_depth": Parameter("whole", 1, 64),
        "min_samples_leaf": ITERATIONS,
        "l2_regularization": NOT_NEGATIVE,
        "max_features": SHARE,
        "max_bins": Parameter("whole", 2, 255),
        "class_weight": Parameter("text", choices=("balanced",)),
    },
    "logistic_regression": {
        "C": POSITIVE,
        "l1_ratio": Parameter("number", 0, 1),
        "tol": POSITIVE,
        "max_iter": ITERATIONS,
        "intercept_scaling": POSITIVE,
        "class_weight": Parameter("text", choices=("balanced",)),
        "solver": Parameter("text", choices=LOGISTIC_SOLVERS),
    },
    "ridge": {
        "alpha": NOT_NEGATIVE,
        "tol": POSITIVE,
        "max_iter": ITERATIONS,
        "solver": Parameter("text", choices=RIDGE_SOLVERS),
    },
}
"""By estimator and name."""

COUPLED = ("solver", "l1_ratio")
"""Parameters of scikit-learn that do not go with every other: only a fit shows."""

INSTEAD: Mapping[str, Mapping[str, str]] = {
    "xgboost": {
        "eta": "learning_rate",
        "min_split_loss": "gamma",
        "lambda": "reg_lambda",
        "alpha": "reg_alpha",
        "monotone_constraints": "increasing_in, decreasing_in",
    },
    "hist_gradient_boosting": {
        "monotonic_cst": "increasing_in, decreasing_in",
        "n_estimators": "max_iter",
    },
    "logistic_regression": {"penalty": "l1_ratio"},
    "ridge": {},
}
"""Other names of what a use case gives by one name, so that it is not given twice."""

# What the training sets itself: from the task, the night and the machine, or because the bundle holds trees and plain numbers.
_OF_EVERY_FIT = ("random_state", "n_jobs", "verbose", "warm_start", "fit_intercept")
RESERVED_PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "xgboost": (
        *("objective", "num_class", "base_score", "booster", "eval_metric", "disable_default_eval_metric", "multi_strategy"),
        *("seed", "seed_per_iteration", "random_state", "nthread", "n_jobs", "device", "fail_on_invalid_gpu_id"),
        *("tree_method", "updater", "process_type", "refresh_leaf", "sparse_threshold", "debug_synchronize"),
        *("max_cached_hist_node", "verbosity", "validate_parameters", "early_stopping_rounds", "callbacks", "missing"),
        *("enable_categorical", "feature_types", "feature_weights", "max_cat_threshold", "max_cat_to_onehot"),
        *("importance_type", "interaction_constraints"),
    ),
    "hist_gradient_boosting": (
        *("loss", "quantile", "random_state", "verbose", "warm_start", "categorical_features", "interaction_cst"),
        *("early_stopping", "validation_fraction", "n_iter_no_change", "scoring", "tol"),
    ),
    "logistic_regression": (*_OF_EVERY_FIT, "dual"),
    "ridge": ("random_state", "fit_intercept", "copy_X", "positive"),
}


def faults(estimator: str, parameters: Mapping[str, Value]) -> Iterator[tuple[str, str, str]]:
    """Yield (name, what was read, what to do) of each parameter that is unknown, not for a use case to set, or senseless.

    Args:
        estimator: one of ``PARAMETERS``.
        parameters: as declared.
    """
    allowed = PARAMETERS[estimator]
    for name, value in parameters.items():
        if name in RESERVED_PARAMETERS[estimator]:
            yield name, f"'{name}' is not for a use case to set.", "Leave it out."
        elif name in INSTEAD[estimator]:
            yield name, f"'{name}' is given by another name.", f"Write {INSTEAD[estimator][name]}."
        elif name not in allowed:
            yield name, f"unknown parameter '{name}' of {estimator}.", suggest(name, allowed, "Allowed")
        elif not allowed[name].allows(value):
            yield name, f"'{name}' of {estimator} cannot be {value!r}.", allowed[name].in_words()
