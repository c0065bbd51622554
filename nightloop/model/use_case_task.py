"""The task of a use case: how its models answer, how the answers are measured, and how its labels become arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.errors import DefinitionError
from nightloop.evidence.metric_set import MetricSet
from nightloop.evidence.metric_sets import metric_set_of
from nightloop.model.conformal import OUTCOMES, reach_columns
from nightloop.model.tasks import ColumnKind, Task, task_of

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase

NO_MODEL = 0  # stands for the version where a rule answered


def task_for(use_case: UseCase) -> Task:
    """Return how its models answer; where a capacity decides, by the threshold that is declared beside none."""
    model = use_case.model
    return task_of(model.task, model.threshold, model.classes)


def answer_columns(use_case: UseCase) -> dict[str, ColumnKind]:
    """Return the columns of an answer, in order: those of the task, then what is promised of it.

    A champion that was trained before anything was promised leaves the latter null.
    """
    promised = reach_columns(use_case.model.task) if use_case.model.conformal else {}
    return {**task_for(use_case).columns, **promised}


def promised_classes(use_case: UseCase) -> tuple[str, ...]:
    """Return the classes of whose rows by themselves a coverage is promised; none where it is of all rows, or of nothing."""
    promise = use_case.model.conformal
    return (use_case.model.classes or OUTCOMES) if promise and promise.each_class else ()


def metric_set_for(use_case: UseCase) -> MetricSet:
    """Return how its answers are measured."""
    return metric_set_of(use_case.model.task, use_case.model.classes, use_case.gates.fairness.of_class)


def label_array(labels: pa.ChunkedArray, classes: Sequence[str]) -> NDArray[Any]:
    """Return labels (n,) as the metric_set's task has them: bool, float64, or the place of each text in ``classes``.

    Raises:
        DefinitionError: a label is none of the classes.
    """
    if not classes:
        return np.asarray(labels.to_numpy(), dtype=np.bool_ if pa.types.is_boolean(labels.type) else np.float64)
    places = pc.index_in(labels, pa.array(list(classes), labels.type))
    if places.null_count:
        strange = sorted({str(value) for value in labels.filter(pc.is_null(places)).to_pylist()})
        raise DefinitionError(
            f"{places.null_count} labels are none of the declared classes: {', '.join(strange[:5])}.",
            do=f"Let the label's expression give one of {', '.join(classes)}, or declare the class in model.classes.",
        )
    return np.asarray(places.to_numpy(), dtype=np.int64)
