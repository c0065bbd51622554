"""Make a candidate and its baseline from a training set: fit, calibrate, measure, write the bundle.

The candidate is boosted trees; the baseline a linear model on the same rows, which any candidate worth its cost beats. Beside
them stand what needs no model (the base rate, the rate last known) and a scorecard.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import TrainingRefused
from nightloop.evidence.baselines import ScorecardBins, last_known_rate
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.fairness.mitigation import Option
from nightloop.evidence.gates.gates import assessed
from nightloop.evidence.reference_profile import reference_profile
from nightloop.evidence.reliability import reliability
from nightloop.evidence.verdict import Figure
from nightloop.lake.commits import code_version
from nightloop.model import bundle
from nightloop.model.calibration import Calibration
from nightloop.model.models import LinearClasses, LinearModel, linear_from_json
from nightloop.model.spec import Training
from nightloop.model.tasks import Task
from nightloop.model.training import card, trainers
from nightloop.model.training.calibrating import report
from nightloop.model.training.calibrating.choice import calibrate
from nightloop.model.training.environment import made_with
from nightloop.model.training.explanations import as_markdown, explained
from nightloop.model.training.fitted import Fitted, calibrated_on
from nightloop.model.training.mitigating import report as mitigation_report
from nightloop.model.training.mitigation import decisions, declared, measure, mitigate
from nightloop.model.training.parts import figures_of_parts
from nightloop.model.training.slices import Slices, divide
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.training.training_snapshot import Manifest
from nightloop.model.use_case_task import metric_set_for, task_for
from nightloop.nights import Night

if TYPE_CHECKING:
    from xgboost import Booster

Floats = NDArray[np.float64]
CANDIDATE, BASE_RATE, LAST_KNOWN_RATE, SCORECARD = "xgboost", "base_rate", "last_known_rate", "scorecard"


@dataclass(frozen=True)
class Candidate:
    """What one training makes.

    Attributes:
        trees: what becomes the bundle.
        baseline: what it must beat.
        base_rate: share of positive rows of the fit slice, mean of the labels, or share of each class: the simplest answer.
        slices: the nights used for what.
        figures: by model, measured on the validation nights.
        rows: by slice.
        parts: figures of the trees on parts of the validation rows: weeks, and groups.
        frontier: what the validation nights show of each method of mitigation; the choice was made on others.
    """

    trees: Fitted
    baseline: Fitted
    base_rate: float | tuple[float, ...]
    slices: Slices
    figures: Mapping[str, tuple[Figure, ...]]
    rows: Mapping[str, int]
    parts: tuple[Figure, ...] = ()
    frontier: tuple[Option, ...] = ()

    @property
    def metrics(self) -> dict[str, float]:
        """The figures as flat names, for the tracking server."""
        calibration = self.trees.chosen.figures if self.trees.chosen else ()
        named = {f"calibration.{figure.group}.{figure.metric}": figure.value for figure in calibration}
        named |= {
            f"{model}.{figure.metric}" if figure.group == "all" else f"{model}.{figure.metric}.{figure.group}": figure.value
            for model, figures in self.figures.items()
            for figure in figures
        }
        named |= {f"{option.name}.{of.metric}": of.value for option in self.frontier for of in (option.metric, option.gap)}
        return {name: value for name, value in named.items() if np.isfinite(value)}


def fit(use_case: UseCase, as_of: Night, rows: TrainingSet) -> Candidate:
    """Fit candidate and baseline on the oldest nights, calibrate on the next, measure on the newest."""
    slices = divide(use_case, rows)
    parts = {name: rows.of(getattr(slices, name)) for name in ("fit", "calibrate", "validate")}
    parts["validate"] = parts["validate"].apart_from(rows.of(slices.learned))
    if not len(parts["validate"].label):
        raise TrainingRefused(
            f"every row of {slices.validate} is of an entity that was learned from (model.split.entities_apart).",
            where=use_case.use_case,
            do="Name columns whose values are new on later nights, or leave entities_apart out.",
        )
    parts["fit"] = learn = parts["fit"].to_learn
    fitted = fit_recipe(use_case, as_of, learn, parts["calibrate"])
    base_rate, mitigated = _base_rate(learn), fitted[CANDIDATE].mitigated
    predictions = {name: model.predict(parts["validate"].matrix) for name, model in fitted.items()}
    decision = decisions(use_case, fitted[CANDIDATE], predictions[CANDIDATE], parts["validate"])
    predictions |= _other_baselines(use_case, as_of, rows, parts, base_rate)
    return Candidate(
        trees=fitted[CANDIDATE],
        baseline=fitted[use_case.model.baseline[0]],
        base_rate=base_rate,
        slices=slices,
        figures=_measure(use_case, predictions, parts["validate"], decision),
        rows={name: len(part.label) for name, part in parts.items()},
        parts=figures_of_parts(use_case, parts["validate"], predictions[CANDIDATE]),
        frontier=measure(use_case, mitigated.models, parts["validate"]) if mitigated else (),
    )


def fit_recipe(use_case: UseCase, as_of: Night, learn: TrainingSet, calibrate: TrainingSet) -> dict[str, Fitted]:
    """Return candidate and baseline by name: fitted on the rows to learn from, calibrated on others, which are later."""
    fitted = {name: calibrated_on(use_case, model, calibrate) for name, model in _fit_models(use_case, as_of, learn).items()}
    if declared(use_case):
        calibrated = partial(calibrated_on, use_case, rows=calibrate)
        candidate = fitted[CANDIDATE]
        fitted[CANDIDATE] = mitigate(use_case, as_of, learn, calibrate, unmitigated=candidate, calibrated=calibrated)
    return fitted


def _fit_models(use_case: UseCase, as_of: Night, learn: TrainingSet) -> dict[str, Booster | LinearModel | LinearClasses]:
    """Fit the trees and the baseline on the same rows, by the same seed."""
    fitting, seed = trainers.fitting_of(use_case.model), trainers.seed_of(use_case.use_case, as_of)
    baseline, parameters = use_case.model.baseline
    trees = trainers.fit_trees(
        learn.matrix,
        learn.label,
        names=learn.features,
        parameters=use_case.model.xgboost,
        seed=seed,
        objective=fitting.objective,
    )
    return {CANDIDATE: trees, baseline: fitting.linear(learn.matrix, learn.label, parameters=parameters, seed=seed)}


def _base_rate(rows: TrainingSet) -> float | tuple[float, ...]:
    if rows.classes:
        return tuple(float(share) for share in np.bincount(rows.label, minlength=len(rows.classes)) / len(rows.label))
    return float(np.mean(rows.label))


def _other_baselines(
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


def _measure(
    use_case: UseCase, predictions: Mapping[str, Floats], rows: TrainingSet, decision: NDArray[np.bool_] | None
) -> dict[str, tuple[Figure, ...]]:
    metric_set = metric_set_for(use_case)
    candidate = predictions[CANDIDATE]
    figures = {name: metric_set.all_figures(rows.label, prediction, rows.night) for name, prediction in predictions.items()}
    figures[CANDIDATE] += _by_group(use_case, rows, candidate, decision)
    return figures


def _by_group(
    use_case: UseCase, rows: TrainingSet, candidate: Floats, decision: NDArray[np.bool_] | None
) -> tuple[Figure, ...]:
    """Return the figures that the fairness gate will look at; none where no gate applies."""
    limits = use_case.gates.fairness
    if limits.none_because:
        return ()
    judged = Evaluation(
        night=rows.night,
        label=rows.label,
        candidate=candidate,
        baseline=candidate,
        champion=None,
        group=rows.group,
        decision=decision,
        metric_set=metric_set_for(use_case),
        attributes=rows.attributes,
    )
    return assessed(judged, limits).figures


def write_bundle(
    folder: Path, use_case: UseCase, manifest: Manifest, rows: TrainingSet, *, candidate: Candidate, definition: str
) -> Path:
    """Write the candidate as a bundle, with its card and the profile of the nights it was fitted on."""
    training = Training(
        as_of=manifest.as_of,
        fit=candidate.slices.fit,
        calibrate=candidate.slices.calibrate,
        validate=candidate.slices.validate,
        definition_digest=definition_digest(use_case),
        code_version=code_version(),
        data_versions={**manifest.table_versions, "dvc": manifest.dvc_md5},
        training_key=manifest.training_key,
        libraries=made_with(),
    )
    learn, trees = rows.of(candidate.slices.fit), candidate.trees
    validation = rows.of(candidate.slices.validate)
    sampled = explained(trees.model, trees.calibration, trees.task, features=validation.features, values=validation.matrix)
    finite = {name: [figure for figure in figures if np.isfinite(figure.value)] for name, figures in candidate.figures.items()}
    return bundle.write(
        folder,
        use_case=use_case,
        model=candidate.trees.model,
        calibration=candidate.trees.calibration,
        thresholds=candidate.trees.thresholds,
        threshold=candidate.trees.threshold,
        training=training,
        definition=definition,
        reference=reference_profile(list(rows.features), learn.matrix, learn.night),
        card=card.render(
            use_case,
            training,
            candidates=finite,
            chosen=CANDIDATE,
            rows=candidate.rows,
            calibration=_calibration_blocks(use_case, candidate, validation),
            slices=candidate.parts,
            explanations=as_markdown(sampled),
            mitigation=mitigation_report.section(candidate.trees, candidate.frontier),
        ),
    )


def _calibration_blocks(use_case: UseCase, candidate: Candidate, validate: TrainingSet) -> list[str]:
    """Return what the card says of a calibration that is declared; of the default it says nothing."""
    declared, chosen, metric_set = use_case.model.calibration, candidate.trees.chosen, metric_set_for(use_case)
    if chosen is None or declared == "shift":
        return []
    predicted, observed = metric_set.predicted_and_observed(validate.label, candidate.trees.predict(validate.matrix))
    bins = reliability(observed, predicted, validate.night, within=metric_set.bounds("calibration_seen"))
    return report.blocks(declared, chosen, bins)


def baseline_json(baseline: Fitted) -> bytes:
    """Return a baseline as plain numbers; ``read_baseline`` reads them back."""
    model = baseline.model
    assert isinstance(model, LinearModel | LinearClasses)  # noqa: S101 - the type of every baseline
    values = {"model": model.as_json(), "calibration": baseline.calibration.as_json()}
    return (json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_baseline(content: bytes, task: Task) -> Fitted:
    """Return the baseline of a training."""
    values: dict[str, Any] = json.loads(content)
    return Fitted(linear_from_json(values["model"]), Calibration.from_json(values["calibration"]), task)
