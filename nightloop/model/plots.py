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

Floats = NDArray[np.float64]
FEATURES_SHOWN = 20


def draw(folder: Path, *, label: NDArray[np.bool_], probabilities: Mapping[str, Floats], model: Booster) -> dict[str, Path]:
    """Write roc.png, calibration.png and importance.png into ``folder`` and return them by name.

    Args:
        folder: where to.
        label: (n,) of the validation rows.
        probabilities: (n,) each, by the model's name.
        model: the trees, whose gain by feature is drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "roc": _save(folder / "roc.png", _roc(label, probabilities)),
        "calibration": _save(folder / "calibration.png", _calibration(label, probabilities)),
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


def _calibration(label: NDArray[np.bool_], probabilities: Mapping[str, Floats]) -> Any:
    canvas, axes = _figure("What was said and what came", "mean probability", "share of positive rows")
    for name, probability in probabilities.items():
        said, came, _ = calibration_curve(label, probability)
        axes.plot(said, came, marker="o", label=name)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    axes.legend()
    return canvas


def _importance(model: Booster) -> Any:
    canvas, axes = _figure("What the trees gained from", "mean gain in log loss", "")
    gains = sorted(model.get_score(importance_type="gain").items(), key=lambda item: item[1])[-FEATURES_SHOWN:]
    axes.barh([name for name, _ in gains], [gain for _, gain in gains])
    return canvas


def _save(path: Path, canvas: Any) -> Path:
    canvas.savefig(path, format="png")
    return path
