"""Rules about a whole column or table, answered as Great Expectations would (see fast_path.py)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.contracts.history_limits import present, quantiles
from nightloop.contracts.results import PASSED, Result, plain

Arguments = Mapping[str, Any]
_NEAR, _NEAR_ZERO = 1e-4, 1e-8  # how near a quantile outside its limits still passes: the library's own


def _columns(arguments: Arguments, table: pa.Table) -> Result | None:
    if arguments.keys() != {"column_list"}:
        return None
    return _passed(table.column_names == list(arguments["column_list"]), table.column_names)


def _row_count(arguments: Arguments, table: pa.Table) -> Result | None:
    return _within(arguments, table.num_rows) if arguments.keys() <= {"min_value", "max_value"} else None


def _largest(arguments: Arguments, table: pa.Table) -> Result | None:
    return _extreme(arguments, table, pc.max)


def _smallest(arguments: Arguments, table: pa.Table) -> Result | None:
    return _extreme(arguments, table, pc.min)


def _extreme(arguments: Arguments, table: pa.Table, of: Callable[[pa.ChunkedArray], pa.Scalar]) -> Result | None:
    column = _column(arguments, table, {"column", "min_value", "max_value"})
    if column is None:
        return None
    value = of(present(column)).as_py()
    return Result(False, (), "None") if value is None else _within(arguments, value)


def _median(arguments: Arguments, table: pa.Table) -> Result | None:
    column = _column(arguments, table, {"column", "min_value", "max_value"})
    if column is None or pa.types.is_timestamp(column.type):
        return None
    values = present(column)
    return _within(arguments, float(np.median(values.to_numpy()))) if len(values) else Result(False, (), "None")


def _mean(arguments: Arguments, table: pa.Table) -> Result | None:
    name = arguments["column"]
    if pa.types.is_boolean(table.schema.field(name).type):
        table = pa.table({name: table.column(name).cast(pa.int64())})
    column = _column(arguments, table, {"column", "min_value", "max_value"})
    if column is None or pa.types.is_timestamp(column.type):
        return None
    values = present(column)
    return _within(arguments, float(np.mean(values.to_numpy()))) if len(values) else Result(False, (), "None")


def _quantile_values(arguments: Arguments, table: pa.Table) -> Result | None:
    column = _column(arguments, table, {"column", "quantile_ranges"})
    if column is None or pa.types.is_timestamp(column.type):
        return None
    ranges, values = arguments["quantile_ranges"], present(column)
    if not len(values):
        return None
    observed = quantiles(values, ranges["quantiles"])
    good = [_in_range(value, *limits) for value, limits in zip(observed, ranges["value_ranges"], strict=True)]
    return _passed(all(good), {"quantiles": list(ranges["quantiles"]), "values": observed})


def _in_range(value: float, low: float | None, high: float | None) -> bool:
    lowest, highest = -math.inf if low is None else low, math.inf if high is None else high
    close = any(np.isclose(value, limit, rtol=_NEAR, atol=_NEAR_ZERO) for limit in (lowest, highest))
    return close or lowest <= value <= highest


def _contains(arguments: Arguments, table: pa.Table) -> Result | None:
    """Whether each of the values occurs: a category that disappears is a change of the source."""
    column, values = table.column(arguments["column"]), arguments.get("value_set")
    if arguments.keys() != {"column", "value_set"} or column.type != pa.string() or not isinstance(values, list):
        return None
    if column.null_count == len(column):
        return None
    observed = set(pc.unique(column.drop_null()).to_pylist())
    return _passed(observed.issuperset(values), sorted(observed))


def _divergence(arguments: Arguments, table: pa.Table) -> Result | None:
    """Kullback-Leibler divergence of the column's shares from the expected ones, in nats; texts only."""
    partition = arguments.get("partition_object")
    known = {"column", "partition_object", "threshold", "tail_weight_holdout"}
    if not arguments.keys() <= known or not isinstance(partition, dict) or partition.keys() != {"values", "weights"}:
        return None
    column = table.column(arguments["column"])
    if column.type != pa.string() or "threshold" not in arguments or column.null_count == len(column):
        return None
    counts = {item["values"]: item["counts"] for item in pc.value_counts(column.drop_null()).to_pylist()}
    expected = dict(zip(partition["values"], partition["weights"], strict=True))
    new = [value for value in counts if value not in expected]
    holdout = arguments.get("tail_weight_holdout", 0)
    if new:
        expected = {value: share * (1 - holdout) for value, share in expected.items()} | {v: holdout / len(new) for v in new}
    total, mass = sum(counts.values()), sum(expected.values())
    if any(expected[value] == 0 for value in counts):
        return Result(False, (), "None")
    shares = {value: counts.get(value, 0) / total for value in expected}
    divergence = math.fsum(s * math.log(s * mass / expected[value]) for value, s in shares.items() if s)
    return _passed(divergence <= arguments["threshold"], f"{divergence:.6g}")


def _column(arguments: Arguments, table: pa.Table, known: set[str]) -> pa.ChunkedArray | None:
    """Return the rule's column if it has an order, the arguments are known ones and the limits are of its kind."""
    column = table.column(arguments["column"])
    limits = [arguments[key] for key in ("min_value", "max_value") if arguments.get(key) is not None]
    kind = column.type
    if not arguments.keys() <= known:
        return None
    if pa.types.is_timestamp(kind):
        return column if all(hasattr(limit, "tzinfo") and limit.tzinfo is not None for limit in limits) else None
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column if all(type(limit) in (int, float) for limit in limits) else None
    return None


def _within(arguments: Arguments, value: Any) -> Result:
    low, high = arguments.get("min_value"), arguments.get("max_value")
    return _passed((low is None or value >= low) and (high is None or value <= high), value)


def _passed(success: bool, observed: object) -> Result:
    return PASSED if success else Result(False, (), plain(observed))


COLUMN_RULES: Mapping[str, Callable[[Arguments, pa.Table], Result | None]] = {
    "expect_table_columns_to_match_ordered_list": _columns,
    "expect_table_row_count_to_be_between": _row_count,
    "expect_column_max_to_be_between": _largest,
    "expect_column_min_to_be_between": _smallest,
    "expect_column_mean_to_be_between": _mean,
    "expect_column_median_to_be_between": _median,
    "expect_column_quantile_values_to_be_between": _quantile_values,
    "expect_column_distinct_values_to_contain_set": _contains,
    "expect_column_kl_divergence_to_be_less_than": _divergence,
}
