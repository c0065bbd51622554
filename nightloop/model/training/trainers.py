"""Fit what a candidate is made of: the estimator of the use case, and what its task takes for a baseline and for a calibration.

One interface: a trainer fits rows by parameters and a seed, and returns a model that answers with margins and explains them.
The same rows, parameters and seed give the same bytes.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.features import CategoryFeature
from nightloop.model.models import FittedModel, LinearClasses, LinearModel
from nightloop.model.training.estimators.boosted_trees import OF_BINARY, EarlyStopping, XGBoostTrainer
from nightloop.model.training.estimators.fit_rows import FitRows
from nightloop.model.training.estimators.hist_gradient_boosting import HistGradientBoostingTrainer
from nightloop.model.training.estimators.linear import LinearTrainer, fit_logistic, fit_multinomial, fit_ridge
from nightloop.model.training.estimators.search import Searched, search
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.definitions.model import Model
    from nightloop.definitions.use_case import UseCase
    from nightloop.model.training.training_set import TrainingSet

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | int | str]


class Trainer(Protocol):
    """An estimator."""

    @property
    def name(self) -> str:
        """What a definition calls it."""

    def fit(self, rows: FitRows, parameters: Parameters, seed: int) -> FittedModel:
        """Fit the rows.

        Raises:
            DefinitionError: a parameter is unknown, senseless, or refused by the library.
            TrainingRefused: too few nights to hold out.
        """


@dataclass(frozen=True)
class Fitting:
    """What a task's models are fitted by.

    Attributes:
        objective: of the trees.
        linear: (features, label, parameters=, seed=) -> the baseline.
    """

    objective: Parameters
    linear: Callable[..., LinearModel | LinearClasses]


def fitting_of(model: Model) -> Fitting:
    """Return what the declared task's models are fitted by. A number's trees fit its mean: see docs/decisions/0055."""
    if model.task == "regression":
        return Fitting({"objective": "reg:squarederror"}, fit_ridge)
    if model.task == "multiclass":
        count = len(model.classes)
        objective: Parameters = {"objective": "multi:softprob", "num_class": count}
        return Fitting(objective, partial(fit_multinomial, classes=count))
    return Fitting(OF_BINARY, fit_logistic)


def trainer_of(use_case: UseCase) -> tuple[Trainer, Parameters]:
    """Return what fits the candidate, and the declared parameters."""
    model = use_case.model
    objective = fitting_of(model).objective
    if model.estimator is None:
        stopping = model.early_stopping
        until = EarlyStopping(stopping.nights, stopping.rounds, use_case.label.matures_after) if stopping else None
        return XGBoostTrainer(objective, until), model.xgboost
    if model.estimator.kind == "hist_gradient_boosting":
        return HistGradientBoostingTrainer(objective), model.estimator.parameters
    return LinearTrainer(model.estimator.kind, len(model.classes)), model.estimator.parameters


def baseline_trainer_of(use_case: UseCase) -> tuple[Trainer, Parameters]:
    """Return what fits the linear baseline, and its parameters."""
    name, parameters = use_case.model.baseline
    return LinearTrainer(name, len(use_case.model.classes)), parameters


def fit_rows(use_case: UseCase, rows: TrainingSet) -> FitRows:
    """Return the rows as every trainer takes them."""
    weights, features = use_case.model.weights, list(use_case.features.values())
    levels = {place: len(item.levels) for place, item in enumerate(features) if isinstance(item, CategoryFeature)}
    half_life = weights.half_life_nights if weights else None
    return FitRows(rows.matrix, rows.label, rows.night, rows.features, levels, half_life)


def search_for(use_case: UseCase, as_of: Night, rows: TrainingSet, journal: Path | None) -> Searched | None:
    """Search for the parameters of a use case's candidate on its rows to fit on; None where it asks for no search."""
    if use_case.model.search is None:
        return None
    trainer, parameters = trainer_of(use_case)
    return search(
        fit_rows(use_case, rows),
        trainer=trainer,
        parameters=parameters,
        space=use_case.model.search,
        gap=use_case.label.matures_after,
        seed=seed_of(use_case.use_case, as_of),
        journal=journal,
    )


def try_linear(model: Model, parameters: Parameters) -> None:
    """Fit the linear model of the task on a few made-up rows: whether its parameters go together, only a fit shows.

    Raises:
        DefinitionError: scikit-learn refuses them.
    """
    rows, kinds = 60, max(len(model.classes), 2)
    place = np.arange(rows * kinds)
    label = place % kinds
    features = np.column_stack([label + np.sin(place), np.cos(place)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few rows need not converge
        fitting_of(model).linear(features, label == 1 if model.task == "binary" else label, parameters=parameters, seed=1)


def seed_of(use_case: str, as_of: Night) -> int:
    """Return the seed of a training, in 0 to 2**31 - 1."""
    return int.from_bytes(hashlib.sha256(f"{use_case}/{as_of}".encode()).digest()[:4], "big") >> 1
