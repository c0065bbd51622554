"""The result of a rule on a table, whether the fast path or Great Expectations judged it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

EXAMPLES = 20


@dataclass(frozen=True)
class Result:
    """Whether a rule holds, the positions of rows that break it (none for a rule about the whole table), what was observed."""

    success: bool
    rows: tuple[int, ...]
    observed: str


PASSED = Result(True, (), "")


def observed_rows(broken: int, of: int | None, examples: Iterable[object]) -> str:
    """Say how many rows break a rule, with some of their values."""
    shown = ", ".join(dict.fromkeys(plain(value) for value in list(examples)[:EXAMPLES]))
    return f"{broken} of {of} rows{f' ({shown[:200]})' if shown else ''}"


def plain(value: object) -> str:
    """Write a value for people and for JSON, the same in every process."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else str(value)
