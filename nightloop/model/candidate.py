"""Make a candidate and its baseline from a training set: fit, calibrate, measure, write the bundle.

The candidate is boosted trees; the baseline a linear model on the same rows, which any candidate worth its cost beats.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions import definition_digest
from nightloop.definitions.use_case import UseCase
from nightloop.evidence.reference_profile import reference_profile
from nightloop.evidence.verdict import Figure
from nightloop.lake.commits import code_version
from nightloop.model import bundle, card, trainers
from nightloop.model.calibration import Calibration
from nightloop.model.linear import LinearClasses, LinearModel, linear_from_json
from nightloop.model.spec import Training
from nightloop.model.tasks import Task
from nightloop.model.training_set import Slices, TrainingSet, divide
from nightloop.model.training_snapshot import Manifest
from nightloop.model.use_case_task import answers_of, metric_set_for

if TYPE_CHECKING:
    from xgboost import Booster

Floats = NDArray[np.float64]
CANDIDATE, BASE_RATE = "xgboost", "base_rate"


@dataclass(frozen=True)
class Fitted:
    """A model and what turns its margins into answers."""

    model: Booster | LinearModel | LinearClasses
    calibration: Calibration
    task: Task

    def say(self, features: Floats) -> Floats:
        """Return what is said, (n,) or (n, c), of rows (n, k)."""
        return self.task.say(self.calibration, trainers.margins(self.model, features))


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
    """

    trees: Fitted
    baseline: Fitted
    base_rate: float | tuple[float, ...]
    slices: Slices
    figures: Mapping[str, tuple[Figure, ...]]
    rows: Mapping[str, int]

    @property
    def metrics(self) -> dict[str, float]:
        """The figures as flat names, for the tracking server."""
        named = {
            f"{model}.{figure.metric}" if figure.group == "all" else f"{model}.{figure.metric}.{figure.group}": figure.value
            for model, figures in self.figures.items()
            for figure in figures
        }
        return {name: value for name, value in named.items() if np.isfinite(value)}


def fit(use_case: UseCase, manifest: Manifest, rows: TrainingSet) -> Candidate:
    """Fit candidate and baseline on the oldest nights, calibrate on the next, measure on the newest."""
    slices = divide(use_case, rows)
    parts = {name: rows.of(getattr(slices, name)) for name in ("fit", "calibrate", "validate")}
    parts["fit"] = learn = parts["fit"].to_learn
    seed, held = trainers.seed_of(use_case.use_case, manifest.as_of), parts["calibrate"]
    rate = _base_rate(learn)
    fitting, task = trainers.fitting_of(use_case.model), answers_of(use_case)
    name, parameters = use_case.model.baseline
    trees = trainers.fit_trees(
        learn.matrix,
        learn.label,
        names=rows.features,
        parameters=use_case.model.xgboost,
        seed=seed,
        objective=fitting.objective,
    )
    linear = fitting.linear(learn.matrix, learn.label, parameters=parameters, seed=seed)
    fitted = {
        kind: Fitted(model, fitting.calibrate(trainers.margins(model, held.matrix), held.label, held.night), task)
        for kind, model in ((CANDIDATE, trees), (name, linear))
    }
    return Candidate(
        trees=fitted[CANDIDATE],
        baseline=fitted[name],
        base_rate=rate,
        slices=slices,
        figures=_measure(use_case, fitted, rate, parts["validate"]),
        rows={name: len(part.label) for name, part in parts.items()},
    )


def _base_rate(rows: TrainingSet) -> float | tuple[float, ...]:
    if rows.classes:
        return tuple(float(share) for share in np.bincount(rows.label, minlength=len(rows.classes)) / len(rows.label))
    return float(np.mean(rows.label))


def _measure(
    use_case: UseCase, fitted: Mapping[str, Fitted], rate: float | tuple[float, ...], held: TrainingSet
) -> dict[str, tuple[Figure, ...]]:
    task, metric_set, limits = answers_of(use_case), metric_set_for(use_case), use_case.gates.fairness
    said = {name: item.say(held.matrix) for name, item in fitted.items()}
    own = said[CANDIDATE]
    said[BASE_RATE] = np.broadcast_to(np.asarray(rate), own.shape)
    figures = {name: metric_set.all_figures(held.label, answer, held.night) for name, answer in said.items()}
    compared = metric_set.compare(limits.metric, held.label, own, task.decide(own), group=held.group, nights=held.night)
    figures[CANDIDATE] += (compared.difference, *compared.groups)
    return figures


def write_bundle(
    folder: Path, use_case: UseCase, manifest: Manifest, rows: TrainingSet, *, made: Candidate, definition: str
) -> Path:
    """Write the candidate as a bundle, with its card and the profile of the nights it was fitted on."""
    training = Training(
        as_of=manifest.as_of,
        fit=made.slices.fit,
        calibrate=made.slices.calibrate,
        validate=made.slices.validate,
        definition_digest=definition_digest(use_case),
        code_version=code_version(),
        data_versions={**manifest.table_versions, "dvc": manifest.dvc_md5},
        training_key=manifest.training_key,
    )
    learn = rows.of(made.slices.fit)
    measured = {name: [figure for figure in figures if np.isfinite(figure.value)] for name, figures in made.figures.items()}
    return bundle.write(
        folder,
        use_case=use_case,
        model=made.trees.model,
        calibration=made.trees.calibration,
        training=training,
        definition=definition,
        reference=reference_profile(list(rows.features), learn.matrix, learn.night),
        card=card.render(use_case, training, candidates=measured, chosen=CANDIDATE, rows=made.rows),
    )


def baseline_json(made: Candidate) -> bytes:
    """Return the baseline as plain numbers; ``read_baseline`` reads them back."""
    model = made.baseline.model
    assert isinstance(model, LinearModel | LinearClasses)  # noqa: S101 - fit made it so
    values = {"model": model.as_json(), "calibration": made.baseline.calibration.as_json()}
    return (json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_baseline(content: bytes, task: Task) -> Fitted:
    """Return the baseline of a training."""
    values: dict[str, Any] = json.loads(content)
    return Fitted(linear_from_json(values["model"]), Calibration.from_json(values["calibration"]), task)
