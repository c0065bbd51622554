"""What the card says of a calibration: how it was chosen, and the reliability curve on the validation nights."""

from __future__ import annotations

from collections.abc import Sequence

from nightloop.evidence.reliability import Bin, debiased_error
from nightloop.evidence.verdict import Figure, with_interval
from nightloop.model.training.calibrating.choice import AUTO, Calibrated
from nightloop.model.training.card_text import table


def blocks(declared: str, chosen: Calibrated, bins: Sequence[Bin]) -> list[str]:
    """Return blocks of Markdown.

    Args:
        declared: the method as the definition has it.
        chosen: what came of it.
        bins: the reliability curve.
    """
    return [*_choice(declared, chosen), *_curve(bins)]


def params(declared: str, chosen: Calibrated | None) -> dict[str, str]:
    """Return what the tracking server is told of a calibration; of the default nothing."""
    return {"calibration": declared, "calibration.chosen": chosen.method} if chosen and declared != "shift" else {}


def _choice(declared: str, chosen: Calibrated) -> list[str]:
    if declared != AUTO:
        return [f"By the method {chosen.method}, as declared."]
    if not chosen.figures:
        return [f"By the method {chosen.method}: there are too few nights to compare others on."]
    sentence = f"By the method {chosen.method}, chosen on the newer half of the calibrate nights and fitted on all of them."
    scores, gains = chosen.figures[::2], chosen.figures[1::2]
    lines = [(score.group, f"{score.value:.4f}", _improvement(gain)) for score, gain in zip(scores, gains, strict=True)]
    return [sentence, table(("method", scores[0].metric.replace("_", " "), "better than the shift by"), lines)]


def _improvement(gain: Figure) -> str:
    return with_interval(gain) if gain.value else ""


def _curve(bins: Sequence[Bin]) -> list[str]:
    lines = [(f"{item.predicted:.4f}", f"{item.observed:.4f}", _interval(item), f"{item.rows:,}") for item in bins]
    error = f"Root mean squared gap, less what nights alone make of it: {debiased_error(bins):.4f}."
    return [table(("mean prediction", "mean outcome", "95 % interval", "rows"), lines), error]


def _interval(item: Bin) -> str:
    return "" if item.low is None or item.high is None else f"{item.low:.4f} to {item.high:.4f}"
