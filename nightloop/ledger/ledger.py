"""The append-only log of everything that happened or was decided, hash-chained, on SQLite or PostgreSQL.

Each event carries the digest of the one before, so that a change anywhere breaks the chain from there on.
Writers take turns (SQLite's write lock, an advisory lock on PostgreSQL), so there is one chain.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from nightloop.errors import StoreDamaged
from nightloop.ledger.digest_copy import DigestCopy, Line
from nightloop.ledger.events import Event, as_row, digest_of, event_of, plain_payload
from nightloop.ledger.store import LedgerStore, events_table
from nightloop.nights import Night, utc_now

if TYPE_CHECKING:
    from nightloop.settings import Settings

Clock = Callable[[], datetime]
FIRST = "0" * 64
COPIES = "ledger-digests"
"""Folder of HOME that holds the copied digests, a file a ledger."""


@dataclass(frozen=True)
class Verified:
    """What a verification found whole.

    Attributes:
        place: the ledger's address, without a password.
        events: how many events stand, each as it was recorded and after the one before it.
        newest: digest of the last event; 64 zeros where there is none. Keep it elsewhere, and nobody can rewrite what it ends.
        copied: the last event whose digest this HOME copied when it recorded it, 0 where it copied none. Nothing up to
            there was cut off or rewritten; of a later end that cannot be said.
    """

    place: str
    events: int
    newest: str
    copied: int

    def as_json(self) -> dict[str, object]:
        """Return plain values for ``--json``."""
        return {"ledger": self.place, "events": self.events, "newest": self.newest, "copied": self.copied}

    def in_words(self) -> str:
        """Say it in two lines."""
        if not self.copied:
            proof = "This HOME recorded none of them: a tail that was cut off would not be noticed from here."
        elif self.copied < self.events:
            proof = f"None up to event {self.copied} is cut off; those after it were recorded elsewhere."
        else:
            proof = "None is cut off: the last digest is the one that this HOME copied when it recorded the event."
        return f"{self.place}: {self.events:,} events stand, as they were recorded; the last digest is {self.newest}\n{proof}"


class Ledger:
    """Records and finds events."""

    def __init__(self, url: str, clock: Clock = utc_now, home: Path | None = None) -> None:
        self._store = LedgerStore(url)
        self._clock = clock
        self._transaction = threading.local()
        self._copy = DigestCopy(home / COPIES / self._store.label(home)) if home else None

    @classmethod
    def open(cls, settings: Settings, clock: Clock = utc_now) -> Ledger:
        """Open the ledger the settings name, and make its table if it is not there.

        Raises:
            StoreUnavailable: the database cannot be reached; the message holds no password.
        """
        return cls(settings.ledger_url, clock, settings.home)

    def record(
        self,
        kind: str,
        use_case: str,
        *,
        night: Night | None = None,
        subject: str = "",
        payload: Mapping[str, Any] | None = None,
        once: bool = False,
        unless_repeated: bool = False,
    ) -> Event:
        """Append an event and return it as stored.

        Args:
            kind: past tense, snake case.
            use_case: whose event it is.
            night: the night it is about.
            subject: what it happened to.
            payload: values that JSON can hold; dates, instants and paths become text.
            once: if an event of this use case, kind, night and subject stands already, return that one, unchanged.
            unless_repeated: if the newest of them has the same payload, return that one: what is found again is no news.

        Raises:
            UsageError: the payload holds what JSON cannot (NaN, infinity, objects).
        """
        plain = plain_payload(kind, payload or {})
        with self.exclusive():
            recorded = self.events(use_case, kind=kind, night=night, subject=subject) if once or unless_repeated else []
            newest = next((event for event in reversed(recorded) if event.night == night), None)
            if newest is not None and (once or newest.payload == plain):
                return newest
            return self._append(kind, use_case, night, subject, plain)

    def events(
        self,
        use_case: str | None = None,
        *,
        kind: str | tuple[str, ...] | None = None,
        night: Night | None = None,
        subject: str | None = None,
    ) -> list[Event]:
        """Return events in order: those that match every argument that is not None, and one of several kinds."""
        table = events_table
        query = sa.select(table).order_by(table.c.seq)
        if use_case is not None:
            query = query.where(table.c.use_case == use_case)
        if kind is not None:
            query = query.where(table.c.kind.in_((kind,) if isinstance(kind, str) else kind))
        if subject is not None:
            query = query.where(table.c.subject == subject)
        if night is not None:
            query = query.where(table.c.night == str(night))
        with self.reading() as connection:
            return [self._as_event(row) for row in connection.execute(query)]

    def verify(self) -> Verified:
        """Recompute the whole chain, and hold it to the digests that this HOME copied.

        Raises:
            StoreDamaged: an event was changed, removed or put in between; the message names the first.
        """
        copied = self._copy.lines() if self._copy else []  # first: events recorded in between may have no line yet
        digests = list(self._recomputed())
        for seq, digest in copied:
            if seq > len(digests):
                raise self._broken(seq, f"was recorded from this HOME and is missing; the last is {len(digests)}")
            if digests[seq - 1] != digest:
                raise self._broken(seq, "is not the one that was recorded from this HOME")
        newest = max((seq for seq, _ in copied), default=0)
        return Verified(self._store.place, len(digests), digests[-1] if digests else FIRST, newest)

    def _recomputed(self) -> Iterator[str]:
        """Return the digest of every event as its row says it, checked against the row's own and the one before."""
        table, previous = events_table, FIRST
        with self.reading() as connection:
            for at, row in enumerate(connection.execute(sa.select(table).order_by(table.c.seq)), start=1):
                if row.seq != at:
                    raise self._broken(at, f"is missing, the next is {row.seq}")
                if row.previous != previous or row.digest != digest_of(row._asdict()):
                    raise self._broken(at, "is not what was recorded")
                previous = row.digest
                yield previous

    @contextmanager
    def exclusive(self) -> Iterator[Ledger]:
        """Read and append with no writer in between: all appends inside land together, or none does.

        Nested uses join the outermost. Other writers wait; readers see what stood before.
        """
        if getattr(self._transaction, "connection", None) is not None:
            yield self
            return
        with self._copying() as lines, self._store.writing() as connection:
            self._transaction.connection, self._transaction.lines = connection, lines
            try:
                yield self
            finally:
                self._transaction.connection = None

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Give the connection of ``exclusive``: rows of a table beside the ledger's land together with its events."""
        with self.exclusive(), self.reading() as connection:
            yield connection

    def _copying(self) -> AbstractContextManager[list[Line]]:
        """Copy the digests of what is appended inside, once it is committed."""
        return self._copy.adding() if self._copy else nullcontext([])

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one state: that of the transaction this thread is in, or what stands."""
        transaction = getattr(self._transaction, "connection", None)
        if transaction is not None:
            yield transaction
            return
        with self._store.reading() as connection:
            yield connection

    def _append(self, kind: str, use_case: str, night: Night | None, subject: str, payload: dict[str, Any]) -> Event:
        with self.reading() as connection:
            table = events_table
            last = connection.execute(sa.select(table.c.seq, table.c.digest).order_by(table.c.seq.desc()).limit(1)).first()
            seq, previous = (last.seq + 1, last.digest) if last else (1, FIRST)
            event = Event(seq, self._clock().astimezone(UTC), use_case, night, kind, subject, payload, previous, "")
            row = as_row(event)
            digest = digest_of(row)
            connection.execute(sa.insert(table).values({**row, "digest": digest}))
            self._transaction.lines.append((seq, digest))
            return replace(event, digest=digest)

    def _as_event(self, row: sa.Row[Any]) -> Event:
        try:
            return event_of(row)
        except ValueError as error:
            raise self._broken(row.seq, f"cannot be read ({error})") from error

    def _broken(self, seq: int, how: str) -> StoreDamaged:
        return StoreDamaged(
            f"the chain breaks at event {seq}: it {how}.",
            where=f"ledger {self._store.place}",
            do="Restore the ledger from its backup; what it says from there on is not proven. "
            f"Is this a backup, or a ledger begun anew? Then move HOME/{COPIES} aside first.",
        )
