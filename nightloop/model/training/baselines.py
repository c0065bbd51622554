"""Measure the simplest answers to the validation rows: the base rate, the rate last known, and a scorecard."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.evidence.baselines import ScorecardBins, last_known_rate
from nightloop.model.training import trainers
from nightloop.model.training.calibrating.choice import calibrate
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import task_for
from nightloop.nights import Night

Floats = NDArray[np.float64]
BASE_RATE, LAST_KNOWN_RATE, SCORECARD = "base_rate", "last_known_rate", "scorecard"


def base_rate_of(rows: TrainingSet) -> float | tuple[float, ...]:
    """Return the share of positive rows, the mean of the labels, or the share of each class."""
    if rows.classes:
        return tuple(float(share) for share in np.bincount(rows.label, minlength=len(rows.classes)) / len(rows.label))
    return float(np.mean(rows.label))


def other_baselines(
    use_case: UseCase, as_of: Night, rows: TrainingSet, parts: Mapping[str, TrainingSet], base_rate: float | tuple[float, ...]
) -> dict[str, Floats]:
    """Return what the simplest answers are for the validation rows, by name."""
    validate, delay = parts["validate"], use_case.label.matures_after
    answers = {
        BASE_RATE: np.broadcast_to(np.asarray(base_rate), (len(validate.label), *np.shape(base_rate))),
        LAST_KNOWN_RATE: last_known_rate(rows.label, rows.night, validate.night, delay=delay, base_rate=base_rate),
    }
    if not rows.classes:
        answers[SCORECARD] = _scorecard(use_case, as_of, parts)
    return answers


def _scorecard(use_case: UseCase, as_of: Night, parts: Mapping[str, TrainingSet]) -> Floats:
    """Fit the linear baseline on the points of binned features, calibrate it, and return its predictions."""
    fitting, seed, learn = trainers.fitting_of(use_case.model), trainers.seed_of(use_case.use_case, as_of), parts["fit"]
    bins, (_, parameters) = ScorecardBins.fit(learn.matrix, learn.label), use_case.model.baseline
    linear = fitting.linear(bins.apply(learn.matrix), learn.label, parameters=parameters, seed=seed)
    margin, validate = (linear.margins(bins.apply(parts[name].matrix)) for name in ("calibrate", "validate"))
    chosen = calibrate(use_case.model, margin, parts["calibrate"].label, parts["calibrate"].night)
    return task_for(use_case).predict(chosen.calibration, validate)
