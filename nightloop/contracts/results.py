"""What a rule found in a table, whoever looked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

_EXAMPLES = 20


@dataclass(frozen=True)
class Result:
    """What was found for one rule: positions of breaking rows (none for a rule about the whole table)."""

    success: bool
    rows: tuple[int, ...]
    observed: str


PASSED = Result(True, (), "")


def observed_rows(broken: int, of: int | None, examples: Iterable[object]) -> str:
    """Say how many rows break a rule, with some of their values."""
    shown = ", ".join(dict.fromkeys(plain(value) for value in list(examples)[:_EXAMPLES]))
    return f"{broken} of {of} rows{f' ({shown[:200]})' if shown else ''}"


def plain(value: object) -> str:
    """Write a value for people and for JSON, the same in every process."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else str(value)
