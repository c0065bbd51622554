"""Render a typed expression as SQL in the DuckDB dialect, in words that mean the same on Spark.

Every number is a double: both engines, NumPy and Python then share IEEE arithmetic to the last bit. What the engines
would answer differently (division by zero, infinities, NaN, the weekday) is written out so that it cannot.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sqlglot import exp

from nightloop.expressions.tree import UNBOUNDED, Node

_INFIX = {
    "add": "+", "sub": "-", "mul": "*", "eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "and": "and", "or": "or",
}  # fmt: skip
_INTEGERS_ONLY = "cast('4503599627370496.0' as double)"  # 2**52: from here on a double has no fraction


def double(value: float) -> str:
    """Return a literal that both engines read as exactly this double (a bare 0.1 would be a decimal)."""
    return f"cast('{value!r}' as double)"


def quoted(text: str) -> str:
    """Return a text literal."""
    return exp.Literal.string(text).sql(dialect="duckdb")


def identifier(name: str, table: str = "") -> str:
    """Return a quoted column name: a column may be called 'month' or 'name'."""
    return f'{table}."{name}"' if table else f'"{name}"'


def finite(sql: str) -> str:
    """Return SQL that is null where ``sql`` is infinite or not a number (both engines hold NaN equal to NaN)."""
    for special in ("Infinity", "-Infinity", "NaN"):
        sql = f"nullif({sql}, cast('{special}' as double))"
    return sql


def render(node: Node, table: str = "") -> str:
    """Return the SQL of ``node``, columns qualified by ``table``."""
    args = [render(arg, table) for arg in node.args]
    if node.op in ("literal", "column", "integer_column"):
        return _leaf(node, table)
    if node.op in _INFIX:
        sql = f"({f' {_INFIX[node.op]} '.join(args)})"
        return finite(sql) if node.op in ("add", "sub", "mul") and node.bits >= UNBOUNDED else sql
    return _CALLS[node.op](args)


def _leaf(node: Node, table: str) -> str:
    if node.op == "integer_column":
        return f"cast({identifier(str(node.value), table)} as double)"
    if node.op == "column":
        column = identifier(str(node.value), table)
        return finite(f"cast({column} as double)") if node.type == "number" else column
    return literal(node.value)


def literal(value: float | str | bool | date | None) -> str:
    """Return a constant as both engines read it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case date():
            return f"cast('{value}' as date)"
    return double(value)


def _case(args: list[str]) -> str:
    *pairs, default = args
    branches = " ".join(f"when {test} then {value}" for test, value in zip(pairs[::2], pairs[1::2], strict=True))
    return f"(case {branches} else {default} end)"


def _weekday(args: list[str]) -> str:
    # isodow is not portable: sqlglot's translation for Spark counts from another day. 1970-01-05 was a Monday.
    days = f"date_diff('day', cast('1970-01-05' as date), {args[0]})"
    return f"cast((({days} % 7) + 7) % 7 + 1 as double)"


def _part(name: str) -> Callable[[list[str]], str]:
    return lambda args: f"cast({name}({args[0]}) as double)"


def _call(name: str) -> Callable[[list[str]], str]:
    return lambda args: f"{name}({', '.join(args)})"


_CALLS: dict[str, Callable[[list[str]], str]] = {
    "div": lambda args: finite(f"({args[0]} / nullif({args[1]}, {double(0.0)}))"),
    "mod": lambda args: f"({args[0]} % nullif({args[1]}, {double(0.0)}))",
    "neg": lambda args: f"(- {args[0]})",
    "not": lambda args: f"(not {args[0]})",
    "is_null": lambda args: f"({args[0]} is null)",
    "to_number": lambda args: f"cast({args[0]} as double)",
    "abs": _call("abs"),
    # Spark's floor yields a 64-bit integer: larger numbers have no fraction and pass as they are.
    "floor": lambda args: (
        f"(case when abs({args[0]}) < {_INTEGERS_ONLY} then cast(floor({args[0]}) as double) else {args[0]} end)"
    ),
    "weekday": _weekday,
    "year": _part("year"),
    "month": _part("month"),
    "day": _part("day"),
    "coalesce": _call("coalesce"),
    "nullif": _call("nullif"),
    "least": _call("least"),
    "greatest": _call("greatest"),
    "case": _case,
}
