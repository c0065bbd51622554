"""When nights are taken in: once every local day, at one time, whatever the clocks do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from nightloop.errors import BadNight, UsageError
from nightloop.nights import Night, Nights, cutoff, instant_of

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase

DAY = timedelta(days=1)
_LINE = re.compile(r"([0-5]?\d)\s+([01]?\d|2[0-3])\s+\*\s+\*\s+\*", re.ASCII)


def time_of(line: str) -> time | None:
    """Return the time of day of a cron line that stands for once a day, ``MINUTE HOUR * * *``; None for any other."""
    match = _LINE.fullmatch(line.strip())
    return time(int(match[2]), int(match[1])) if match else None


@dataclass(frozen=True)
class Daily:
    """One run a local day, which takes in the night before.

    On the day of a spring change a time that the clocks leap over is taken the length of the leap later; on that of an autumn
    change a time that comes twice is taken the second time, when the day before is over whatever the clocks did at midnight. A
    day that a time zone never had (Samoa, 30 December 2011) has no run and is no night.

    Attributes:
        at: time of day.
        time_zone: name of the zone whose days are counted.
    """

    at: time
    time_zone: str

    @classmethod
    def of(cls, line: str, time_zone: str) -> Daily:
        """Read a cron line.

        Raises:
            UsageError: it is not once a day.
        """
        at = time_of(line)
        if at is None:
            raise UsageError(f"'{line}' is not once a day.", do="Write minute and hour of every day, for example '0 2 * * *'.")
        return cls(at, time_zone)

    def run_of(self, night: Night) -> datetime:
        """Return the instant (UTC) at which a night is taken in: on the next day that there is, when the night is over."""
        return max(instant_of(self.next_day(night), self.at, self.time_zone), cutoff(night, self.time_zone))

    def newest(self, now: datetime) -> Night:
        """Return the newest night whose run is due at an instant."""
        night = now.astimezone(ZoneInfo(self.time_zone)).date()
        return next(day for day in self._back(night) if self.run_of(day) <= now)

    def next_day(self, day: Night) -> Night:
        """Return the local day after a day."""
        following = day + DAY
        return following if self.has(following) else following + DAY

    def has(self, day: Night) -> bool:
        """Whether the time zone had this day."""
        return cutoff(day - DAY, self.time_zone) < cutoff(day, self.time_zone)

    def nights(self, first: Night, last: Night) -> Iterator[Night]:
        """Yield the local days from first to last."""
        return (day for day in (first + n * DAY for n in range((last - first).days + 1)) if self.has(day))

    def _back(self, day: Night) -> Iterator[Night]:
        while True:
            if self.has(day):
                yield day
            day -= DAY


def check_nights(use_case: UseCase, nights: Nights, now: datetime, *, even_if_unfinished: bool = False) -> None:
    """Check that nights are the use case's, and over.

    Raises:
        BadNight: a night is before its first or after its last, or not over at ``now`` and not asked for all the same.
    """
    first, last = use_case.first_night, use_case.last_night
    if nights.first < first or (last is not None and nights.last > last):
        outside = nights.first if nights.first < first else nights.last
        raise BadNight(
            f"{outside} is outside the nights of the use case '{use_case.use_case}'.",
            do=f"Give nights from {first} {f'to {last}' if last else 'on'}, as feature_defs/{use_case.use_case}.yaml says.",
        )
    if not even_if_unfinished:
        check_over(
            use_case,
            nights.last,
            now,
            do="Wait until then: what is known of it still changes. Or take in what there is (--even-if-unfinished; in Airflow "
            'the configuration {"even_if_unfinished": true}), and once more when it is over.',
        )


def check_over(use_case: UseCase, night: Night, now: datetime, do: str = "Wait until then.") -> None:
    """Check that a night is over.

    Raises:
        BadNight: it is not; the message says when it will be, and what to ``do``.
    """
    if now < (end := cutoff(night, use_case.time_zone)):
        until = end.astimezone(ZoneInfo(use_case.time_zone))
        what = f"the night {night} is not over: it ends at {until:%Y-%m-%d %H:%M} in {use_case.time_zone}."
        raise BadNight(what, where=use_case.use_case, do=do)
