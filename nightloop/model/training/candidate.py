"""Make a candidate and its baseline from a training set: fit, calibrate, measure, write the bundle.

The candidate is what the use case's estimator fits, boosted trees where it says nothing else; the baseline a linear model on
the same rows, which any candidate worth its cost beats. Beside them stand what needs no model (the base rate, the rate last
known) and a scorecard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.errors import TrainingRefused
from nightloop.evidence.coverage import realised_coverage
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.fairness.mitigation import Option
from nightloop.evidence.gates.gates import assessed
from nightloop.evidence.nights.reference import answer_columns, night_columns
from nightloop.evidence.reference_profile import reference_profile
from nightloop.evidence.verdict import Figure
from nightloop.lake.commits import code_version
from nightloop.model import bundle
from nightloop.model.conformal import Conformal, covered
from nightloop.model.models import FittedModel, Trees, import_xgboost
from nightloop.model.spec import Training
from nightloop.model.training import card, trainers
from nightloop.model.training.baselines import base_rate_of, other_baselines
from nightloop.model.training.calibrating import report
from nightloop.model.training.environment import made_with
from nightloop.model.training.estimators import boosted_trees
from nightloop.model.training.estimators.search import Parameters, Searched
from nightloop.model.training.explanations import Explained, as_markdown, explained
from nightloop.model.training.fitted import Fitted, calibrated_on
from nightloop.model.training.mitigating import report as mitigation_report
from nightloop.model.training.mitigation import decisions, declared, measure, mitigate
from nightloop.model.training.parts import figures_of_parts
from nightloop.model.training.slices import Slices, divide
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.training.training_snapshot import Manifest
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Night, Nights

if TYPE_CHECKING:
    from xgboost import Booster

Floats = NDArray[np.float64]
NOTHING: Parameters = MappingProxyType({})


@dataclass(frozen=True)
class Candidate:
    """What one training makes.

    Attributes:
        name: of the candidate, among the figures.
        fitted: what becomes the bundle.
        baseline: what it must beat.
        base_rate: share of positive rows of the fit slice, mean of the labels, or share of each class: the simplest answer.
        slices: the nights used for what.
        figures: by model, measured on the validation nights.
        rows: by slice.
        validation, predictions: the rows that the figures were measured on, and what each model predicts for them.
        parts: figures of the trees on parts of the validation rows: weeks, and groups.
        frontier: what the validation nights show of each method of mitigation; the choice was made on others.
        parameters, searched: it was fitted by, and the trials for them; None where none were asked for.
    """

    name: str
    fitted: Fitted
    baseline: Fitted
    base_rate: float | tuple[float, ...]
    slices: Slices
    figures: Mapping[str, tuple[Figure, ...]]
    rows: Mapping[str, int]
    validation: TrainingSet
    predictions: Mapping[str, Floats]
    parameters: Parameters
    searched: Searched | None
    parts: tuple[Figure, ...] = ()
    frontier: tuple[Option, ...] = ()

    @cached_property
    def explained(self) -> Explained:
        """What moves its answers on a sample of the validation rows: for the card and for the drawings."""
        fitted, rows = self.fitted, self.validation
        return explained(fitted.model, fitted.calibration, fitted.task, features=rows.features, values=rows.matrix)

    @property
    def metrics(self) -> dict[str, float]:
        """The figures as flat names, for the tracking server."""
        calibration = self.fitted.chosen.figures if self.fitted.chosen else ()
        named = {f"calibration.{figure.group}.{figure.metric}": figure.value for figure in calibration}
        named |= {
            f"{model}.{figure.metric}" if figure.group == "all" else f"{model}.{figure.metric}.{figure.group}": figure.value
            for model, figures in self.figures.items()
            for figure in figures
        }
        named |= {f"{option.name}.{of.metric}": of.value for option in self.frontier for of in (option.metric, option.gap)}
        return {name: value for name, value in named.items() if np.isfinite(value)}


def fit(use_case: UseCase, as_of: Night, rows: TrainingSet, *, journal: Path | None = None) -> Candidate:
    """Fit candidate and baseline on the oldest nights, calibrate on the next, measure on the newest.

    ``journal`` is the file of the finished trials of a search: see ``trainers.search_for``.
    """
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
    searched = trainers.search_for(use_case, as_of, learn, journal)
    best, name = searched.best.parameters if searched else NOTHING, candidate_name(use_case)
    fitted = fit_recipe(use_case, as_of, learn, parts["calibrate"], best)
    base_rate, mitigated = base_rate_of(learn), fitted[name].mitigated
    predictions = {model: of.predict(parts["validate"].matrix) for model, of in fitted.items()}
    decision = decisions(use_case, fitted[name], predictions[name], parts["validate"])
    predictions |= other_baselines(use_case, as_of, rows, parts, base_rate)
    return Candidate(
        name=candidate_name(use_case),
        fitted=fitted[candidate_name(use_case)],
        baseline=fitted[use_case.model.baseline[0]],
        base_rate=base_rate,
        slices=slices,
        figures=_measure(use_case, predictions, parts["validate"], decision, fitted[name].promise),
        rows={name: len(part.label) for name, part in parts.items()},
        validation=parts["validate"],
        predictions=predictions,
        parameters={**use_case.model.candidate[1], **best},
        searched=searched,
        parts=figures_of_parts(use_case, parts["validate"], predictions[name]),
        frontier=measure(use_case, mitigated.models, parts["validate"]) if mitigated else (),
    )


def fit_recipe(
    use_case: UseCase, as_of: Night, learn: TrainingSet, calibrate: TrainingSet, searched: Parameters = NOTHING
) -> dict[str, Fitted]:
    """Return candidate and baseline by name: fitted on the rows to learn from, calibrated on others, which are later.

    ``searched`` are parameters of the candidate over the declared ones.
    """
    models = _fit_models(use_case, as_of, learn, searched)
    fitted = {name: calibrated_on(use_case, model, calibrate) for name, model in models.items()}
    if declared(use_case):
        calibrated, name = partial(_calibrated_trees, use_case, rows=calibrate), candidate_name(use_case)
        fitted[name] = mitigate(use_case, as_of, learn, calibrate, unmitigated=fitted[name], calibrated=calibrated)
    return fitted


def candidate_name(use_case: UseCase) -> str:
    """Return the candidate's name among the figures: its estimator's, which is not the baseline's."""
    kind = use_case.model.candidate[0]
    return "candidate" if kind == use_case.model.baseline[0] else kind


def _fit_models(use_case: UseCase, as_of: Night, learn: TrainingSet, searched: Parameters) -> dict[str, FittedModel]:
    """Fit candidate and baseline on the same rows, by the same seed."""
    rows, seed = trainers.fit_rows(use_case, learn), trainers.seed_of(use_case.use_case, as_of)
    candidate, parameters = trainers.trainer_of(use_case)
    baseline, of_baseline = trainers.baseline_trainer_of(use_case)
    return {
        candidate_name(use_case): candidate.fit(rows, {**parameters, **searched}, seed),
        baseline.name: baseline.fit(rows, of_baseline, seed),
    }


def _calibrated_trees(use_case: UseCase, booster: Booster, rows: TrainingSet) -> Fitted:
    """Calibrate trees that a method of mitigation fitted."""
    return calibrated_on(use_case, Trees(booster, import_xgboost(light=False), boosted_trees.THREADS), rows)


def _measure(
    use_case: UseCase,
    predictions: Mapping[str, Floats],
    rows: TrainingSet,
    decision: NDArray[np.bool_] | None,
    promise: Conformal | None,
) -> dict[str, tuple[Figure, ...]]:
    metric_set, name = metric_set_for(use_case), candidate_name(use_case)
    figures = {name: metric_set.all_figures(rows.label, prediction, rows.night) for name, prediction in predictions.items()}
    if promise:
        within = covered(promise.columns(predictions[name]), rows.label, rows.classes)
        figures[name] += (realised_coverage(within, rows.night),)
    figures[name] += _by_group(use_case, rows, predictions[name], decision)
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
    learn, fitted, predicted = rows.of(candidate.slices.fit), candidate.fitted, candidate.predictions[candidate.name]
    later = rows.of(Nights(candidate.slices.calibrate.first, candidate.slices.validate.last))
    answers = list(fitted.task.prediction_columns), fitted.predict(later.matrix), later.night
    names = list(rows.features)
    finite = {name: [figure for figure in figures if np.isfinite(figure.value)] for name, figures in candidate.figures.items()}
    return bundle.write(
        folder,
        use_case=use_case,
        **fitted.bundle_parts,
        training=training,
        definition=definition,
        probed=learn.matrix,
        reference=reference_profile(names, learn.matrix, learn.night)
        | night_columns(names, learn.matrix, learn.night)
        | answer_columns(*answers, rows.label, rows.night),
        card=card.render(
            use_case,
            training,
            candidates=finite,
            chosen=candidate.name,
            rows=candidate.rows,
            search=candidate.searched.as_markdown() if candidate.searched else "",
            calibration=report.blocks(use_case, fitted.chosen, fitted.promise, candidate.validation, predicted),
            slices=candidate.parts,
            explanations=as_markdown(candidate.explained),
            mitigation=mitigation_report.section(candidate.fitted, candidate.frontier),
        ),
    )
