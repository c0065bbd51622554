"""Draw a training's figures as PNG files, for the tracking server and for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.metrics import calibration_curve

if TYPE_CHECKING:
    from xgboost import Booster

    from nightloop.evidence.metric_set import MetricSet

Floats = NDArray[np.float64]
FEATURES_SHOWN = 20


def draw(
    folder: Path, *, label: NDArray[Any], said: Mapping[str, Floats], model: Booster, metric_set: MetricSet
) -> dict[str, Path]:
    """Write calibration.png, importance.png and, of a binary model, roc.png into ``folder`` and return them by name.

    Args:
        folder: where to.
        label: (n,) of the validation rows.
        said: (n,) or (n, c) each, by the model's name.
        model: the trees, whose gain by feature is drawn.
        metric_set: of the task.
    """
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {"roc": _save(folder / "roc.png", _roc(label, said))} if metric_set.metric == "auc" else {}
    return {
        **drawn,
        "calibration": _save(folder / "calibration.png", _calibration(label, said, metric_set)),
        "importance": _save(folder / "importance.png", _importance(model)),
    }


def _figure(title: str, x: str, y: str) -> tuple[Any, Any]:
    # Not pyplot: it keeps figures in a registry of the process, and picks a screen to draw on.
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(6, 5), dpi=110, layout="constrained")
    axes = canvas.add_subplot()
    axes.set(title=title, xlabel=x, ylabel=y)
    return canvas, axes


def _roc(label: NDArray[np.bool_], probabilities: Mapping[str, Floats]) -> Any:
    canvas, axes = _figure("Order of the validation rows", "false positive rate", "true positive rate")
    for name, probability in probabilities.items():
        ordered = label[np.argsort(-probability, kind="stable")]
        true, false = np.cumsum(ordered), np.cumsum(~ordered)
        axes.plot(np.append(0, false / max(false[-1], 1)), np.append(0, true / max(true[-1], 1)), label=name)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="a coin")
    axes.legend()
    return canvas


def _calibration(label: NDArray[Any], answers: Mapping[str, Floats], metric_set: MetricSet) -> Any:
    came = {"auc": "share of positive rows", "mae": "mean label"}.get(metric_set.metric, "share of rows that were right")
    canvas, axes = _figure("What was said and what came", f"mean {metric_set.answers}", came)
    least, most = (0.0, 1.0) if metric_set.answers == "probability" else (np.inf, -np.inf)
    for name, answer in answers.items():
        told, seen = metric_set.predicted_and_observed(label, answer)
        mean_said, mean_came, _ = calibration_curve(seen, told)
        axes.plot(mean_said, mean_came, marker="o", label=name)
        least, most = min(least, *mean_said), max(most, *mean_said)
    axes.plot([least, most], [least, most], color="grey", linestyle=":", label="perfect")
    axes.legend()
    return canvas


def _importance(model: Booster) -> Any:
    canvas, axes = _figure("What the trees gained from", "mean gain", "")
    gains = sorted(model.get_score(importance_type="gain").items(), key=lambda item: item[1])[-FEATURES_SHOWN:]
    axes.barh([name for name, _ in gains], [gain for _, gain in gains])
    return canvas


def _save(path: Path, canvas: Any) -> Path:
    canvas.savefig(path, format="png")
    return path
