"""The lines of the audit on disk: a folder a day (UTC), segments that are only appended to, one JSON object a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from nightloop.errors import StoreDamaged
from nightloop.nights import Night, cutoff

FOLDER = "audit"  # of HOME
DAYS = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
ID = re.compile(r"(\d{4})(\d{2})(\d{2})-[0-9a-f]{16}")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Torn:
    """The end of a segment whose process was killed while it wrote: no line, for its answer was on its way still."""

    path: Path


def segments(home: Path, first: Night, last: Night) -> list[Path]:
    """Return the segments of some days (UTC), both ends included, in order."""
    folder = home / FOLDER
    return [
        path for day in sorted(folder.glob(DAYS)) if str(first) <= day.name <= str(last) for path in sorted(day.glob("*.jsonl"))
    ]


def segments_of(home: Path, night: Night, time_zone: str) -> list[Path]:
    """Return the segments that may hold lines of a night; a line is written a little later than its answer is given."""
    began, ended = cutoff(night - _DAY, time_zone), cutoff(night, time_zone)
    return segments(home, began.date(), ended.date() + _DAY)


def nights_over(home: Path, time_zone: str, now: datetime) -> list[Night]:
    """Return the nights of a time zone that are over and may have lines, in order."""
    today = now.astimezone(ZoneInfo(time_zone)).date()
    days = {Night.fromisoformat(day.name) for day in (home / FOLDER).glob(DAYS)}
    return sorted({night for day in days for night in (day - _DAY, day, day + _DAY) if night < today})


def lines_of(paths: list[Path], use_case: str, night: Night, time_zone: str) -> Iterator[dict[str, Any] | Torn]:
    """Yield the lines of a use case's answers of a night, as they were written, and what is torn.

    Raises:
        StoreDamaged: a line is no JSON object of the audit; the message names it.
    """
    began, ended = cutoff(night - _DAY, time_zone), cutoff(night, time_zone)
    named = b'"%s"' % use_case.encode()  # looked for first: to parse the lines of all others costs far more
    for path in paths:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.endswith(b"\n"):
                    yield Torn(path)
                elif named in line:
                    values = _parsed(line, path, number)
                    is_asked = values["use_case"] == use_case
                    if is_asked and began <= datetime.fromisoformat(values["recorded_at"]) < ended:
                        yield values


def _parsed(line: bytes, path: Path, number: int) -> dict[str, Any]:
    try:
        values: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise StoreDamaged(
            f"line {number} is no JSON ({error}).",
            where=str(path),
            do="Segments are only appended to: compare it with its backup. Nothing of its night is shipped meanwhile.",
        ) from error
    return values


def line_of(home: Path, decision: str) -> dict[str, Any] | None:
    """Return the line of an answer by its id; None where none that is whole has it."""
    day = day_of(decision)
    beginning = b'{"id":"%s",' % decision.encode()
    for path in segments(home, day, day + _DAY) if day else ():
        with path.open("rb") as lines:
            for line in lines:
                if line.startswith(beginning) and line.endswith(b"\n"):
                    values: dict[str, Any] = orjson.loads(line)
                    return values
    return None


def day_of(decision: str) -> Night | None:
    """Return the day (UTC) on which an answer was given, by its id; None where it is the id of none."""
    match = ID.fullmatch(decision)
    try:
        return Night.fromisoformat("-".join(match.groups())) if match else None
    except ValueError:  # no day of the calendar
        return None
