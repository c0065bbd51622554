"""The fast path: answer the common rules on the Arrow table itself, exactly as Great Expectations would.

On a million rows Great Expectations needs seconds beside its five of import; these need a tenth of that, together
(docs/contracts.md has the figures). What is not answered here, by type, by argument or by type of column, is None, and
Great Expectations answers it. tests/contracts/test_fast_path_as_great_expectations.py holds both equal on generated tables.

A rule about single rows gives a mask of the rows that break it; one about a whole column or table gives a value
(fast_path_columns.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.contracts.fast_path_columns import COLUMN_RULES
from nightloop.contracts.results import EXAMPLES, PASSED, Result, observed_rows
from nightloop.contracts.suite import Rule

Mask = npt.NDArray[np.bool_]
Arguments = Mapping[str, Any]
_CONDITION = re.compile(r"(\w+)\.(isnull|notnull)\(\)")


@dataclass(frozen=True)
class Broken:
    """Which rows break a rule, and out of how many the rule speaks of (missing values it passes over do not count)."""

    mask: Mask
    counted: int


def fast_result(rule: Rule, table: pa.Table) -> Result | None:
    """Return the result of a rule, its parameters in place; None where Great Expectations must judge."""
    arguments = dict(rule.kwargs)
    if rule.type in COLUMN_RULES:
        return COLUMN_RULES[rule.type](arguments, table)
    if rule.type not in ROW_RULES:
        return None
    selected = _selected(arguments, table)
    if selected is None:
        return None
    mostly = arguments.pop("mostly", None)
    if mostly is not None and not isinstance(mostly, float | int):
        return None
    rows = table if selected is _ALL else table.filter(selected)
    broken = ROW_RULES[rule.type](arguments, rows)
    return None if broken is None else _result(rule, broken, rows, selected, mostly)


_ALL = pa.Array.from_buffers(pa.bool_(), 0, [None, None])  # pa.array would import pandas, to see whether it was given a series


def is_known_condition(condition: object, parser: object) -> bool:
    """Whether a ``row_condition`` is of the form that is answered here: a column that is missing, or is not."""
    return isinstance(condition, str) and parser == "pandas" and _CONDITION.fullmatch(condition) is not None


def _selected(arguments: dict[str, Any], table: pa.Table) -> pa.Array | pa.ChunkedArray | None:
    """Return the mask of the rows that a ``row_condition`` leaves, ``_ALL`` without one, None where it is not understood."""
    parser, condition = arguments.pop("condition_parser", None), arguments.pop("row_condition", None)
    if condition is None:
        return _ALL
    match = _CONDITION.fullmatch(condition) if is_known_condition(condition, parser) else None
    if match is None or match[1] not in table.column_names:
        return None
    missing = _missing(table.column(match[1]))
    return pa.array(missing if match[2] == "isnull" else ~missing)


def _result(rule: Rule, broken: Broken, rows: pa.Table, selected: pa.Array, mostly: float | None) -> Result:
    count = int(broken.mask.sum())
    success = broken.counted == 0 or (broken.counted - count) / broken.counted >= (1 if mostly is None else mostly)
    if success and mostly is None:
        return PASSED
    positions = np.flatnonzero(broken.mask)
    columns = list(rule.columns)
    examples = rows.select(columns).take(pa.array(positions[:EXAMPLES])).to_pylist()
    shown = [row[columns[0]] if len(columns) == 1 else row for row in examples]
    in_table = positions if selected is _ALL else np.flatnonzero(np.asarray(selected))[positions]
    return Result(success, tuple(in_table.tolist()), observed_rows(len(positions), rows.num_rows, shown))


# --- rows --------------------------------------------------------------------------------------------------------------


def _is_null(arguments: Arguments, table: pa.Table) -> Broken | None:
    return _nulls(arguments, table, expect_null=True)


def _is_not_null(arguments: Arguments, table: pa.Table) -> Broken | None:
    return _nulls(arguments, table, expect_null=False)


def _nulls(arguments: Arguments, table: pa.Table, *, expect_null: bool) -> Broken | None:
    if arguments.keys() != {"column"}:
        return None
    missing = _missing(table.column(arguments["column"]))
    return Broken(~missing if expect_null else missing, table.num_rows)


def _between(arguments: Arguments, table: pa.Table) -> Broken | None:
    limits = (arguments.get("min_value"), arguments.get("max_value"))
    column = table.column(arguments["column"])
    if not arguments.keys() <= {"column", "min_value", "max_value"} or limits == (None, None):
        return None
    if not all(limit is None or comparable(limit, column.type) for limit in limits):
        return None
    missing = _missing(column)
    broken = np.zeros(table.num_rows, dtype=np.bool_)
    for limit, outside in zip(limits, (pc.less, pc.greater), strict=True):
        if limit is not None:
            broken |= _mask(outside(column, pa.scalar(limit, column.type)))
    return Broken(broken & ~missing, int((~missing).sum()))


def comparable(value: object, kind: pa.DataType) -> bool:
    """Whether a limit can be compared with a column of this type without turning one into another first."""
    if isinstance(value, bool):
        return False
    if pa.types.is_integer(kind):
        return isinstance(value, int)
    if pa.types.is_floating(kind):
        return isinstance(value, int | float)
    if pa.types.is_timestamp(kind):
        return isinstance(value, datetime) and value.tzinfo is not None
    return bool(pa.types.is_date(kind)) and isinstance(value, date) and not isinstance(value, datetime)


def _in_set(arguments: Arguments, table: pa.Table) -> Broken | None:
    return _membership(arguments, table, expect_inside=True)


def _not_in_set(arguments: Arguments, table: pa.Table) -> Broken | None:
    return _membership(arguments, table, expect_inside=False)


def _membership(arguments: Arguments, table: pa.Table, *, expect_inside: bool) -> Broken | None:
    column = table.column(arguments["column"])
    values = arguments.get("value_set")
    if arguments.keys() != {"column", "value_set"}:
        return None
    if isinstance(values, list):
        python_type = {pa.string(): str, pa.int64(): int}.get(column.type)
        if python_type is None or not values or not all(type(value) is python_type for value in values):
            return None
        values = pa.array(values, column.type)
    if not isinstance(values, pa.Array | pa.ChunkedArray) or values.type != column.type:
        return None
    missing = _missing(column)
    inside = _mask(pc.is_in(column, value_set=values))
    return Broken((~inside if expect_inside else inside) & ~missing, int((~missing).sum()))


def _unique(arguments: Arguments, table: pa.Table) -> Broken | None:
    if arguments.keys() != {"column"}:
        return None
    column = table.column(arguments["column"])
    missing = _missing(column)
    counted = int((~missing).sum())
    if len(pc.unique(column.drop_null())) == counted and not pa.types.is_floating(column.type):
        return Broken(np.zeros(table.num_rows, dtype=np.bool_), counted)
    return Broken(_repeated(table, [arguments["column"]]) & ~missing, counted)


def _unique_together(arguments: Arguments, table: pa.Table) -> Broken | None:
    if arguments.keys() != {"column_list"}:
        return None
    names = list(arguments["column_list"])
    missing = np.logical_and.reduce([_missing(table.column(name)) for name in names])
    return Broken(_repeated(table, names) & ~missing, int((~missing).sum()))


def _repeated(table: pa.Table, names: list[str]) -> Mask:
    """Return which rows share the values of these columns with another row; a missing value equals a missing value."""
    keys = pa.table({name: _one_zero(table.column(name)) for name in names} | {"=at": np.arange(table.num_rows)})
    groups = pa.TableGroupBy(keys, names, use_threads=False).aggregate([("=at", "count")])
    several = groups.filter(pc.greater(groups.column("=at_count"), 1))
    repeated = np.zeros(table.num_rows, dtype=np.bool_)
    if several.num_rows:  # few: only these groups are looked up again
        repeated[_positions_of(several.select(names), keys, names)] = True
    return repeated


def _one_zero(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Make minus zero zero: they are equal, though Arrow does not group them together."""
    return pc.add(column, 0.0) if pa.types.is_floating(column.type) else column


def _positions_of(groups: pa.Table, keys: pa.Table, names: list[str]) -> npt.NDArray[np.int64]:
    """Return the positions of the rows whose values are those of one of the groups."""
    import duckdb

    with duckdb.connect() as session:
        session.register("keys", keys)
        session.register("groups", groups)
        same = " AND ".join(f'k."{name}" IS NOT DISTINCT FROM g."{name}"' for name in names)
        at = session.sql(f'SELECT k."=at" AS at FROM keys k SEMI JOIN groups g ON {same}')  # noqa: S608 - declared names
        positions: npt.NDArray[np.int64] = at.to_arrow_table().column("at").to_numpy()
        return positions


def _pair(arguments: Arguments, table: pa.Table) -> Broken | None:
    """Column A above column B; what a missing value means has to be said, where there is one."""
    if not arguments.keys() <= {"column_A", "column_B", "or_equal", "ignore_row_if"}:
        return None
    one, other = table.column(arguments["column_A"]), table.column(arguments["column_B"])
    if one.type != other.type or not _ordered(one.type):
        return None
    missing = _missing(one) | _missing(other)
    if missing.any() and arguments.get("ignore_row_if") != "either_value_is_missing":
        return None
    holds = pc.greater_equal(one, other) if arguments.get("or_equal") is True else pc.greater(one, other)
    return Broken(~_mask(holds) & ~missing, int((~missing).sum()))


def _ordered(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind) for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_timestamp, pa.types.is_date)
    )


def _missing(column: pa.ChunkedArray) -> Mask:
    return np.asarray(column.is_null(nan_is_null=pa.types.is_floating(column.type)), dtype=np.bool_)


def _mask(column: pa.ChunkedArray) -> Mask:
    return np.asarray(column.fill_null(False), dtype=np.bool_)


ROW_RULES: Mapping[str, Callable[[Arguments, pa.Table], Broken | None]] = {
    "expect_column_values_to_be_null": _is_null,
    "expect_column_values_to_not_be_null": _is_not_null,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _unique_together,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair,
}
