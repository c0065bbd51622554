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
    """Judges one listing after the other of the place of a delivery.

    Files are whole when the sender's last file is there, where one is declared; else when two listings in a row hold the same
    files of the same sizes, or nobody has written to them for a minute.
    """

    until: datetime
    previous: Listing | None = None

    def judge(self, listing: Listing, now: datetime) -> Outcome:
        """Return how the wait stands after this listing."""
        previous, self.previous = self.previous, listing
        if _is_whole(listing, previous, now):
            return Outcome.ARRIVED
        not_compared_yet = bool(listing.files) and not listing.ends_with_marker and not (previous and previous.files)
        return Outcome.WAITING if now < self.until or not_compared_yet else Outcome.LATE


def _is_whole(listing: Listing, previous: Listing | None, now: datetime) -> bool:
    if not listing.files or listing.ends_with_marker:
        return bool(listing.files) and listing.awaited is None
    same = previous is not None and previous.files == listing.files
    return same or (listing.written_at is not None and now - listing.written_at >= QUIET)


def late(source: str, night: Night, listing: Listing, until: datetime, since: datetime) -> EmptyNight:
    """Return the error of a delivery that did not come in time.

    Args:
        source: name of the source.
        night: whose files were waited for.
        listing: the last one.
        until: the deadline, in the use case's time zone.
        since: when the wait began.
    """
    what = "no file is there"
    if listing.files:
        what = f"files are there, but {f'{listing.awaited} is not' if listing.awaited else 'still growing'}"
    waited = f"waited for since {since.astimezone(until.tzinfo):%Y-%m-%d %H:%M:%S}" if since < until else "looked for once"
    return EmptyNight(
        f"the files of source '{source}' for the night {night} did not arrive by {until:%Y-%m-%d %H:%M:%S %Z} ({waited}): "
        f"{what}.",
        where=listing.pattern,
        do="Ask whoever sends them. When they are there, clear this task: it looks again at once. If they always come later, "
        "correct arrives_by in feature_defs/.",
    )
