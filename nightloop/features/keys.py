"""The key text: one or several columns as one text, the same from SQL and from Python.

A part is the column's value as text, with ``%`` written ``%25``, ``|`` written ``%7C`` and an empty text written ``%``; parts
are joined by ``|``. So different values never share a text, and the text "" is free for "all records". A null in any
part makes the key null. Integers are decimal, dates YYYY-MM-DD, booleans true or false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

from nightloop.errors import UsageError
from nightloop.expressions.types import ColumnType

ALL = ""  # the key of "all records"


def key_sql(columns: Sequence[str], types: Mapping[str, ColumnType], table: str = "") -> str:
    """Return SQL (DuckDB dialect) of the key text of ``columns``."""
    return " || '|' || ".join(_part_sql(name, types[name], table) for name in columns)


def _part_sql(name: str, kind: ColumnType, table: str) -> str:
    column = f'{table}."{name}"' if table else f'"{name}"'
    if kind != "string":
        return f"cast({column} as varchar)"
    return f"(case when {column} = '' then '%' else replace(replace({column}, '%', '%25'), '|', '%7C') end)"


def key_text(values: Sequence[object], types: Sequence[ColumnType]) -> str | None:
    """Return the key text of one row's values, or None when one of them is None.

    Raises:
        UsageError: a value is not of its column's type.
    """
    if any(value is None for value in values):
        return None
    return "|".join(_PARTS[kind](value) for value, kind in zip(values, types, strict=True))


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise _refused(value, "text")
    return value.replace("%", "%25").replace("|", "%7C") or "%"


def _integer(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused(value, "integer")
    return str(value)


def _date(value: object) -> str:
    if not isinstance(value, date):
        raise _refused(value, "date")
    return f"{value.year:04d}-{value.month:02d}-{value.day:02d}"


def _boolean(value: object) -> str:
    if not isinstance(value, bool):
        raise _refused(value, "boolean")
    return "true" if value else "false"


def _refused(value: object, kind: str) -> UsageError:
    return UsageError(f"{value!r} is not a key part of type {kind}.", do=f"Give a value of type {kind}.")


_PARTS: dict[ColumnType, Callable[[object], str]] = {
    "string": _string,
    "integer": _integer,
    "date": _date,
    "boolean": _boolean,
}
