"""Expressions of feature_defs/: a small part of SQL that means the same on every engine and in NumPy.

The subset, all of it (docs/definitions.md shows examples):

- columns; numbers, 'text', true, false, null, date '2013-01-31'; parentheses
- ``+ - * / %``: every number is a double (integers are exact to 2**53); ``x / 0`` and ``x % 0`` are null; a result that
  is not finite is null; ``%`` has the sign of its left side
- ``= <> < <= > >= between``, ``[not] in (...)``, ``is [not] null``, ``and or not`` with SQL's three values; text and
  booleans compare by ``= <>`` only
- ``case when … then … end``, ``coalesce``, ``nullif``, ``least`` and ``greatest`` (both ignore nulls), ``abs``, ``floor``
- ``weekday(date)`` (1 is Monday, 7 is Sunday), ``year``, ``month``, ``day`` of a date
- ``cast(boolean as number)``: 1 or 0

Left out on purpose: logarithms and powers (their last bit differs between libraries), text functions, casts between
text and numbers (each engine reads and writes them in its own way), and the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nightloop.errors import DefinitionError
from nightloop.expressions.parsing import build
from nightloop.expressions.tree import Node
from nightloop.expressions.types import ColumnType, ValueType

if TYPE_CHECKING:
    from nightloop.expressions.to_numpy import Column


@dataclass(frozen=True)
class Expression:
    """A checked expression over typed columns."""

    text: str
    node: Node

    @property
    def type(self) -> ValueType:
        """What it yields: number, boolean, string, date, timestamp."""
        return self.node.type

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns it reads, each once, sorted."""
        return tuple(sorted(self.node.columns()))

    def sql(self, table: str = "") -> str:
        """Return SQL in the DuckDB dialect, columns qualified by ``table``; sqlglot takes it to Spark unchanged in meaning."""
        from nightloop.expressions.to_sql import render

        return render(self.node, table)

    def numpy(self) -> Callable[[Mapping[str, Column], int], Column]:
        """Return a function of (columns by name, number of rows) that computes the same values in NumPy."""
        from nightloop.expressions.to_numpy import evaluator

        return evaluator(self.node)


def compile_expression(text: str, columns: Mapping[str, ColumnType], *, must_be: tuple[ValueType, ...] = ()) -> Expression:
    """Parse and type-check ``text`` against the columns.

    Raises:
        DefinitionError: not in the subset, an unknown column, types that do not fit, or a result that is not ``must_be``.
    """
    expression = _compile(text, tuple(columns.items()))
    if must_be and expression.type not in must_be:
        raise DefinitionError(f"'{text}' yields a {expression.type}.", do=f"It must yield a {' or a '.join(must_be)}.")
    return expression


@lru_cache(maxsize=4096)
def _compile(text: str, columns: tuple[tuple[str, ColumnType], ...]) -> Expression:
    return Expression(text, build(text, dict(columns)))
