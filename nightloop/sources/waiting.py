"""Wait for a night's files: what is there, whether it is whole, and until when it is waited for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from nightloop.errors import EmptyNight
from nightloop.nights import Night
from nightloop.sources.files import Listing

QUIET = timedelta(seconds=60)
"""A file that nobody has written to for so long is whole."""


class Outcome(StrEnum):
    """How the wait for a night's files stands."""

    ARRIVED = "arrived"
    WAITING = "waiting"
    LATE = "late"


def deadline(arrives_by: str, night: Night, time_zone: str) -> datetime:
    """Return the instant at which the wait ends: the given time of the morning after the night."""
    return datetime.combine(night + timedelta(days=1), time.fromisoformat(arrives_by), tzinfo=ZoneInfo(time_zone))


@dataclass
class Watch:
    """Judges one look after the other at the place of a delivery.

    Files are whole when the sender's last file is there, where one is declared; else when two looks in a row saw the same
    files of the same sizes, or nobody has written to them for a minute.
    """

    until: datetime
    before: Listing | None = None

    def judge(self, seen: Listing, now: datetime) -> Outcome:
        """Say how the wait stands after this look."""
        before, self.before = self.before, seen
        if _is_whole(seen, before, now):
            return Outcome.ARRIVED
        not_compared_yet = bool(seen.files) and not seen.ends_with_marker and not (before and before.files)
        return Outcome.WAITING if now < self.until or not_compared_yet else Outcome.LATE


def _is_whole(seen: Listing, before: Listing | None, now: datetime) -> bool:
    if not seen.files or seen.ends_with_marker:
        return bool(seen.files) and seen.awaited is None
    same = before is not None and before.files == seen.files
    return same or (seen.written_at is not None and now - seen.written_at >= QUIET)


def late(source: str, night: Night, seen: Listing, until: datetime, since: datetime) -> EmptyNight:
    """Return the error of a delivery that did not come in time.

    Args:
        source: name of the source.
        night: whose files were waited for.
        seen: what the last look saw.
        until: the deadline, in the use case's time zone.
        since: when the wait began.
    """
    what = "no file is there"
    if seen.files:
        what = f"files are there, but {f'{seen.awaited} is not' if seen.awaited else 'still growing'}"
    waited = f"waited for since {since.astimezone(until.tzinfo):%Y-%m-%d %H:%M:%S}" if since < until else "looked for once"
    return EmptyNight(
        f"the files of source '{source}' for the night {night} did not arrive by {until:%Y-%m-%d %H:%M:%S %Z} ({waited}): "
        f"{what}.",
        where=seen.pattern,
        do="Ask whoever sends them. When they are there, clear this task: it looks again at once. If they always come later, "
        "correct arrives_by in feature_defs/.",
    )
