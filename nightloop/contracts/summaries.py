"""What the columns of a published night looked like, kept in the night's commit for the nights after it.

A later night is compared with these few numbers; no published row is read again. They are counts and order statistics, which
do not depend on the order of the rows; a mean would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

PROBABILITIES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_VALUES = 50
"""Distinct texts a column may have to be summarised by how often each occurs; above, it is a name, not a category."""
_FEW_ROWS = 10_000

Summary = Mapping[str, Mapping[str, Any]]


def summary(table: pa.Table) -> dict[str, dict[str, Any]]:
    """Return, for each column, ``missing`` and, where they tell something, ``quantiles`` or ``counts``.

    ``quantiles`` are values of the column at ``PROBABILITIES`` (numbers); ``counts`` the rows by value (texts of few values).
    """
    return {name: _column(table.column(name)) for name in table.column_names}


def _column(column: pa.ChunkedArray) -> dict[str, Any]:
    values = present(column)
    said: dict[str, Any] = {"missing": len(column) - len(values)}
    if not len(values):
        return said
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        said["quantiles"] = quantiles(values, PROBABILITIES)
    elif pa.types.is_string(column.type) and pc.count_distinct(values[:_FEW_ROWS]).as_py() <= MOST_VALUES:
        counted = pc.value_counts(values).to_pylist()
        if len(counted) <= MOST_VALUES:
            said["counts"] = {item["values"]: item["counts"] for item in sorted(counted, key=lambda item: str(item["values"]))}
    return said


def present(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values that are not missing; a number that is not one (NaN) is missing."""
    values = column.drop_null()
    return values.filter(pc.invert(pc.is_nan(values))) if pa.types.is_floating(column.type) else values


def quantiles(values: pa.ChunkedArray, probabilities: Sequence[float]) -> list[float]:
    """Return values of the column at these probabilities, each the one nearest in rank (what pandas calls nearest)."""
    ranks = np.rint(np.asarray(probabilities) * (len(values) - 1)).astype(np.int64)
    ordered = np.partition(values.to_numpy(), np.unique(ranks))
    return [value.item() for value in ordered[ranks]]
