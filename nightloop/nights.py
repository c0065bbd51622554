"""The partition key of everything: a night, the data day in the use case's time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from nightloop.errors import BadNight

Night = date

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True)
class Nights:
    """An unbroken run of nights, both ends included."""

    first: Night
    last: Night

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise BadNight(
                f"the range {self.first}..{self.last} ends before it begins.",
                do="Write the earlier night first.",
            )

    def __iter__(self) -> Iterator[Night]:
        return (self.first + timedelta(days=i) for i in range(len(self)))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, night: object) -> bool:
        return isinstance(night, date) and self.first <= night <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}..{self.last}"


def parse_night(text: str | None) -> Night:
    """Read a night written YYYY-MM-DD.

    Raises:
        BadNight: blank, of another form, or no day of the calendar.
    """
    if text is None or not text.strip():
        raise BadNight(
            "the partition key is blank.",
            do="Give a night, for example 2013-04-01; a run without one would be green and feed nobody.",
        )
    if not _FORM.fullmatch(text.strip()):
        raise BadNight(f"'{text}' is not a night.", do="Write it as YYYY-MM-DD, for example 2013-04-01.")
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise BadNight(f"'{text}' is no day of the calendar ({error}).", do="Give a day that exists.") from error


def parse_nights(text: str | None) -> Nights:
    """Read one night, or a range written FIRST..LAST (both included)."""
    first, dots, last = (text or "").partition("..")
    start = parse_night(first)
    return Nights(start, parse_night(last) if dots else start)


def one(night: Night) -> Nights:
    """Wrap a single night as a range."""
    return Nights(night, night)


def utc_now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


def cutoff(night: Night, time_zone: str) -> datetime:
    """Return the instant (UTC) at which the night ends: what is known later does not exist for it."""
    return instant_of(night + timedelta(days=1), time.min, time_zone)


def instant_of(day: Night, at: time, time_zone: str) -> datetime:
    """Return the instant (UTC) at which the clocks of a zone show a time of a day.

    A time that they show twice is the second one: only then is what comes before it over. A time that they leap over is as long
    after the leap as it is into it.
    """
    return max(datetime.combine(day, at, ZoneInfo(time_zone)).replace(fold=fold).astimezone(UTC) for fold in (0, 1))
