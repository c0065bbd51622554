"""The columns by which the fairness gate divides rows: one for the group, one for each further attribute."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

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
    return {name: pc.fill_null(pc.cast(entities[column], pa.string()), "unknown") for name, column in sources.items()}


def attributes_of(rows: pa.Table) -> dict[str, NDArray[Any]]:
    """Return the further attributes of rows that hold them: name -> (n,) text."""
    columns = [name for name in rows.column_names if name.startswith(ATTRIBUTE)]
    return {name.removeprefix(ATTRIBUTE): np.array(rows[name].to_pylist(), dtype=str) for name in columns}
