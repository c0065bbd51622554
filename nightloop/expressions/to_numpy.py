"""Compute a typed expression in NumPy, with SQL's null rules: the service's way to the numbers the engines make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.expressions.tree import Node
from nightloop.expressions.types import ValueType

_DTYPES: dict[str, Any] = {
    "number": np.float64,
    "integer": np.float64,
    "boolean": np.bool_,
    "string": object,
    "date": "datetime64[D]",
    "timestamp": "datetime64[us]",
    "null": np.float64,
}
_FILL: dict[str, Any] = {"string": "", "boolean": False, "date": date(1970, 1, 1), "timestamp": datetime(1970, 1, 1)}  # noqa: DTZ001


@dataclass(frozen=True)
class Column:
    """Values of one type, and where they are present; what stands at an absent place means nothing."""

    values: NDArray[Any]
    present: NDArray[np.bool_]

    @classmethod
    def of(cls, values: Iterable[Any], kind: str) -> Column:
        """Build a column of a declared type from Python values, None for null (dates and naive UTC datetimes as such)."""
        listed = list(values)
        present = np.array([value is not None for value in listed], dtype=np.bool_)
        fill = _FILL.get(kind, 0.0)
        array = np.array([fill if value is None else value for value in listed], dtype=_DTYPES[kind])
        if kind == "number":
            present &= np.isfinite(array)
        return cls(array, present)

    def as_floats(self) -> NDArray[np.float64]:
        """Return doubles with NaN for null; a boolean is 1 or 0."""
        return np.where(self.present, self.values.astype(np.float64), np.nan)


Rows = Mapping[str, Column]


def evaluator(node: Node) -> Callable[[Rows, int], Column]:
    """Return a function of (columns by name, number of rows)."""

    def evaluate(rows: Rows, n: int) -> Column:
        with np.errstate(all="ignore"):
            return _evaluate(node, rows, n)

    return evaluate


def _evaluate(node: Node, rows: Rows, n: int) -> Column:
    if node.op in ("column", "integer_column"):
        return rows[str(node.value)]
    if node.op == "literal":
        return _literal(node.value, node.type, n)
    args = [_evaluate(arg, rows, n) for arg in node.args]
    if node.op in _CHOICES:
        return _CHOICES[node.op]([_retyped(arg, node.type) for arg in args] if node.op != "case" else args, node.type)
    return _OPERATIONS[node.op](*args)


def _literal(value: Any, kind: ValueType, n: int) -> Column:
    filled = np.full(n, _FILL.get(kind, 0.0) if value is None else value, dtype=_DTYPES[kind])
    return Column(filled, np.full(n, value is not None))


def _retyped(column: Column, kind: ValueType) -> Column:
    """Give a null of no type the type of its neighbours."""
    if column.present.any() or column.values.dtype == np.dtype(_DTYPES[kind]):
        return column
    return _literal(None, kind, len(column.present))


def _strict(compute: Callable[..., NDArray[Any]]) -> Callable[..., Column]:
    """Null in, null out; a number that is not finite is null."""

    def apply(*args: Column) -> Column:
        present = reduce(np.logical_and, (arg.present for arg in args))
        values = compute(*(arg.values for arg in args))
        if values.dtype == np.float64:
            present = present & np.isfinite(values)
        return Column(values, present)

    return apply


def _comparison(compare: Callable[[Any, Any], Any]) -> Callable[..., Column]:
    return _strict(lambda left, right: np.asarray(compare(left, right), dtype=np.bool_))


def _and(*args: Column) -> Column:
    false = reduce(np.logical_or, (arg.present & ~arg.values for arg in args))
    every = reduce(np.logical_and, (arg.present for arg in args))
    return Column(every & ~false, false | every)


def _not(arg: Column) -> Column:
    return Column(~arg.values, arg.present)


def _or(*args: Column) -> Column:
    return _not(_and(*(_not(arg) for arg in args)))


def _is_null(arg: Column) -> Column:
    return Column(~arg.present, np.ones(len(arg.present), dtype=np.bool_))


def _coalesce(args: list[Column], kind: ValueType) -> Column:  # noqa: ARG001
    def first(left: Column, right: Column) -> Column:
        return Column(np.where(left.present, left.values, right.values), left.present | right.present)

    return reduce(first, args)


def _extreme(pick: Callable[[Any, Any], NDArray[Any]]) -> Callable[[list[Column], ValueType], Column]:
    def better(left: Column, right: Column) -> Column:
        both = left.present & right.present
        one = np.where(left.present, left.values, right.values)
        return Column(np.where(both, pick(left.values, right.values), one), left.present | right.present)

    return lambda args, kind: reduce(better, args)  # noqa: ARG005


def _nullif(args: list[Column], kind: ValueType) -> Column:  # noqa: ARG001
    left, right = args
    equal = left.present & right.present & np.asarray(left.values == right.values, dtype=np.bool_)
    return Column(left.values, left.present & ~equal)


def _case(args: list[Column], kind: ValueType) -> Column:
    *pairs, default = args
    result = _retyped(default, kind)
    for test, value in reversed(list(zip(pairs[::2], pairs[1::2], strict=True))):
        holds, then = test.present & test.values, _retyped(value, kind)
        result = Column(np.where(holds, then.values, result.values), np.where(holds, then.present, result.present))
    return result


def _days(values: NDArray[Any]) -> NDArray[np.int64]:
    return values.astype("datetime64[D]").astype(np.int64)


def _months(values: NDArray[Any]) -> NDArray[np.int64]:
    return values.astype("datetime64[M]").astype(np.int64)


def _divisor(values: NDArray[Any]) -> NDArray[Any]:
    return np.where(values == 0, np.nan, values)


_CHOICES: dict[str, Callable[[list[Column], ValueType], Column]] = {
    "coalesce": _coalesce,
    "least": _extreme(np.minimum),
    "greatest": _extreme(np.maximum),
    "nullif": _nullif,
    "case": _case,
}
_OPERATIONS: dict[str, Callable[..., Column]] = {
    "add": _strict(np.add),
    "sub": _strict(np.subtract),
    "mul": _strict(np.multiply),
    "div": _strict(lambda left, right: left / _divisor(right)),
    "mod": _strict(lambda left, right: np.fmod(left, _divisor(right))),
    "neg": _strict(np.negative),
    "abs": _strict(np.abs),
    "floor": _strict(np.floor),
    "to_number": _strict(lambda values: values.astype(np.float64)),
    "eq": _comparison(lambda left, right: left == right),
    "ne": _comparison(lambda left, right: left != right),
    "lt": _comparison(lambda left, right: left < right),
    "le": _comparison(lambda left, right: left <= right),
    "gt": _comparison(lambda left, right: left > right),
    "ge": _comparison(lambda left, right: left >= right),
    "and": _and,
    "or": _or,
    "not": _not,
    "is_null": _is_null,
    "weekday": _strict(lambda values: ((_days(values) - 4) % 7 + 1).astype(np.float64)),
    "year": _strict(lambda values: (values.astype("datetime64[Y]").astype(np.int64) + 1970).astype(np.float64)),
    "month": _strict(lambda values: (_months(values) % 12 + 1).astype(np.float64)),
    "day": _strict(lambda values: (_days(values) - _days(values.astype("datetime64[M]")) + 1).astype(np.float64)),
}
