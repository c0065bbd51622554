"""Pieces of SQL that several statements share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nightloop.nights import Nights

UNION = "\nunion all\n"


def within(nights: Nights, column: str = "night") -> str:
    """Return the condition that a date column is one of the nights."""
    return f"{column} between cast('{nights.first}' as date) and cast('{nights.last}' as date)"


def named(columns: Mapping[str, str]) -> str:
    """Return a list of columns: SQL by name."""
    return ", ".join(f"{sql} as {name}" for name, sql in columns.items())


def pick(values: Iterable[str]) -> str:
    """Return SQL of the value that belongs to the number v.i."""
    return f"case v.i {' '.join(f'when {i} then {value}' for i, value in enumerate(values))} end"
