"""Values in the type that a file or table stores them in, where their text would say the same.

Records are text: expressions read it, and the quarantine shows it. Writing a million numbers as text only to read them again
would cost more than all else, so a column whose values and texts stand for each other stays as it is stored until somebody
asks for the text. All other columns become text when they are read: 32-bit floats (0.1 is another double than its text),
times of other zones, decimals that a double cannot hold, what lies outside the years 1 to 9999, bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

Kind = Literal["text", "integer", "number", "boolean", "date", "local", "instant", "decimal"]
"""Of stored values; a local time names no zone, an instant is in UTC."""

DIGITS = 15
"""Decimals of so many digits are read as a double without loss: whole number and power of ten are doubles themselves."""
_DAY = 86_400_000_000  # microseconds
_DAYS = range(date.min.toordinal() - date(1970, 1, 1).toordinal(), date.max.toordinal() - date(1970, 1, 1).toordinal() + 1)


def kind_of(of: pa.DataType) -> Kind | None:
    """Return what kind of stored value a type holds; None for types whose values are read as text only."""
    is_ = pa.types
    if is_.is_timestamp(of):
        return {None: "local", "UTC": "instant"}.get(of.tz)  # type: ignore[return-value]
    kinds: tuple[tuple[Kind, bool], ...] = (
        ("text", is_.is_string(of)),
        ("integer", is_.is_integer(of) and of != pa.uint64()),
        ("number", is_.is_float64(of)),
        ("boolean", is_.is_boolean(of)),
        ("date", is_.is_date32(of)),
        ("decimal", is_.is_decimal128(of) and of.precision <= DIGITS and of.scale >= 0),
    )
    return next((kind for kind, holds in kinds if holds), None)


def stands_for_its_text(column: pa.Array) -> bool:
    """Whether every value of a column can be had from its text, and its text from the value."""
    kind = kind_of(column.type)
    if kind == "date":
        return _within(column, _DAYS)
    if kind in ("local", "instant"):
        try:
            whole = column.cast(pa.timestamp("us", column.type.tz))  # no nanoseconds: DuckDB reads microseconds
        except pa.ArrowInvalid:
            return False
        return _within(whole, range(_DAYS.start * _DAY, _DAYS.stop * _DAY))
    return kind is not None


def as_read(column: pa.Array) -> pa.Array:
    """Return a column as it is stored, or else as text.

    Raises:
        pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError: bytes are not UTF-8, or the column is nested.
    """
    return column if stands_for_its_text(column) else column.cast(pa.string())


def _within(column: pa.Array, limits: range) -> bool:
    ends = pc.min_max(column)
    return not ends["min"].is_valid or (ends["min"].value in limits and ends["max"].value in limits)


def as_text(records: pa.Table, names: Collection[str] | None = None) -> pa.Table:
    """Return the records with these columns (default: all) as text."""
    for place, field in enumerate(records.schema):
        if field.type != pa.string() and (names is None or field.name in names):
            records = records.set_column(place, field.name, records.column(place).cast(pa.string()))
    return records


def in_type(column: pa.ChunkedArray, to: pa.DataType) -> pa.ChunkedArray:
    """Return stored values in a type of the raw tables that holds each of them; a local time is taken as UTC."""
    if kind_of(column.type) == "local":
        column = column.cast(pa.timestamp("us"))
    return column if column.type == to else column.cast(to, safe=False)  # a whole number becomes the nearest double


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Put tables of the same columns one below the other; a column that they hold in different types becomes text."""
    schemas = [table.schema for table in tables]
    unlike = {name for name in schemas[0].names if len({schema.field(name).type for schema in schemas}) > 1}
    return pa.concat_tables([as_text(table, unlike) for table in tables])
