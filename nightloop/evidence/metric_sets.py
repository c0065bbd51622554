"""The metric set of each task: see ``metric_set.MetricSet`` for what each member means."""
# ruff: noqa: D102, ARG002 - said there, once; not every task needs every argument

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence import fairness, intervals, metrics, multiclass, regression
from nightloop.evidence.fairness import Comparison, MeanMetric, RateMetric
from nightloop.evidence.gate_limits import SuspicionLimits
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
    second = ("brier", "Brier score")
    by_group: Mapping[str, str] = {
        "base_rate": "base rate",
        "selection_rate": "selected",
        "true_positive_rate": "true positive rate",
        "false_positive_rate": "false positive rate",
        "auc": "AUC",
        "calibration_bias": "calibration bias",
    }

    def is_invalid(self, said: Floats) -> Bools:
        return np.asarray(~np.isfinite(said) | (said < 0) | (said > 1), dtype=np.bool_)

    def constant_label(self, label: Labels) -> str | None:
        return str(bool(label[0])).lower() if label.all() or not label.any() else None

    def estimate(self, label: Labels, said: Floats) -> Estimate:
        return intervals.auc(label, said)

    def improvement(self, label: Labels, one: Floats, other: Floats) -> Estimate:
        return intervals.auc(label, one).minus(intervals.auc(label, other))

    def discrimination(self, label: Labels, said: Floats, nights: Nights) -> Figure:
        return metrics.auc(label, said, nights)

    def too_good(self, value: float, limits: SuspicionLimits) -> str | None:
        return f"above {limits.suspicious_above}" if value > limits.suspicious_above else None

    def all_figures(self, label: Labels, said: Floats, nights: Nights = None, *, group: str = "all") -> tuple[Figure, ...]:
        return metrics.all_figures(label, said, nights, group=group)

    def calibration(self, label: Labels, said: Floats, nights: Nights) -> tuple[Figure, ...]:
        measured = (metrics.calibration_error, metrics.calibration_bias, metrics.brier)
        return (*(measure(label, said, nights) for measure in measured), metrics.base_rate(label, nights))

    def compare(
        self, metric: str, label: Labels, said: Floats, decision: Bools | None, *, group: NDArray[Any], nights: Nights
    ) -> Comparison:
        return fairness.compare(cast("RateMetric", metric), label, cast("Bools", decision), group=group, nights=nights)

    def realised(self, label: Labels, said: Floats, decision: Bools | None, nights: Nights) -> Sequence[Figure]:
        rows, rate = len(label), float(np.mean(label))
        return (
            *self.all_figures(label, said, nights),
            Figure("base_rate_brier", rate * (1 - rate), None, None, rows),
            _selected(cast("Bools", decision), nights),
            figure("mean_probability", intervals.mean(said), nights, rows),
        )

    def group_rates(self, label: Labels, said: Floats, decision: Bools | None) -> Mapping[str, tuple[Bools, Bools]]:
        chosen = cast("Bools", decision)
        return {"true_positive_rate": (chosen, label), "false_positive_rate": (chosen, ~label)}

    def predicted_and_observed(self, label: Labels, said: Floats) -> tuple[Floats, Floats]:
        return said, label.astype(np.float64)

    def bounds(self, metric: str) -> tuple[float, float]:
        return {"calibration_bias": (-1.0, 1.0), "log_loss": (0.0, math.inf)}.get(metric, (0.0, 1.0))


class Regression:
    """Predicted means of a number, judged by the size of their errors."""

    metric, title, answers, higher_is_better, no_skill = "mae", "MAE", "prediction", False, 0.0
    second = ("rmse", "RMSE")
    by_group: Mapping[str, str] = {
        "mean_label": "mean label",
        "mean_prediction": "mean prediction",
        "mae": "MAE",
        "rmse": "RMSE",
        "bias": "bias",
    }

    def is_invalid(self, said: Floats) -> Bools:
        return ~np.isfinite(said)

    def constant_label(self, label: Labels) -> str | None:
        return f"{label[0]:g}" if np.ptp(label) == 0 else None

    def estimate(self, label: Labels, said: Floats) -> Estimate:
        return regression.absolute_error(label, said)

    def improvement(self, label: Labels, one: Floats, other: Floats) -> Estimate:
        return self.estimate(label, other).minus(self.estimate(label, one))

    def discrimination(self, label: Labels, said: Floats, nights: Nights) -> Figure:
        return regression.correlation(label, said, nights)

    def too_good(self, value: float, limits: SuspicionLimits) -> str | None:
        return _below(value, limits)

    def all_figures(self, label: Labels, said: Floats, nights: Nights = None, *, group: str = "all") -> tuple[Figure, ...]:
        return regression.all_figures(label, said, nights, group=group)

    def calibration(self, label: Labels, said: Floats, nights: Nights) -> tuple[Figure, ...]:
        found = {item.metric: item for item in self.all_figures(label, said, nights)}
        return tuple(found[name] for name in ("calibration_error", "bias", "rmse", "mean_label"))

    def compare(
        self, metric: str, label: Labels, said: Floats, decision: Bools | None, *, group: NDArray[Any], nights: Nights
    ) -> Comparison:
        if metric == "selection_rate_difference":
            chosen = cast("Bools", decision)
            return fairness.compare("selection_rate_difference", np.ones_like(chosen), chosen, group=group, nights=nights)
        values = np.abs(said - label) if metric == "mae_difference" else said
        return fairness.compare_means(cast("MeanMetric", metric), values, group=group, nights=nights)

    def realised(self, label: Labels, said: Floats, decision: Bools | None, nights: Nights) -> Sequence[Figure]:
        found = [*self.all_figures(label, said, nights), figure("mean_prediction", intervals.mean(said), nights, len(label))]
        return found if decision is None else [*found, _selected(decision, nights)]

    def group_rates(self, label: Labels, said: Floats, decision: Bools | None) -> Mapping[str, tuple[Bools, Bools]]:
        return {}

    def predicted_and_observed(self, label: Labels, said: Floats) -> tuple[Floats, Floats]:
        return said, label

    def bounds(self, metric: str) -> tuple[float, float]:
        sizes = dict.fromkeys(("mae", "rmse", "calibration_error"), (0.0, math.inf))
        return {**sizes, "r2": (-math.inf, 1.0), "selection_rate": (0.0, 1.0)}.get(metric, UNBOUNDED)


@dataclass(frozen=True)
class Multiclass:
    """Probabilities of several classes, judged by what they gave to the class that came."""

    classes: tuple[str, ...]
    of_class: str | None = None

    metric, title, answers, higher_is_better, no_skill = "log_loss", "log loss", "probability", False, COIN
    second = ("accuracy", "Accuracy")

    @property
    def by_group(self) -> Mapping[str, str]:
        found = {
            "log_loss": "log loss",
            "accuracy": "accuracy",
            "macro_auc": "macro AUC",
            "calibration_bias": "calibration bias",
        }
        return {"selection_rate": f"told {self.of_class}", **found} if self.of_class else found

    def is_invalid(self, said: Floats) -> Bools:
        outside = ~np.isfinite(said) | (said < 0) | (said > 1)
        return np.asarray(outside.any(axis=1) | ~(np.abs(said.sum(axis=1) - 1) <= SUM_ROUNDING), dtype=np.bool_)

    def constant_label(self, label: Labels) -> str | None:
        return self.classes[int(label[0])] if np.ptp(label) == 0 else None

    def estimate(self, label: Labels, said: Floats) -> Estimate:
        return multiclass.log_loss(label, said)

    def improvement(self, label: Labels, one: Floats, other: Floats) -> Estimate:
        return self.estimate(label, other).minus(self.estimate(label, one))

    def discrimination(self, label: Labels, said: Floats, nights: Nights) -> Figure:
        return figure("macro_auc", multiclass.macro_auc(label, said), nights, len(label))

    def too_good(self, value: float, limits: SuspicionLimits) -> str | None:
        return _below(value, limits)

    def all_figures(self, label: Labels, said: Floats, nights: Nights = None, *, group: str = "all") -> tuple[Figure, ...]:
        return multiclass.all_figures(label, said, nights, group=group)

    def calibration(self, label: Labels, said: Floats, nights: Nights) -> tuple[Figure, ...]:
        found = {item.metric: item for item in self.all_figures(label, said, nights)}
        return tuple(found[name] for name in ("calibration_error", "calibration_bias", "log_loss", "accuracy"))

    def compare(
        self, metric: str, label: Labels, said: Floats, decision: Bools | None, *, group: NDArray[Any], nights: Nights
    ) -> Comparison:
        if metric == "accuracy_difference":
            hits = multiclass.right(label, said).astype(np.float64)
            return fairness.compare_means("accuracy_difference", hits, group=group, nights=nights)
        came, told = self._one_class(label, said)
        return fairness.compare(cast("RateMetric", metric), came, told, group=group, nights=nights)

    def realised(self, label: Labels, said: Floats, decision: Bools | None, nights: Nights) -> Sequence[Figure]:
        return self.all_figures(label, said, nights)

    def group_rates(self, label: Labels, said: Floats, decision: Bools | None) -> Mapping[str, tuple[Bools, Bools]]:
        if self.of_class is None:
            return {}
        came, told = self._one_class(label, said)
        everyone = np.ones(len(label), dtype=np.bool_)
        return {"selection_rate": (told, everyone), "true_positive_rate": (told, came), "false_positive_rate": (told, ~came)}

    def predicted_and_observed(self, label: Labels, said: Floats) -> tuple[Floats, Floats]:
        return np.max(said, axis=1), multiclass.right(label, said).astype(np.float64)

    def bounds(self, metric: str) -> tuple[float, float]:
        return {"calibration_bias": (-1.0, 1.0), "log_loss": (0.0, math.inf)}.get(metric, (0.0, 1.0))

    def _one_class(self, label: Labels, said: Floats) -> tuple[Bools, Bools]:
        place = self.classes.index(cast("str", self.of_class))
        return np.asarray(label == place, dtype=np.bool_), np.asarray(np.argmax(said, axis=1) == place, dtype=np.bool_)


BINARY = Binary()


def _selected(decision: Bools, nights: Nights) -> Figure:
    return figure("selection_rate", intervals.mean(decision.astype(np.float64)), nights, len(decision))


def _below(value: float, limits: SuspicionLimits) -> str | None:
    limit = limits.suspicious_below
    return f"below {limit}" if limit is not None and value < limit else None


def metric_set_of(task: str, classes: Sequence[str] = (), of_class: str | None = None) -> MetricSet:
    """Return the metric set of a task.

    Args:
        task: binary, regression or multiclass.
        classes: of a multiclass model, in the order of the columns of ``said``.
        of_class: the class whose rates are told by group.
    """
    if task == "regression":
        return Regression()
    if task == "multiclass":
        return Multiclass(tuple(classes), of_class)
    return BINARY
