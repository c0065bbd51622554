"""All use cases of an installation, read when they are asked for and kept until something of them changes.

A page must not take as long as a hundred use cases take to read: those that are not read within the time given are left out,
and the next look goes on with them.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from nightloop.alerts import StoredAlert, listed
from nightloop.control_room.reading import TABLES, summarise
from nightloop.control_room.summary import Summary, is_open
from nightloop.daily import Daily
from nightloop.definitions import definition_digest, load_use_case, use_case_names
from nightloop.errors import NightloopError
from nightloop.ledger.store import events_table
from nightloop.upkeep.deadlines import deadline

if TYPE_CHECKING:
    from nightloop.definitions import UseCase
    from nightloop.workspace import Workspace


@dataclass(frozen=True)
class Overview:
    """The use cases at an instant.

    Attributes:
        summaries: of each, in the order of their names.
        unread: those that there was no time for; what is shown of them, if anything, is of an earlier look.
        at: the instant.
        alerts: open ones that are about no use case but the whole installation.
    """

    summaries: tuple[Summary, ...]
    unread: tuple[str, ...]
    at: datetime
    alerts: tuple[StoredAlert, ...] = ()


@dataclass
class _Patience:
    """How long one look may take: at least one use case is read, or a slow one would never be."""

    until: float  # of time.monotonic
    has_read: bool = False

    @property
    def is_over(self) -> bool:
        return self.has_read and time.monotonic() > self.until


class ControlRoom:
    """Reads the use cases of a workspace, each again only when its definition, tables, events or alerts have changed."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._read: dict[str, tuple[Hashable, Summary]] = {}

    def overview(self, now: datetime, seconds: float | None = None) -> Overview:
        """Return what there is at an instant.

        Args:
            now: by which nights are due.
            seconds: after which no other use case is read, but for the first; None: all of them are.
        """
        names = use_case_names(self._workspace.settings.definitions)
        with self._lock:
            patience = _Patience(math.inf if seconds is None else time.monotonic() + seconds)
            alerts, newest_event = self._alerts(), self._newest_events()
            shown, unread = list[Summary](), list[str]()
            for name in names:
                summary = self._summary(name, now, alerts.get(name, []), newest_event.get(name, 0), patience)
                unread += [name] if summary is None else []
                if (summary := summary or self._earlier(name)) is not None:
                    shown.append(summary)
            return Overview(tuple(shown), tuple(unread), now, tuple(filter(is_open, alerts.get("", []))))

    def _summary(
        self, name: str, now: datetime, alerts: Sequence[StoredAlert], newest_event: int, patience: _Patience
    ) -> Summary | None:
        """Return a use case as it is; None where there is no time to read it."""
        known = self._read.get(name)
        if known is None and patience.is_over:
            return None
        try:
            use_case = load_use_case(name, self._workspace.settings.definitions)
            key = (*self._state(use_case, now), newest_event, *((item.id, item.ended_at) for item in alerts))
            if known is not None and known[0] == key:
                return known[1]
            if patience.is_over:
                return None
            patience.has_read = True
            summary = summarise(use_case, self._workspace, now, alerts)
        except NightloopError as error:  # one that cannot be read does not hide the others
            return Summary(name, error=str(error))
        self._read[name] = (key, summary)
        return summary

    def _earlier(self, name: str) -> Summary | None:
        known = self._read.get(name)
        return known[1] if known else None

    def _state(self, use_case: UseCase, now: datetime) -> Iterator[Hashable]:
        """Yield what a summary follows from, besides events and alerts: definition, nights due, versions of the tables."""
        yield definition_digest(use_case)
        newest = Daily.of(use_case.schedule, use_case.time_zone).newest(now)
        promised = deadline(use_case, newest)
        yield newest, promised is not None and promised <= now
        for table in (*(f"raw_{source}" for source in use_case.sources), *TABLES):
            yield self._workspace.lake.log(f"{use_case.use_case}/{table}").stamp()

    def _alerts(self) -> dict[str, list[StoredAlert]]:
        by_use_case: dict[str, list[StoredAlert]] = {}
        for stored, _ in listed(self._workspace.ledger):
            by_use_case.setdefault(stored.alert.use_case_name, []).append(stored)
        return by_use_case

    def _newest_events(self) -> dict[str, int]:
        """Return the number of each use case's newest event."""
        query = sa.select(events_table.c.use_case, sa.func.max(events_table.c.seq)).group_by(events_table.c.use_case)
        with self._workspace.ledger.reading() as connection:
            return {name: int(seq) for name, seq in connection.execute(query)}
