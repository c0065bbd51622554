"""What the card says of a calibration: how it was chosen, the reliability curve, and what was promised and held."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.evidence.coverage import coverage_by_class
from nightloop.evidence.reliability import Bin, debiased_error, reliability
from nightloop.evidence.verdict import Figure, with_interval
from nightloop.model.conformal import BETWEEN, SET, Conformal, Interval, covered
from nightloop.model.training.calibrating.choice import AUTO, Calibrated
from nightloop.model.training.card_text import table
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import metric_set_for, promised_classes

Floats = NDArray[np.float64]


def blocks(
    use_case: UseCase, chosen: Calibrated | None, promised: Conformal | None, rows: TrainingSet, prediction: Floats
) -> list[str]:
    """Return blocks of Markdown on a calibration and a promise that are declared; of the default there is nothing to say.

    Args:
        use_case: what is declared.
        chosen: what came of the calibration.
        promised: how far answers reach.
        rows: of the validation nights.
        prediction: of the rows, (n,) or (n, c).
    """
    declared, metric_set, parts = use_case.model.calibration, metric_set_for(use_case), list[str]()
    if chosen and declared != "shift":
        predicted, observed = metric_set.predicted_and_observed(rows.label, prediction)
        bins = reliability(observed, predicted, rows.night, within=metric_set.bounds("calibration_seen"))
        parts += [*_choice(declared, chosen), *_curve(bins)]
    if promised:
        within = covered(promised.columns(prediction), rows.label, rows.classes)
        coverage = coverage_by_class(within, rows.night, rows.label, promised_classes(use_case))
        parts.append(_promise(promised, coverage, prediction))
    return parts


def params(declared: str, chosen: Calibrated | None) -> dict[str, str]:
    """Return what the tracking server shows of a calibration; of the default nothing."""
    return {"calibration": declared, "calibration.chosen": chosen.method} if chosen and declared != "shift" else {}


def _promise(promised: Conformal, coverage: Sequence[Figure], prediction: Floats) -> str:
    """Return what the card says of how far answers reach.

    Args:
        promised: by the bundle.
        coverage: of the validation nights; of each class too, where it is promised so.
        prediction: of the validation rows, (n,) or (n, c).
    """
    if isinstance(promised, Interval):
        reach = f"from {promised.below:.4g} below a prediction to {promised.above:.4g} above it"
    else:
        sets = promised.columns(prediction)[SET]
        size = float(np.mean([text.count(BETWEEN) + 1 for text in sets])) if len(sets) else 0.0
        least = [f"{name} from a probability of {of:.4f} on" for name, of in zip(promised.classes, promised.least, strict=True)]
        reach = f"{', '.join(least)}; {size:.2f} classes a row"
    words = f"{promised.coverage:.0%} of outcomes are promised to lie within the reach of an answer: {reach}."
    measured = "; ".join(f"{'' if item.group == 'all' else f'of {item.group}, '}{with_interval(item)}" for item in coverage)
    return f"{words} On the validation nights, each weighing the same, {measured} did."


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
