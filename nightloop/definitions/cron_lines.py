"""Say what is wrong with a cron line, field by field, before a scheduler reads it."""

from __future__ import annotations

import re

_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d*))?")


def fault_of(line: str) -> str | None:
    """Return how to mend the line; None when it is right."""
    fields = line.split()
    if len(fields) != len(_FIELDS):
        return "Write five fields, for example '0 2 * * *'."
    for text, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        if not all(_is_part(part, low, high, words) for part in text.split(",")):
            return f"The {name} '{text}' is to be *, or numbers from {low} to {high}, as in 1, 1-5, 1,3 or */2."
    return None


def _is_part(text: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    found = _PART.fullmatch(text)
    ends = [_number(end, low, words) for end in found.groups()[:2] if end] if found else [None]
    return all(end is not None and low <= end <= high for end in ends) and ends == sorted(ends)  # type: ignore[type-var]


def _number(text: str, low: int, words: tuple[str, ...]) -> int | None:
    if text.isascii() and text.isdecimal():
        return int(text)
    return words.index(text.lower()) + low if text.lower() in words else None
