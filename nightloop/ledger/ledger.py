"""The append-only log of everything that happened or was decided, hash-chained, on SQLite or PostgreSQL.

Each event carries the digest of the one before, so that a change anywhere breaks the chain from there on.
Writers take turns (SQLite's write lock, an advisory lock on PostgreSQL), so there is one chain.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from nightloop.errors import StoreDamaged, UsageError
from nightloop.ledger.store import LedgerStore, events_table
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.settings import Settings

Clock = Callable[[], datetime]
FIRST = "0" * 64


def wall_clock() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Event:
    """One thing that happened, named in the past tense by ``kind``, for example ``champion_promoted``.

    Attributes:
        seq: 1, 2, 3, … over the whole ledger, without a gap.
        recorded_at: instant (UTC) at which it was written down.
        use_case: whose event it is.
        night: the night it is about, if it is about one.
        kind: what happened.
        subject: what it happened to (a gate's name, a version, a stage), "" if nothing in particular.
        payload: plain values that say more.
        previous: digest of the event before; 64 zeros for the first.
        digest: SHA-256 of all the above as canonical JSON, in hexadecimal.
    """

    seq: int
    recorded_at: datetime
    use_case: str
    night: Night | None
    kind: str
    subject: str
    payload: dict[str, Any]
    previous: str
    digest: str


class Ledger:
    """Records and finds events."""

    def __init__(self, url: str, clock: Clock = wall_clock) -> None:
        self._store = LedgerStore(url)
        self._clock = clock
        self._held = threading.local()

    @classmethod
    def open(cls, settings: Settings, clock: Clock = wall_clock) -> Ledger:
        """Open the ledger the settings name, and make its table if it is not there.

        Raises:
            StoreUnavailable: the database cannot be reached; the message holds no password.
        """
        return cls(settings.ledger_url, clock)

    def record(
        self,
        kind: str,
        use_case: str,
        *,
        night: Night | None = None,
        subject: str = "",
        payload: Mapping[str, Any] | None = None,
        once: bool = False,
    ) -> Event:
        """Append an event and return it as stored.

        Args:
            kind: past tense, snake case.
            use_case: whose event it is.
            night: the night it is about.
            subject: what it happened to.
            payload: values that JSON can hold; dates, instants and paths become text.
            once: if an event of this use case, kind, night and subject stands already, return that one, unchanged.

        Raises:
            UsageError: the payload holds what JSON cannot (NaN, infinity, objects).
        """
        plain = _plain(kind, payload or {})
        with self.exclusive():
            found = self.events(use_case, kind=kind, night=night, subject=subject) if once else []
            standing = [event for event in found if event.night == night]
            return standing[-1] if standing else self._append(kind, use_case, night, subject, plain)

    def events(
        self,
        use_case: str | None = None,
        *,
        kind: str | None = None,
        night: Night | None = None,
        subject: str | None = None,
    ) -> list[Event]:
        """Return events in order: those that match every argument that is not None."""
        table = events_table
        found = sa.select(table).order_by(table.c.seq)
        if use_case is not None:
            found = found.where(table.c.use_case == use_case)
        if kind is not None:
            found = found.where(table.c.kind == kind)
        if subject is not None:
            found = found.where(table.c.subject == subject)
        if night is not None:
            found = found.where(table.c.night == str(night))
        with self._connection() as connection:
            return [_as_event(row) for row in connection.execute(found)]

    def verify(self) -> int:
        """Check the whole chain and return how many events it has.

        Raises:
            StoreDamaged: an event was changed, removed or put in between; the message names the first.
        """
        previous = FIRST
        events = self.events()
        for at, event in enumerate(events, start=1):
            if event.seq != at:
                raise self._broken(at, f"is missing, the next is {event.seq}")
            if event.previous != previous or event.digest != _digest(event):
                raise self._broken(at, "is not what was recorded")
            previous = event.digest
        return len(events)

    @contextmanager
    def exclusive(self) -> Iterator[Ledger]:
        """Read and append with no writer in between: all appends inside land together, or none does.

        Nested uses join the outermost. Other writers wait; readers see what stood before.
        """
        if getattr(self._held, "connection", None) is not None:
            yield self
            return
        with self._store.writing() as connection:
            self._held.connection = connection
            try:
                yield self
            finally:
                self._held.connection = None

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        held = getattr(self._held, "connection", None)
        if held is not None:
            yield held
            return
        with self._store.reading() as connection:
            yield connection

    def _append(self, kind: str, use_case: str, night: Night | None, subject: str, payload: dict[str, Any]) -> Event:
        with self._connection() as connection:
            table = events_table
            last = connection.execute(sa.select(table.c.seq, table.c.digest).order_by(table.c.seq.desc()).limit(1)).first()
            seq, previous = (last.seq + 1, last.digest) if last else (1, FIRST)
            event = Event(seq, self._clock().astimezone(UTC), use_case, night, kind, subject, payload, previous, "")
            row = {**_as_row(event), "digest": _digest(event)}
            connection.execute(sa.insert(table).values(row))
            return Event(**{**event.__dict__, "digest": row["digest"]})

    def _broken(self, seq: int, how: str) -> StoreDamaged:
        return StoreDamaged(
            f"the chain breaks at event {seq}: it {how}.",
            where=f"ledger {self._store.place}",
            do="Restore the ledger from its backup; what it says from there on is not proven.",
        )


def _as_row(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "recorded_at": event.recorded_at.isoformat(timespec="microseconds"),
        "use_case": event.use_case,
        "night": None if event.night is None else str(event.night),
        "kind": event.kind,
        "subject": event.subject,
        "payload": _json(event.payload),
        "previous": event.previous,
    }


def _as_event(row: sa.Row[Any]) -> Event:
    return Event(
        seq=row.seq,
        recorded_at=datetime.fromisoformat(row.recorded_at),
        use_case=row.use_case,
        night=None if row.night is None else Night.fromisoformat(row.night),
        kind=row.kind,
        subject=row.subject,
        payload=json.loads(row.payload),
        previous=row.previous,
        digest=row.digest,
    )


def _digest(event: Event) -> str:
    return hashlib.sha256(_json(_as_row(event)).encode()).hexdigest()


def _plain(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(_json(dict(payload)))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the payload cannot be recorded ({error}).", where=f"event {kind}", do="Give plain values."
        ) from error
    return plain


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_text)


def _text(value: object) -> str:
    if isinstance(value, date | PurePath):
        return value.isoformat() if isinstance(value, date) else str(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")
