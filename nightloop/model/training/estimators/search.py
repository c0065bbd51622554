"""Search for parameters of the candidate: so many trials, each measured on later nights of the fit slice.

Optuna's TPE (Bergstra et al. 2011) proposes. Each trial has a seed of its own and sees the finished ones only, each of which
is a line of a journal: a search that was killed goes on where it stopped and ends as if it had not been.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from nightloop.atomic_file import write_atomically
from nightloop.definitions.parameters import PARAMETERS
from nightloop.model.calibration import sigmoid, softmax
from nightloop.model.models import FittedModel
from nightloop.model.training.estimators.fit_rows import FitRows

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from nightloop.definitions.estimators import Search

Floats = NDArray[np.float64]
Value = float | int | str
Parameters = Mapping[str, Value]
SHOWN = 10  # trials on a card
LEAST = 1e-15  # a probability below it costs no more than it


class Fits(Protocol):
    """What a search needs of a trainer: see ``trainers.Trainer``."""

    @property
    def name(self) -> str:
        """What a definition calls it."""

    def fit(self, rows: FitRows, parameters: Parameters, seed: int) -> FittedModel:
        """Fit the rows."""


@dataclass(frozen=True)
class Trial:
    """One set of parameters, and what it came to.

    Attributes:
        parameters: of the space.
        loss: mean over the rows of all folds: log loss, or the squared error of a number.
        seconds: it took.
    """

    parameters: dict[str, Value]
    loss: float
    seconds: float


@dataclass(frozen=True)
class Searched:
    """What a search came to.

    Attributes:
        trials: in order.
        asked: how many the definition asks for.
        minutes: the limit that ended it before; None where all trials were made.
        declared_loss: of the parameters as declared, without those of the space.
    """

    trials: tuple[Trial, ...]
    asked: int
    minutes: float | None
    declared_loss: float

    @property
    def best(self) -> Trial:
        """The trial of the smallest loss, the earlier of equal ones."""
        return min(self.trials, key=lambda trial: trial.loss)

    @property
    def params(self) -> dict[str, object]:
        """What the tracking server shows beside the chosen parameters."""
        return {"search.trials": len(self.trials), "search.result": self.in_words}

    def as_markdown(self) -> str:
        """Return what was tried, the best first, for a card."""
        trials = sorted(enumerate(self.trials, start=1), key=lambda item: item[1].loss)[:SHOWN]
        lines = [f"| {number} | {_in_words(trial.parameters)} | {trial.loss:.5f} |" for number, trial in trials]
        return "\n".join([self.in_words, "", "| trial | parameters | loss |", "| --- | --- | --- |", *lines])

    @property
    def in_words(self) -> str:
        """What was done, as a sentence; without seconds, which differ from run to run."""
        number = self.trials.index(self.best) + 1
        ended = f" Stopped by the limit of {self.minutes:g} minutes: run again, it may end elsewhere." if self.minutes else ""
        return (
            f"{len(self.trials)} of {self.asked} trials; trial {number} is best, with a loss of {self.best.loss:.5f} on later "
            f"nights ({self.declared_loss:.5f} without a search).{ended}"
        )


def _in_words(parameters: Parameters) -> str:
    values = {name: value if isinstance(value, str) else format(value, ".4g") for name, value in parameters.items()}
    return ", ".join(f"{name} {value}" for name, value in values.items())


def search(
    rows: FitRows,
    *,
    trainer: Fits,
    parameters: Parameters,
    space: Search,
    gap: int,
    seed: int,
    journal: Path | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Searched:
    """Try sets of parameters and return all that were tried.

    Args:
        rows: of the fit slice.
        trainer: fits each trial on each fold.
        parameters: what is given beside the space.
        space: what to search, and how long.
        gap: nights before each fold that are left out, for their labels would not have been known.
        seed: of the search; trial i has seed + i, and every fit this one.
        journal: file of the finished trials; None: nothing is stored.
        clock: seconds, for the limit of minutes: those of the journal's trials count.

    Raises:
        TrainingRefused: too few nights for the folds.
        DefinitionError: the library refuses a set of parameters.
    """
    folds = [rows.hold_out(space.nights, gap, fold * space.nights) for fold in reversed(range(space.folds))]

    def loss_of(chosen: Parameters) -> float:
        losses = [_losses(trainer.fit(fit_on, {**parameters, **chosen}, seed), held_out) for fit_on, held_out in folds]
        return float(np.mean(np.concatenate(losses)))

    trials, declared = _finished(journal), loss_of({})
    while len(trials) < space.trials and not _is_over(trials, space):
        begun = clock()
        chosen = _proposed(trials, space, trainer.name, seed + len(trials))
        trials.append(Trial(chosen, loss_of(chosen), round(clock() - begun, 3)))
        _write(journal, trials)
    minutes = space.minutes if len(trials) < space.trials else None
    return Searched(tuple(trials), space.trials, minutes, declared)


def _losses(model: FittedModel, rows: FitRows) -> Floats:
    """Return the loss of each row (n,): a proper score of what the model answers, before it is calibrated."""
    margin = model.margins(rows.features)
    if margin.ndim == 2:  # noqa: PLR2004 - several classes
        of_label = softmax(margin)[np.arange(len(margin)), rows.label]
        return np.asarray(-np.log(np.maximum(of_label, LEAST)))
    if rows.label.dtype == np.float64:
        return np.asarray((margin - rows.label) ** 2)
    return np.asarray(-np.log(np.maximum(sigmoid(np.where(rows.label, margin, -margin)), LEAST)))


def _is_over(trials: Sequence[Trial], space: Search) -> bool:
    spent = math.fsum(trial.seconds for trial in trials)
    return bool(trials) and space.minutes is not None and spent >= 60 * space.minutes


def _proposed(trials: Sequence[Trial], space: Search, estimator: str, seed: int) -> dict[str, Value]:
    """Return the next set of parameters: a function of the finished trials and the seed, and of nothing else."""
    import optuna

    logging.getLogger("optuna").setLevel(logging.WARNING)
    distributions = {name: _distribution(name, choices, estimator) for name, choices in space.space.items()}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    for trial in trials:
        study.add_trial(optuna.trial.create_trial(params=trial.parameters, distributions=distributions, value=trial.loss))
    return dict(study.ask(distributions).params)


def _distribution(name: str, choices: Sequence[Value], estimator: str) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    kind = PARAMETERS[estimator][name].kind
    if kind == "text":
        return CategoricalDistribution(list(choices))
    low, high, *scale = choices
    if kind == "whole":
        return IntDistribution(int(low), int(high), log=bool(scale))
    return FloatDistribution(float(low), float(high), log=bool(scale))


def _finished(journal: Path | None) -> list[Trial]:
    return list(_read(journal)) if journal is not None and journal.exists() else []


def _read(journal: Path) -> Iterator[Trial]:
    for line in journal.read_text(encoding="utf-8").splitlines():
        yield Trial(**json.loads(line))


def _write(journal: Path | None, trials: Sequence[Trial]) -> None:
    """Write all of it in one move: a kill leaves the trials before, or these."""
    if journal is not None:
        journal.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(journal, "".join(json.dumps(asdict(trial)) + "\n" for trial in trials).encode())
