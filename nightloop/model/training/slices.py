"""Divide the rows of a training set by time: fitted on, calibrated on, validated on; newest last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from nightloop.definitions.use_case import UseCase
from nightloop.errors import TrainingRefused
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import Night, Nights


@dataclass(frozen=True)
class Slices:
    """The scored nights divided by time: fitted on, calibrated on, validated on; newest last."""

    fit: Nights
    calibrate: Nights
    validate: Nights

    @property
    def learned(self) -> Nights:
        """The nights that a model knows: fitted or calibrated on."""
        return Nights(self.fit.first, self.calibrate.last)


def divide(use_case: UseCase, rows: TrainingSet) -> Slices:
    """Divide the nights that hold rows by time, as the use case's ``split`` says.

    Raises:
        TrainingRefused: too few nights, a slice whose labels are constant, or a class that the fit slice lacks; the message
            counts them.
    """
    nights = _nights(use_case, rows, validate=use_case.model.split.validate_nights)
    validate = len(nights) - use_case.model.split.validate_nights
    fit, calibrate = _learned_from(use_case, rows, nights[:validate])
    slices = Slices(fit, calibrate, Nights(nights[validate], nights[-1]))
    _check_labels_vary(use_case, rows.of(slices.validate), slices.validate)
    return slices


def divide_to_learn(use_case: UseCase, rows: TrainingSet) -> tuple[Nights, Nights]:
    """Return the nights to fit and to calibrate a model on that is validated on nights after all of these.

    Raises:
        TrainingRefused: as ``divide`` does.
    """
    return _learned_from(use_case, rows, _nights(use_case, rows, validate=0))


def _nights(use_case: UseCase, rows: TrainingSet, *, validate: int) -> list[Night]:
    """Return the nights that hold rows, if they are enough."""
    split = use_case.model.split
    nights = [cast("Night", night) for night in np.unique(rows.night).tolist()]
    needed = split.minimum_fit_nights + split.calibrate_nights + validate
    if len(nights) < needed:
        to_validate = f", {validate} to validate" if validate else ""
        raise TrainingRefused(
            f"{len(nights)} nights hold labelled rows ({len(rows.label)} rows); {needed} are needed: "
            f"{split.minimum_fit_nights} to fit, {split.calibrate_nights} to calibrate{to_validate}.",
            where=use_case.use_case,
            do="Train as of a later night, or make the split smaller.",
        )
    return nights


def _learned_from(use_case: UseCase, rows: TrainingSet, nights: list[Night]) -> tuple[Nights, Nights]:
    """Return the nights fitted and calibrated on, if their labels teach anything."""
    first = len(nights) - use_case.model.split.calibrate_nights
    fit, calibrate = Nights(nights[0], nights[first - 1]), Nights(nights[first], nights[-1])
    learn = rows.of(fit).to_learn
    _check_labels_vary(use_case, learn, fit)
    _check_every_class(use_case, learn, fit)
    _check_labels_vary(use_case, rows.of(calibrate), calibrate)
    return fit, calibrate


def _check_labels_vary(use_case: UseCase, rows: TrainingSet, nights: Nights) -> None:
    constant = metric_set_for(use_case).constant_label(rows.label) if len(rows.label) else "absent"
    if constant:
        counted = f"{len(rows.label)} rows of {nights}"
        if use_case.model.task == "binary":
            what = f"of the {counted}, {int(rows.label.sum())} are positive"
        else:
            what = f"the labels of the {counted} are all {constant}"
        raise TrainingRefused(
            f"{what}: there is nothing to tell apart.",
            where=use_case.use_case,
            do="Look at the label's definition and at the outcomes of these nights.",
        )


def _check_every_class(use_case: UseCase, rows: TrainingSet, nights: Nights) -> None:
    missing = [name for place, name in enumerate(rows.classes) if not (rows.label == place).any()]
    if missing:
        raise TrainingRefused(
            f"none of the {len(rows.label)} rows of {nights} to learn from is {' or '.join(missing)}.",
            where=use_case.use_case,
            do="Train as of a later night, or leave the class out of model.classes and of the label's expression.",
        )
