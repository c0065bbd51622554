"""The rows that an estimator is fitted on, with the weight of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.errors import TrainingRefused

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class FitRows:
    """n rows of k features, ordered by night.

    Attributes:
        features: (n, k), NaN where missing.
        label: (n,) bool, number, or the place of the class.
        night: (n,) the scored night of each row, in days.
        names: of the features.
        levels: how many levels each categorical feature has, by its column; its values are codes 0, 1, …
        half_life_nights: nights after which a row counts half as much as one of the newest night; None: all count alike.
    """

    features: Floats
    label: NDArray[Any]
    night: NDArray[np.datetime64]
    names: tuple[str, ...]
    levels: Mapping[int, int] = field(default_factory=dict)
    half_life_nights: float | None = None

    @cached_property
    def weight(self) -> Floats | None:
        """The weight of each row (n,), 1 on average, so that regularisation means what it means without weights."""
        if self.half_life_nights is None:
            return None
        age = (self.night.max() - self.night).astype(np.float64)
        weight = 0.5 ** (age / self.half_life_nights)
        return np.asarray(weight / weight.mean())

    def where(self, rows: Bools) -> FitRows:
        """Return the rows (n,) of which this is true."""
        return replace(self, features=self.features[rows], label=self.label[rows], night=self.night[rows])

    def hold_out(self, nights: int, gap: int, newest_left_out: int = 0) -> tuple[FitRows, FitRows]:
        """Return the rows to fit on and the newest nights to measure on, the ``gap`` nights between them in neither.

        Args:
            nights: how many to measure on.
            gap: nights whose labels would not have been known when the measured ones were scored.
            newest_left_out: nights after the measured ones that belong to neither.

        Raises:
            TrainingRefused: what is left to fit on lacks rows or a class.
        """
        every = np.unique(self.night)
        end = len(every) - newest_left_out
        begin = max(end - nights, 0)
        fit_on = self.where(self.night < every[begin] - np.timedelta64(gap, "D"))
        values = 2 if self.label.dtype == np.float64 else len(np.unique(self.label))
        if len(np.unique(fit_on.label)) < values:
            raise TrainingRefused(
                f"{len(every)} nights to fit on, of which {nights} are held out and {gap} before them left out, leave "
                f"{len(fit_on.label)} rows with {len(np.unique(fit_on.label))} different labels to fit on.",
                do="Train as of a later night, or hold out fewer nights (early_stopping.nights, search.nights, search.folds).",
            )
        return fit_on, self.where((self.night >= every[begin]) & (self.night <= every[end - 1]))
