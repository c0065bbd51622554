"""Judge a set of features by a small model: fitted on earlier nights, measured on later ones.

Between the two lie the nights whose outcomes would not have been known, and nothing is looked at of the nights a training of
the draft is going to be validated on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.metric_sets import metric_set_of
from nightloop.model.calibration import softmax
from nightloop.model.models import import_xgboost
from nightloop.model.training.estimators.boosted_trees import XGBoostTrainer, as_trees, fit_trees
from nightloop.model.training.estimators.fit_rows import FitRows
from nightloop.model.training.trainers import Parameters, fitting_of

if TYPE_CHECKING:
    from nightloop.definitions.model import Model
    from nightloop.evidence.metric_set import MetricSet
    from nightloop.model.models import Trees

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

FOLDS, LONGEST, SHARE = 3, 14, 6
"""Folds, the nights of one at most, and the part of all nights that it is."""
FEWEST_NIGHTS, FEWEST_ROWS, FEWEST_EVENTS = 6, 100, 20
"""Below them a difference on later nights says nothing; events are rows of the rarest class."""
SMALL: Parameters = {
    "n_estimators": 40,
    "max_bin": 64,
    "learning_rate": 0.18,
    "max_depth": 4,
    "min_child_weight": 5,
    "subsample": 0.8,
    "colsample_bytree": 0.8,
}
SEED = 20


@dataclass(frozen=True)
class Fold:
    """Places of the rows to fit on, and of later ones to measure on."""

    fit: Places
    later: Places


@dataclass(frozen=True)
class Trial:
    """Scores on the later rows of a fold: of all, and of the earlier and the newer half of them."""

    score: float
    earlier: float
    newer: float

    def beats(self, other: Trial, least: float) -> bool:
        """Whether it is better by more than ``least``, and better in both halves: a gain in one of them only is chance."""
        return self.score - other.score > least and self.earlier > other.earlier and self.newer > other.newer


@dataclass(frozen=True)
class Judge:
    """Measures sets of features on later nights.

    Attributes:
        model: the draft's, for its task.
        label: (n,) of the rows.
        night: (n,) of the rows, in order.
        folds: earlier and later rows.
    """

    model: Model
    label: NDArray[Any]
    night: NDArray[np.datetime64]
    folds: tuple[Fold, ...]

    @cached_property
    def trainer(self) -> XGBoostTrainer:
        """Fits the trees, each on one thread: folds are fitted side by side."""
        return XGBoostTrainer(fitting_of(self.model).objective, threads=1)

    @cached_property
    def metric_set(self) -> MetricSet:
        """The metrics of the task."""
        return metric_set_of(self.model.task, self.model.classes)

    @cached_property
    def nothing(self) -> float:
        """The score of no feature at all: one answer for every row."""
        return float(np.mean([self._score(fold, self._constant(fold)) for fold in self.folds]))

    def before_newest(self) -> Judge:
        """Return the judge of all folds but the newest, where there are several: what it chooses is asked about on that one."""
        return replace(self, folds=self.folds[:-1] or self.folds)

    def of_newest(self, rows: int) -> Judge:
        """Return the judge that fits on so many rows at most, the newest before each fold."""
        return replace(self, folds=tuple(Fold(fold.fit[-rows:], fold.later) for fold in self.folds))

    @cached_property
    def outcome(self) -> Floats:
        """The outcome as a number (n,); of several classes, whether it is the most frequent."""
        if self.model.classes:
            return np.asarray(self.label == np.bincount(self.label).argmax(), dtype=np.float64)
        return self.label.astype(np.float64)

    def score(self, values: Floats, levels: Mapping[int, int]) -> float:
        """Return how well these features (n, k) predict the later rows, mean of the folds; more is better.

        Args:
            values: of all rows.
            levels: of the categorical features, by column.
        """
        return float(np.mean(self._of_folds(partial(self._score_of, values=values, levels=levels))))

    def _score_of(self, fold: Fold, values: Floats, levels: Mapping[int, int]) -> float:
        return self._score(fold, _predictions(self._fitted(fold, values, levels), values[fold.later]))

    def _fitted(self, fold: Fold, values: Floats, levels: Mapping[int, int]) -> Trees:
        return self.trainer.fit(self.rows(fold.fit, values, levels), SMALL, SEED)

    def _of_folds(self, measure: Callable[[Fold], Any]) -> list[Any]:
        with ThreadPoolExecutor(len(self.folds)) as threads:
            return list(threads.map(measure, self.folds))

    def rows(self, places: Places, values: Floats, levels: Mapping[int, int]) -> FitRows:
        """Return rows as a trainer takes them."""
        names = tuple(f"f{place}" for place in range(values.shape[1]))
        return FitRows(values[places], self.label[places], self.night[places], names, levels)

    def losses_without(self, values: Floats, levels: Mapping[int, int]) -> Floats:
        """Return by how much the score on later rows falls where what a feature adds to their margins is taken out, (k,).

        What it adds is its exact contribution to a row (Lundberg et al. 2020, path-dependent TreeSHAP), worked out once for all
        features; shuffling each (Breiman 2001) ranks them alike and asks the model once a feature.
        """
        return np.asarray(np.mean(self._of_folds(partial(self._losses_of, values=values, levels=levels)), axis=0))

    def _losses_of(self, fold: Fold, values: Floats, levels: Mapping[int, int]) -> Floats:
        model = self._fitted(fold, values, levels)
        later = values[fold.later]
        margin, effects = model.margins(later), model.contributions(later)  # the tables of explain would serve for one model
        whole = self._score(fold, _probabilities(margin))
        without = (self._score(fold, _probabilities(margin - effects[..., column])) for column in range(values.shape[1]))
        return whole - np.fromiter(without, dtype=np.float64, count=values.shape[1])

    def trial(self, values: Floats, levels: Mapping[int, int], parameters: Parameters, rounds: int) -> Trial:
        """Return how trees by these parameters do on later rows, as many trees as these gain by."""
        fold, objective = self.folds[-1], fitting_of(self.model).objective
        fit, later = self.rows(fold.fit, values, levels), self.rows(fold.later, values, levels)
        booster = fit_trees(
            fit.features, fit.label, names=fit.names, parameters=parameters, seed=SEED, objective=objective, levels=levels,
            until=(later, rounds), threads=1,
        )  # fmt: skip
        model = as_trees(booster[: booster.best_iteration + 1], fit, import_xgboost(light=False))
        predictions, half = _predictions(model, later.features), len(fold.later) // 2
        halves = [slice(0, half), slice(half, None)]
        earlier, newer = (self._score(Fold(fold.fit, fold.later[rows]), predictions[rows]) for rows in halves)
        return Trial(self._score(fold, predictions), earlier, newer)

    def _constant(self, fold: Fold) -> Floats:
        label, count = self.label[fold.fit], len(fold.later)
        if self.model.classes:
            return np.tile(np.bincount(label, minlength=len(self.model.classes)) / len(label), (count, 1))
        return np.full(count, float(np.mean(label)))

    def _score(self, fold: Fold, predictions: Floats) -> float:
        value = self.metric_set.estimate(self.label[fold.later], predictions).value
        return value if self.metric_set.higher_is_better else -value


def _predictions(model: Trees, values: Floats) -> Floats:
    return _probabilities(model.margins(values))


def _probabilities(margin: Floats) -> Floats:
    return softmax(margin) if margin.ndim == 2 else margin  # noqa: PLR2004 - several classes


def judge_of(model: Model, label: NDArray[Any], night: NDArray[np.datetime64], *, gap: int, held_back: int) -> Judge | None:
    """Return who judges on these rows, None where they are too few to tell features apart.

    Args:
        model: the draft's.
        label, night: (n,) of the rows, in order of the night.
        gap: nights after which an outcome is known.
        held_back: of the newest nights, how many are not to be looked at.
    """
    nights = np.unique(night)
    nights = nights[: max(len(nights) - held_back, 0)]
    if len(nights) < FEWEST_NIGHTS:
        return None
    length = max(min(LONGEST, len(nights) // SHARE), 1)
    folds = []
    for back in range(FOLDS, 0, -1):
        begin, end = nights[-back * length], nights[len(nights) - (back - 1) * length - 1]
        fit = np.flatnonzero(night < begin - np.timedelta64(gap, "D"))
        later = np.flatnonzero((night >= begin) & (night <= end))
        if _tells(model, label[fit]) and _tells(model, label[later]):
            folds.append(Fold(fit, later))
    return Judge(model, label, night, tuple(folds)) if folds else None


def _tells(model: Model, label: Sequence[Any] | NDArray[Any]) -> bool:
    """Whether so many outcomes, and so different ones, can tell features apart."""
    if len(label) < FEWEST_ROWS:
        return False
    if model.task == "regression":
        return bool(np.ptp(label) > 0)
    counts = np.bincount(np.asarray(label, dtype=np.int64), minlength=max(len(model.classes), 2))
    return bool(counts.min() >= FEWEST_EVENTS)
