"""Pieces of SQL that several statements share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from nightloop.nights import Night, Nights

UNION = "\nunion all\n"
VERSION_ORDER = ("night", "known_at", "event_at", "withdrawn")
"""What puts the versions of a record in order."""


def night_literal(night: Night) -> str:
    """Return a night as SQL."""
    return f"cast('{night}' as date)"


def days_before(night: Night, days: int) -> str:
    """Return the night so many days before, as SQL."""
    return night_literal(night - timedelta(days=days))


def within(nights: Nights, column: str = "night") -> str:
    """Return the condition that a date column is one of the nights."""
    return f"{column} between {night_literal(nights.first)} and {night_literal(nights.last)}"


def named(columns: Mapping[str, str]) -> str:
    """Return a list of columns: SQL by name."""
    return ", ".join(f"{sql} as {name}" for name, sql in columns.items())


def next_version(key: Sequence[str], column: str = "night") -> str:
    """Return SQL of the night (or another column) of the version that took this one's place; null while it stands."""
    record = ", ".join(f'"{name}"' for name in key)
    return f"lead({column}) over (partition by {record} order by {', '.join(VERSION_ORDER)})"


def pick(values: Iterable[str]) -> str:
    """Return SQL of the value that belongs to the number v.i."""
    return f"case v.i {' '.join(f'when {i} then {value}' for i, value in enumerate(values))} end"
