"""How good a candidate is on parts of the validation rows: week by week, and in each group that people are divided by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.use_case import UseCase
from nightloop.evidence.verdict import Figure
from nightloop.model.training.training_set import TrainingSet
from nightloop.model.use_case_task import metric_set_for

NIGHTS_OF_A_PART = 7
Floats = NDArray[np.float64]


def figures_of_parts(use_case: UseCase, rows: TrainingSet, prediction: Floats) -> tuple[Figure, ...]:
    """Return the task's first two figures of each part that is large enough, whose labels differ.

    Args:
        use_case: says by what its people are divided, and the least rows of a group.
        rows: of the validation nights.
        prediction: (n,) or (n, c) of them.
    """
    metric_set, least = metric_set_for(use_case), use_case.gates.fairness.minimum_group_rows
    shown = (metric_set.metric, metric_set.second[0])
    figures: list[Figure] = []
    for name, members in _parts(use_case, rows):
        label = rows.label[members]
        if len(label) < least or metric_set.constant_label(label):
            continue
        measured = metric_set.all_figures(label, prediction[members], rows.night[members], group=name)
        figures += [figure for figure in measured if figure.metric in shown and np.isfinite(figure.value)]
    return tuple(figures)


def _parts(use_case: UseCase, rows: TrainingSet) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield each part by its name: the rows (n,) that are in it."""
    nights = np.unique(rows.night)
    for first in range(0, len(nights), NIGHTS_OF_A_PART):
        within = nights[first : first + NIGHTS_OF_A_PART]
        yield f"{within[0]} to {within[-1]}", np.isin(rows.night, within)
    gate = use_case.gates.fairness
    divided: dict[str, NDArray[Any]] = {gate.group: rows.group} if gate.group else {}
    for column, values in (divided | rows.attributes).items():
        for value in np.unique(values):
            yield f"{column} = {value}", values == value
