"""The columns by which the fairness gate divides rows: one for the group, one for each further attribute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.definitions.model import BinaryModel
from nightloop.definitions.use_case import UseCase

GROUP = "group"
ATTRIBUTE = "group-"  # before the name of a further attribute: no feature has a hyphen
EVERYBODY = "all"  # the group where no fairness gate applies


def attribute_columns(use_case: UseCase) -> list[str]:
    """Return the names of the columns of the further attributes."""
    return [f"{ATTRIBUTE}{name}" for name in use_case.gates.fairness.attributes]


def columns_of(use_case: UseCase, entities: pa.Table) -> dict[str, pa.Array | pa.ChunkedArray]:
    """Return the columns of entities, as texts, by name."""
    gate = use_case.gates.fairness
    if gate.group is None:
        return {GROUP: pa.array([EVERYBODY] * entities.num_rows, pa.string())}
    sources = {GROUP: gate.group, **dict(zip(attribute_columns(use_case), gate.attributes, strict=True))}
    return {name: group_texts(entities[column]) for name, column in sources.items()}


def decision_columns(use_case: UseCase) -> tuple[str, ...]:
    """Return the column by whose groups a model may decide: there is one where a threshold for each group is a method."""
    model = use_case.model
    if not isinstance(model, BinaryModel) or model.mitigation is None or "group_thresholds" not in model.mitigation.methods:
        return ()
    return (model.mitigation.attribute or str(use_case.gates.fairness.group),)


def group_texts(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return the groups that a column of entities names, as texts: the same in a training, a night's scores and a request."""
    return pc.fill_null(pc.cast(column, pa.string()), "unknown")


def groups_by(use_case: UseCase, rows: pa.Table, attribute: str) -> NDArray[Any]:
    """Return the group of each row (n,), as text, by one attribute of the fairness gate."""
    column = GROUP if attribute == use_case.gates.fairness.group else f"{ATTRIBUTE}{attribute}"
    return np.array(rows[column].to_pylist(), dtype=str)


def attributes_of(rows: pa.Table) -> dict[str, NDArray[Any]]:
    """Return the further attributes of rows that hold them: name -> (n,) text."""
    columns = [name for name in rows.column_names if name.startswith(ATTRIBUTE)]
    return {name.removeprefix(ATTRIBUTE): np.array(rows[name].to_pylist(), dtype=str) for name in columns}
