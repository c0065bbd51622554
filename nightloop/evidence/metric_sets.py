"""The metric set of each task: see ``metric_set.MetricSet`` for what each member means."""
# ruff: noqa: D102, ARG002 - documented there, once; not every task needs every argument

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from nightloop.evidence import intervals, metrics, multiclass, regression
from nightloop.evidence.fairness.group_counts import Mean
from nightloop.evidence.gates.limits import SuspicionLimits
from nightloop.evidence.intervals import Bools, Estimate, Floats, Nights
from nightloop.evidence.metric_set import Labels, MetricSet
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure

COIN = 0.5
SUM_ROUNDING = 1e-9
UNBOUNDED = (-math.inf, math.inf)


class Binary:
    """Probabilities of what happens or not, judged by their order."""

    metric, title, answers, higher_is_better, no_skill = "auc", "AUC", "probability", True, COIN
    second, skill = ("brier", "Brier score"), ("brier_skill", "Brier skill")
    by_group: Mapping[str, str] = {
        "base_rate": "base rate",
        "selection_rate": "selected",
        "true_positive_rate": "true positive rate",
        "false_positive_rate": "false positive rate",
        "auc": "AUC",
        "calibration_bias": "calibration bias",
    }

    def is_invalid(self, prediction: Floats) -> Bools:
        return np.asarray(~np.isfinite(prediction) | (prediction < 0) | (prediction > 1), dtype=np.bool_)

    def constant_label(self, label: Labels) -> str | None:
        return str(bool(label[0])).lower() if label.all() or not label.any() else None

    def estimate(self, label: Labels, prediction: Floats) -> Estimate:
        return intervals.auc(label, prediction)

    def improvement(self, label: Labels, one: Floats, other: Floats, nights: Nights = None) -> Estimate:
        return intervals.auc_by_night(label, one, nights).minus(intervals.auc_by_night(label, other, nights))

    def discrimination(self, label: Labels, prediction: Floats, nights: Nights) -> Figure:
        return metrics.auc(label, prediction, nights)

    def too_good(self, value: float, limits: SuspicionLimits) -> str | None:
        return f"above {limits.suspicious_above}" if value > limits.suspicious_above else None

    def all_figures(
        self, label: Labels, prediction: Floats, nights: Nights = None, *, group: str = "all"
    ) -> tuple[Figure, ...]:
        return metrics.all_figures(label, prediction, nights, group=group)

    def calibration(self, label: Labels, prediction: Floats, nights: Nights) -> tuple[Figure, ...]:
        measured = (metrics.calibration_error, metrics.calibration_bias, metrics.brier)
        return (*(measure(label, prediction, nights) for measure in measured), metrics.base_rate(label, nights))

    def group_mean(
        self, name: str, label: Labels, prediction: Floats, decision: Bools | None, *, costs: tuple[float, float] | None = None
    ) -> Mean:
        if name == "calibration_bias":
            return Mean(prediction - label)
        if name == "error_cost":
            return Mean(_error_cost(label, cast("Bools", decision), *cast("tuple[float, float]", costs)))
        return _rate(name, label, cast("Bools", decision))

    def realised(self, label: Labels, prediction: Floats, decision: Bools | None, nights: Nights) -> Sequence[Figure]:
        rows, rate = len(label), float(np.mean(label))
        return (
            *self.all_figures(label, prediction, nights),
            Figure("base_rate_brier", rate * (1 - rate), None, None, rows),
            figure("brier_skill", regression.r_squared(label.astype(np.float64), prediction), nights, rows),
            _selected(cast("Bools", decision), nights),
            figure("mean_probability", intervals.mean(prediction), nights, rows),
        )

    def group_rates(self, label: Labels, prediction: Floats, decision: Bools | None) -> Mapping[str, tuple[Bools, Bools]]:
        selected = cast("Bools", decision)
        return {"true_positive_rate": (selected, label), "false_positive_rate": (selected, ~label)}

    def predicted_and_observed(self, label: Labels, prediction: Floats) -> tuple[Floats, Floats]:
        return prediction, label.astype(np.float64)

    def bounds(self, metric: str) -> tuple[float, float]:
        limits = {"calibration_bias": (-1.0, 1.0), "log_loss": (0.0, math.inf), "brier_skill": (-math.inf, 1.0)}
        return limits.get(metric, (0.0, 1.0))


class Regression:
    """Predicted means of a number, judged by the size of their errors."""

    metric, title, answers, higher_is_better, no_skill = "mae", "MAE", "prediction", False, 0.0
    second, skill = ("rmse", "RMSE"), ("r2", "R²")
    by_group: Mapping[str, str] = {
        "mean_label": "mean label",
        "mean_prediction": "mean prediction",
        "mae": "MAE",
        "rmse": "RMSE",
        "bias": "bias",
    }

    def is_invalid(self, prediction: Floats) -> Bools:
        return ~np.isfinite(prediction)

    def constant_label(self, label: Labels) -> str | None:
        return f"{label[0]:g}" if np.ptp(label) == 0 else None

    def estimate(self, label: Labels, prediction: Floats) -> Estimate:
        return regression.absolute_error(label, prediction)

    def improvement(self, label: Labels, one: Floats, other: Floats, nights: Nights = None) -> Estimate:
        return self.estimate(label, other).minus(self.estimate(label, one))

    def discrimination(self, label: Labels, prediction: Floats, nights: Nights) -> Figure:
        return regression.correlation(label, prediction, nights)

    def too_good(self, value: float, limits: SuspicionLimits) -> str | None:
        return _below(value, limits)

    def all_figures(
        self, label: Labels, prediction: Floats, nights: Nights = None, *, group: str = "all"
    ) -> tuple[Figure, ...]:
        return regression.all_figures(label, prediction, nights, group=group)

    def calibration(self, label: Labels, prediction: Floats, nights: Nights) -> tuple[Figure, ...]:
        figures = {item.metric: item for item in self.all_figures(label, prediction, nights)}
        return tuple(figures[name] for name in ("calibration_error", "bias", "rmse", "mean_label"))

    def group_mean(
        self, name: str, label: Labels, prediction: Floats, decision: Bools | None, *, costs: tuple[float, float] | None = None
    ) -> Mean:
        if name == "calibration_bias":
            return Mean(prediction - label)
        if name == "selection_rate":
            return Mean(cast("Bools", decision))
        return Mean(np.abs(prediction - label) if name == "mae" else prediction)

    def realised(self, label: Labels, prediction: Floats, decision: Bools | None, nights: Nights) -> Sequence[Figure]:
        figures = [
            *self.all_figures(label, prediction, nights),
            figure("mean_prediction", intervals.mean(prediction), nights, len(label)),
        ]
        return figures if decision is None else [*figures, _selected(decision, nights)]

    def group_rates(self, label: Labels, prediction: Floats, decision: Bools | None) -> Mapping[str, tuple[Bools, Bools]]:
        return {}

    def predicted_and_observed(self, label: Labels, prediction: Floats) -> tuple[Floats, Floats]:
        return prediction, label

    def bounds(self, metric: str) -> tuple[float, float]:
        sizes = dict.fromkeys(("mae", "rmse", "calibration_error"), (0.0, math.inf))
        return {**sizes, "r2": (-math.inf, 1.0), "selection_rate": (0.0, 1.0)}.get(metric, UNBOUNDED)


@dataclass(frozen=True)
class Multiclass:
    """Probabilities of several classes, judged by what they gave to the class that came."""

    classes: tuple[str, ...]
    of_class: str | None = None

    metric, title, answers, higher_is_better, no_skill = "log_loss", "log loss", "probability", False, COIN
    second, skill = ("accuracy", "Accuracy"), ("log_loss_skill", "log loss skill")

    @property
    def by_group(self) -> Mapping[str, str]:
        headings = {
            "log_loss": "log loss",
            "accuracy": "accuracy",
            "macro_auc": "macro AUC",
            "calibration_bias": "calibration bias",
        }
        return {"selection_rate": f"told {self.of_class}", **headings} if self.of_class else headings

    def is_invalid(self, prediction: Floats) -> Bools:
        outside = ~np.isfinite(prediction) | (prediction < 0) | (prediction > 1)
        return np.asarray(outside.any(axis=1) | ~(np.abs(prediction.sum(axis=1) - 1) <= SUM_ROUNDING), dtype=np.bool_)

    def constant_label(self, label: Labels) -> str | None:
        return self.classes[int(label[0])] if np.ptp(label) == 0 else None

    def estimate(self, label: Labels, prediction: Floats) -> Estimate:
        return multiclass.log_loss(label, prediction)

    def improvement(self, label: Labels, one: Floats, other: Floats, nights: Nights = None) -> Estimate:
        return self.estimate(label, other).minus(self.estimate(label, one))

    def discrimination(self, label: Labels, prediction: Floats, nights: Nights) -> Figure:
        return figure("macro_auc", multiclass.macro_auc(label, prediction), nights, len(label))

    def too_good(self, value: float, limits: SuspicionLimits) -> str | None:
        return _below(value, limits)

    def all_figures(
        self, label: Labels, prediction: Floats, nights: Nights = None, *, group: str = "all"
    ) -> tuple[Figure, ...]:
        return multiclass.all_figures(label, prediction, nights, group=group)

    def calibration(self, label: Labels, prediction: Floats, nights: Nights) -> tuple[Figure, ...]:
        figures = {item.metric: item for item in self.all_figures(label, prediction, nights)}
        return tuple(figures[name] for name in ("calibration_error", "calibration_bias", "log_loss", "accuracy"))

    def group_mean(
        self, name: str, label: Labels, prediction: Floats, decision: Bools | None, *, costs: tuple[float, float] | None = None
    ) -> Mean:
        if name == "accuracy":
            return Mean(multiclass.is_correct(label, prediction))
        return _rate(name, *self._one_class(label, prediction))

    def realised(self, label: Labels, prediction: Floats, decision: Bools | None, nights: Nights) -> Sequence[Figure]:
        over_shares = figure("log_loss_skill", multiclass.skill(label, prediction), nights, len(label))
        return (*self.all_figures(label, prediction, nights), over_shares)

    def group_rates(self, label: Labels, prediction: Floats, decision: Bools | None) -> Mapping[str, tuple[Bools, Bools]]:
        if self.of_class is None:
            return {}
        observed, predicted = self._one_class(label, prediction)
        everyone = np.ones(len(label), dtype=np.bool_)
        return {
            "selection_rate": (predicted, everyone),
            "true_positive_rate": (predicted, observed),
            "false_positive_rate": (predicted, ~observed),
        }

    def predicted_and_observed(self, label: Labels, prediction: Floats) -> tuple[Floats, Floats]:
        return np.max(prediction, axis=1), multiclass.is_correct(label, prediction).astype(np.float64)

    def bounds(self, metric: str) -> tuple[float, float]:
        limits = {"calibration_bias": (-1.0, 1.0), "log_loss": (0.0, math.inf), "log_loss_skill": (-math.inf, 1.0)}
        return limits.get(metric, (0.0, 1.0))

    def _one_class(self, label: Labels, prediction: Floats) -> tuple[Bools, Bools]:
        place = self.classes.index(cast("str", self.of_class))
        return np.asarray(label == place, dtype=np.bool_), np.asarray(np.argmax(prediction, axis=1) == place, dtype=np.bool_)


BINARY = Binary()


def _rate(name: str, label: Bools, decision: Bools) -> Mean:
    """Return the share of positive decisions: among all rows (selection), among positive, or among negative rows."""
    return Mean(decision, {"selection_rate": None, "true_positive_rate": label, "false_positive_rate": ~label}[name])


def _error_cost(label: Bools, decision: Bools, false_positive: float, false_negative: float) -> Floats:
    return np.asarray(false_positive * (decision & ~label) + false_negative * (~decision & label), dtype=np.float64)


def _selected(decision: Bools, nights: Nights) -> Figure:
    return figure("selection_rate", intervals.mean(decision.astype(np.float64)), nights, len(decision))


def _below(value: float, limits: SuspicionLimits) -> str | None:
    limit = limits.suspicious_below
    return f"below {limit}" if limit is not None and value < limit else None


def metric_set_of(task: str, classes: Sequence[str] = (), of_class: str | None = None) -> MetricSet:
    """Return the metric set of a task.

    Args:
        task: binary, regression or multiclass.
        classes: of a multiclass model, in the order of the columns of ``prediction``.
        of_class: the class whose rates are compared by group.
    """
    if task == "regression":
        return Regression()
    if task == "multiclass":
        return Multiclass(tuple(classes), of_class)
    return BINARY
