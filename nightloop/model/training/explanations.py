"""What moves a candidate's answers over all: exact contributions of a sample of validation rows, as a table and as drawings.

The drawings are SHAP's summary and dependence plots (Lundberg et al. 2020, "From local explanations to global understanding
with explainable AI for trees"), drawn here: the contributions are XGBoost's own, so the library would only draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.model.calibration import Calibration
from nightloop.model.models import FittedModel
from nightloop.model.tasks import Task
from nightloop.model.training.card_text import table

SAMPLE = 1000  # rows: a contribution costs 150 times an answer
SHOWN, DRAWN, DEPENDENCE = 20, 15, 4
LEAST_CORRELATION = 0.2  # below it, more of a feature neither raises nor lowers the answer
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Explained:
    """Contributions of a sample of rows.

    Attributes:
        features: names.
        values: (n, k) of the features, NaN where missing.
        effect: (n, k) contributions: in log-odds, in the label's unit, or to the margin of the predicted class.
        unit: of the contributions, in words.
    """

    features: tuple[str, ...]
    values: Floats
    effect: Floats
    unit: str

    @property
    def strength(self) -> Floats:
        """The mean absolute contribution of each feature, (k,)."""
        return np.asarray(np.abs(self.effect).mean(axis=0))

    @property
    def order(self) -> NDArray[np.intp]:
        """The features, that which moves most first; of equal ones in their order."""
        return np.argsort(-self.strength, kind="stable")


def explained(
    model: FittedModel,
    calibration: Calibration,
    task: Task,
    *,
    features: tuple[str, ...],
    values: Floats,
) -> Explained:
    """Return the contributions of every n-th row, so that there are at most ``SAMPLE``.

    Args:
        model: the candidate.
        calibration, task: of its answers.
        features: names of the columns.
        values: (n, k) of the validation rows.
    """
    places = np.unique(np.linspace(0, len(values) - 1, num=min(SAMPLE, len(values))).astype(int))
    sampled = np.ascontiguousarray(values[places])
    margin, effect = model.explain(sampled)
    of_answer, _ = task.attribute(task.predict(calibration, margin), None, effect * calibration.effect_scale)
    return Explained(features, sampled, of_answer, unit_of(task))


def unit_of(task: Task) -> str:
    """Return the unit of contributions, in words."""
    return {"binary": "log-odds", "regression": "the label's unit"}.get(task.name, "margin of the predicted class")


def as_markdown(of: Explained) -> str:
    """Return the features that move the answers most, for a card."""
    total = of.strength.sum() or 1.0
    lines = [
        (of.features[place], f"{of.strength[place]:.4f}", f"{of.strength[place] / total:.1%}", _direction(of, place))
        for place in of.order[:SHOWN]
    ]
    note = (
        f"Exact contributions (path-dependent TreeSHAP, or a linear model's own) of {len(of.values):,} validation rows, in "
        f"{of.unit}. They say what moved this model, not what causes the outcome."
    )
    return f"{note}\n\n{table(('feature', 'mean |contribution|', 'share of all', 'more of it'), lines)}"


def _direction(of: Explained, place: int) -> str:
    values, effect = of.values[:, place], of.effect[:, place]
    known = np.isfinite(values)
    if not known.any() or np.ptp(values[known]) == 0 or np.ptp(effect[known]) == 0:
        return "-"
    correlation = float(np.corrcoef(_ranks(values[known]), _ranks(effect[known]))[0, 1])
    if abs(correlation) < LEAST_CORRELATION:
        return "neither"
    return "raises the answer" if correlation > 0 else "lowers the answer"


def _ranks(values: Floats) -> Floats:
    """Return mean ranks: equal values share one."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[inverse])


def draw_summary(of: Explained) -> Any:
    """Draw each row's contributions by feature, spread where many are alike, coloured by the feature's value."""
    from matplotlib.figure import Figure as Canvas

    shown = of.order[:DRAWN][::-1]
    canvas = Canvas(figsize=(8, 1.2 + 0.38 * len(shown)), dpi=110, layout="constrained")
    axes = canvas.add_subplot()
    points = None
    for height, place in enumerate(shown):
        effect, colour = of.effect[:, place], _shade(of.values[:, place])
        spread = height + 0.35 * _spread(effect)
        missing = ~np.isfinite(colour)
        axes.scatter(effect[missing], spread[missing], s=6, color="lightgrey", linewidths=0)
        points = axes.scatter(
            effect[~missing], spread[~missing], s=6, c=colour[~missing], cmap="coolwarm", vmin=0, vmax=1, linewidths=0
        )
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(shown)), [of.features[place] for place in shown])
    axes.set(title="What moves the answers", xlabel=f"contribution, in {of.unit}")
    if points is not None:
        bar = canvas.colorbar(points, ax=axes, ticks=[0, 1], aspect=40)
        bar.ax.set_yticklabels(["low", "high"])
        bar.set_label("value of the feature (grey: missing)")
    return canvas


def draw_dependence(of: Explained) -> Any:
    """Draw contribution against value for the features that move the answers most."""
    from matplotlib.figure import Figure as Canvas

    shown = of.order[:DEPENDENCE]
    canvas = Canvas(figsize=(8, 6.5), dpi=110, layout="constrained")
    canvas.suptitle("Contribution by value")
    for axes, place in zip(canvas.subplots(2, 2, squeeze=False).ravel(), shown, strict=False):
        axes.scatter(of.values[:, place], of.effect[:, place], s=6, alpha=0.5, linewidths=0)
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set(xlabel=of.features[place], ylabel=of.unit)
    for axes in canvas.axes[len(shown) :]:
        axes.set_visible(False)
    return canvas


def _shade(values: Floats) -> Floats:
    """Return each value's place between the 5 % and the 95 % quantile, 0 to 1; NaN where missing."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.full(len(values), np.nan)
    low, high = np.quantile(known, [0.05, 0.95])
    return np.asarray(np.clip((values - low) / ((high - low) or 1.0), 0, 1), dtype=np.float64)


def _spread(effect: Floats) -> Floats:
    """Return how far each point stands off its line, -1 to 1: in turn up and down among those in the same fiftieth."""
    bins = np.floor((effect - effect.min()) / ((np.ptp(effect) or 1.0) / 50)).astype(int)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins)
    nth = np.arange(len(effect)) - np.repeat(np.cumsum(counts) - counts, counts)
    offset = np.empty(len(effect))
    offset[order] = np.where(nth % 2, 1, -1) * np.ceil(nth / 2)
    return np.asarray(offset / max(1.0, float(np.abs(offset).max())), dtype=np.float64)
