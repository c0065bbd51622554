"""The columns of a drafted source: those of the file, and those derived from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightloop.drafting.column_profile import ColumnProfile
from nightloop.drafting.keys import Key
from nightloop.drafting.names import legal_name, literal, quoted
from nightloop.drafting.roles import Label
from nightloop.expressions.types import ColumnType


@dataclass(frozen=True)
class Field:
    """A column of a drafted source; ``profile`` is what the sample shows of it, absent when it is derived."""

    name: str
    type: ColumnType
    sql: str
    description: str
    comment: str
    profile: ColumnProfile | None = None


def field(column: ColumnProfile) -> Field:
    """Return a column of the file, with what the sample shows of it."""
    return Field(column.name, column.type, column.sql, f"{column.words}.", _facts(column), column)


def _facts(column: ColumnProfile) -> str:
    """Say what the sample shows; no value of a column that may be about a person."""
    facts = [f"{column.distinct:,} different"]
    if column.low is not None and not column.personal:
        facts.append(f"{column.low} to {column.high}")
    if column.missing:
        facts.append(f"{column.missing / column.rows:.1%} missing")
    shown = ", ".join(facts)
    notes = "; ".join(column.notes)
    return f"{shown}; check: {notes}" if notes else shown


def label_field(label: Label) -> Field:
    """Return the column of the outcome; classes get legal names."""
    column = label.column
    if label.task != "multiclass":
        return field(column)
    cases = " ".join(f"when {_value_text(value)} then {literal(name)}" for value, name in classes(label).items())
    return Field(column.name, "string", f"case {column.sql} {cases} end", f"{column.words}.", _facts(column), column)


def label_expression(label: Label) -> str:
    """Return the label over the columns of its source."""
    name, value = label.column.name, label.positive
    if label.task != "binary":
        return name
    if label.column.type == "boolean":
        return name if value else f"not {name}"
    return f"{name} = {literal(value)}" if isinstance(value, str) else f"{name} = {value}"


def classes(label: Label) -> dict[object, str]:
    """Return the legal name of each class of a multiclass label, by the file's value."""
    names: dict[object, str] = {}
    for value in sorted(label.column.values, key=str):
        names[value] = legal_name(str(value), list(names.values()), "class")
    return names


def _value_text(value: object) -> str:
    return literal(value) if isinstance(value, str) else str(value).lower()


def key_fields(key: Key, names: Sequence[str]) -> list[Field]:
    """Return the columns of the key: an instant as its text, for a key is a text, an integer, a date or a boolean.

    Args:
        key: what was found.
        names: those that are taken.
    """
    if not key.columns:
        return [_digest(key.digested, names)]
    return [_instant(item, names) if item.type == "timestamp" else field(item) for item in key.columns]


def _instant(column: ColumnProfile, names: Sequence[str]) -> Field:
    sql = f"timezone('UTC', ({column.sql})::timestamptz)::varchar"
    what = f"{column.words} as a text (UTC): an instant in the key."
    return Field(legal_name(f"{column.name}_text", names), "string", sql, what, "derived")


def _digest(columns: Sequence[ColumnProfile], names: Sequence[str]) -> Field:
    parts = ", ".join(f"coalesce({quoted(item.original)}, '')" for item in columns)
    what = "Digest of what a record never changes: the file has no key of its own."
    return Field(legal_name("record_id", names), "string", f"md5(concat_ws(chr(31), {parts}))", what, "")


def derived(event_at: str, time_zone: str, with_hour: bool, names: Sequence[str]) -> list[Field]:
    """Return the local date of the event, and its hour where the file tells hours."""
    local = f"timezone({literal(time_zone)}, ({event_at})::timestamptz)"
    fields = [Field(legal_name("event_date", names), "date", f"{local}::date", "Local date of the event.", "derived")]
    if with_hour:
        hour = legal_name("event_hour", names)
        fields.append(Field(hour, "integer", f"hour({local})", "Local hour of the event.", "derived"))
    return fields
