"""What a card says of mitigation: the methods side by side, which was taken and why, and what it needs when it scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nightloop.evidence.verdict import with_interval

if TYPE_CHECKING:
    from nightloop.evidence.fairness.mitigation import Option
    from nightloop.evidence.verdict import Figure
    from nightloop.model.training.fitted import Fitted

FRONTIER = "frontier"


def section(model: Fitted, frontier: Sequence[Option]) -> str:
    """Return the text of the section, empty where no method is declared; ``frontier`` is of the validation nights."""
    mitigated = model.mitigated
    if mitigated is None:
        return ""
    first = frontier[0]
    head = ["method", _words(first.metric), "lost against the unmitigated", _words(first.gap)]
    lines = [
        [option.name, *(with_interval(figure) for figure in (option.metric, option.loss, option.gap))] for option in frontier
    ]
    chosen = next(option for option in mitigated.compared if option.name == mitigated.chosen)
    parts = [
        f"Taken: **{mitigated.chosen}**. {mitigated.reason} Chosen on {chosen.metric.n:,} rows of the calibration nights.",
        f"On the validation nights, by which nothing was chosen, on {first.metric.n:,} rows ({FRONTIER}.png draws them):",
        "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *lines]),
        "What is lost is measured on what decisions order rows by: where each group has a threshold, the distance to it.",
        _needs(model),
    ]
    return "\n\n".join(parts)


def _needs(model: Fitted) -> str:
    thresholds = model.thresholds
    if thresholds is None:
        return "The model decides by one threshold for all, and is asked without knowing anybody's group."
    by_group = ", ".join(f"{name} {value:.4f}" for name, value in sorted(thresholds.thresholds.items()))
    return (
        f"**The model must know `{thresholds.attribute}` of everybody it decides on**; probabilities do not depend on it, "
        f"decisions do. Thresholds: {by_group}; any other group {thresholds.otherwise:.4f}."
    )


def draw(frontier: Sequence[Option], model: Fitted, canvas_of: Callable[[str, str, str], tuple[Any, Any]]) -> dict[str, Any]:
    """Return the drawing of the metric against the gap, with both intervals, by its name; nothing without options."""
    if model.mitigated is None:
        return {}
    first = frontier[0]
    canvas, axes = canvas_of("Accuracy and fairness, validation nights", _words(first.gap), _words(first.metric))
    for option in frontier:
        taken = option.name == model.mitigated.chosen
        axes.errorbar(
            [option.gap.value],
            [option.metric.value],
            xerr=_reach(option.gap),
            yerr=_reach(option.metric),
            marker="*" if taken else "o",
            markersize=14 if taken else 7,
            capsize=3,
            label=f"{option.name} (taken)" if taken else option.name,
        )
    axes.legend()
    return {FRONTIER: canvas}


def _reach(figure: Figure) -> list[list[float]] | None:
    """Return how far the interval reaches down and up, as matplotlib takes it."""
    if figure.low is None or figure.high is None:
        return None
    return [[max(figure.value - figure.low, 0.0)], [max(figure.high - figure.value, 0.0)]]


def _words(figure: Figure) -> str:
    return "AUC" if figure.metric == "auc" else figure.metric.replace("_", " ")
