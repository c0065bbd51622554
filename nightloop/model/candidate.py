"""Make a candidate and its baseline from a training set: fit, calibrate, measure, write the bundle.

The candidate is boosted trees; the baseline a logistic regression on the same rows, which any candidate worth its cost beats.
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
from nightloop.evidence import fairness, metrics
from nightloop.evidence.profile import reference_profile
from nightloop.evidence.verdict import Figure
from nightloop.lake.commits import code_version
from nightloop.model import bundle, card, trainers
from nightloop.model.calibration import Calibration
from nightloop.model.linear import LinearModel
from nightloop.model.snapshot import Manifest
from nightloop.model.spec import Training
from nightloop.model.training_set import Slices, TrainingSet, divide

if TYPE_CHECKING:
    from xgboost import Booster

Floats = NDArray[np.float64]
CANDIDATE, BASELINE, BASE_RATE = "xgboost", "logistic_regression", "base_rate"


@dataclass(frozen=True)
class Fitted:
    """A model and what turns its margins into probabilities."""

    model: Booster | LinearModel
    calibration: Calibration

    def probability(self, features: Floats) -> Floats:
        """Return the probability (n,) of rows (n, k)."""
        return self.calibration.probability(trainers.margins(self.model, features))


@dataclass(frozen=True)
class Candidate:
    """What one training makes.

    Attributes:
        trees: what becomes the bundle.
        baseline: what it must beat.
        base_rate: share of positive rows of the fit slice, the simplest answer of all.
        slices: the nights used for what.
        figures: by model, measured on the validation nights.
        rows: by slice.
    """

    trees: Fitted
    baseline: Fitted
    base_rate: float
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
    seed = trainers.seed_of(use_case.use_case, manifest.as_of)
    trees = trainers.fit_trees(learn.matrix, learn.label, names=rows.features, parameters=use_case.model.xgboost, seed=seed)
    linear = trainers.fit_linear(learn.matrix, learn.label, parameters=use_case.model.logistic_regression, seed=seed)
    fitted = {CANDIDATE: _calibrated(trees, parts["calibrate"]), BASELINE: _calibrated(linear, parts["calibrate"])}
    rate = float(np.mean(learn.label))
    return Candidate(
        trees=fitted[CANDIDATE],
        baseline=fitted[BASELINE],
        base_rate=rate,
        slices=slices,
        figures=_measure(use_case, fitted, rate, parts["validate"]),
        rows={name: len(part.label) for name, part in parts.items()},
    )


def _calibrated(model: Booster | LinearModel, rows: TrainingSet) -> Fitted:
    return Fitted(model, trainers.fit_shift(trainers.margins(model, rows.matrix), rows.label, rows.night))


def _measure(use_case: UseCase, fitted: Mapping[str, Fitted], rate: float, held: TrainingSet) -> dict[str, tuple[Figure, ...]]:
    said = {name: item.probability(held.matrix) for name, item in fitted.items()}
    said[BASE_RATE] = np.full(len(held.label), rate)
    figures = {name: metrics.all_figures(held.label, probability, held.night) for name, probability in said.items()}
    decision = said[CANDIDATE] >= use_case.model.decision_threshold
    limits = use_case.gates.fairness
    compared = fairness.compare(limits.metric, held.label, decision, group=held.group, nights=held.night)
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
    assert isinstance(model, LinearModel)  # noqa: S101 - fit made it so
    values = {"model": model.as_json(), "calibration": made.baseline.calibration.as_json()}
    return (json.dumps(values, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def read_baseline(content: bytes) -> Fitted:
    """Return the baseline of a training."""
    values: dict[str, Any] = json.loads(content)
    return Fitted(LinearModel.from_json(values["model"]), Calibration.from_json(values["calibration"]))
