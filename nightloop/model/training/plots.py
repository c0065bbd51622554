"""Draw what people look at of a training: the order and the calibration of its answers, and what moves them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.reliability import reliability
from nightloop.model.models import FittedModel, Trees
from nightloop.model.training.candidate import Candidate
from nightloop.model.training.explanations import draw_dependence, draw_summary
from nightloop.model.training.mitigating import report as mitigation_report
from nightloop.model.use_case_task import metric_set_for

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.evidence.metric_set import MetricSet

Floats = NDArray[np.float64]
FEATURES_SHOWN = 20


def draw(folder: Path, use_case: UseCase, candidate: Candidate) -> dict[str, Path]:
    """Write the drawings of a training into ``folder`` and return them by their names.

    Args:
        folder: where to.
        use_case: whose candidate.
        candidate: with its baseline, and the validation rows that are drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    validation, metric_set = candidate.validation, metric_set_for(use_case)
    predictions = {name: candidate.predictions[name] for name in (candidate.name, use_case.model.baseline[0])}
    canvases = {"roc": _roc(validation.label, predictions)} if metric_set.metric == "auc" else {}
    canvases["calibration"] = _calibration(validation.label, validation.night, predictions, metric_set)
    canvases["importance"] = _importance(candidate.fitted.model, validation.features)
    canvases |= {"summary": draw_summary(candidate.explained), "dependence": draw_dependence(candidate.explained)}
    canvases |= mitigation_report.draw(candidate.frontier, candidate.fitted, canvas_of)
    return {name: _save(folder / f"{name}.png", canvas) for name, canvas in canvases.items()}


def canvas_of(title: str, x: str, y: str) -> tuple[Any, Any]:
    """Return an empty drawing and its axes."""
    # Not pyplot: it keeps figures in a registry of the process, and picks a screen to draw on.
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6, 5), dpi=110, layout="constrained")
    axes = canvas.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return canvas, axes


def _roc(label: NDArray[np.bool_], predictions: Mapping[str, Floats]) -> Any:
    canvas, axes = canvas_of("Order of the validation rows", "false positive rate", "true positive rate")
    for name, prediction in predictions.items():
        ordered = label[np.argsort(-prediction, kind="stable")]
        true, false = np.cumsum(ordered), np.cumsum(~ordered)
        axes.plot(np.append(0, false / max(false[-1], 1)), np.append(0, true / max(true[-1], 1)), label=name)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="a coin")
    axes.legend()
    return canvas


def _calibration(label: NDArray[Any], night: NDArray[Any], predictions: Mapping[str, Floats], metric_set: MetricSet) -> Any:
    unit = {"auc": "share of positive rows", "mae": "mean label"}.get(metric_set.metric, "share of rows that were right")
    canvas, axes = canvas_of("Predicted and observed, 95 % by night", f"mean {metric_set.answers}", unit)
    least, most = (0.0, 1.0) if metric_set.answers == "probability" else (np.inf, -np.inf)
    for name, prediction in predictions.items():
        predicted, observed = metric_set.predicted_and_observed(label, prediction)
        bins = reliability(observed, predicted, night, within=metric_set.bounds("calibration_seen"))
        x, y, reach = [item.predicted for item in bins], [item.observed for item in bins], [item.reach for item in bins]
        axes.errorbar(x, y, yerr=np.transpose(reach), marker="o", capsize=3, label=name)
        least, most = min(least, *x), max(most, *x)
    axes.plot([least, most], [least, most], color="grey", linestyle=":", label="perfect")
    axes.legend()
    return canvas


def _importance(model: FittedModel, names: tuple[str, ...]) -> Any:
    if isinstance(model, Trees):
        (canvas, axes), values = canvas_of("What the trees gained from", "mean gain", ""), model.gains
    else:
        canvas, axes = canvas_of("What moves the linear model", "by one standard deviation, or between levels", "")
        values = dict(zip(names, model.weights.tolist(), strict=True))
    largest = sorted(values.items(), key=lambda item: item[1])[-FEATURES_SHOWN:]
    axes.barh([name for name, _ in largest], [value for _, value in largest])
    return canvas


def _save(path: Path, canvas: Any) -> Path:
    canvas.savefig(path, format="png")
    return path
