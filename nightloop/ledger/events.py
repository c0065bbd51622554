"""One event of the ledger: how it is stored as a row, and the digest that chains it to the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePath
from typing import Any

import sqlalchemy as sa

from nightloop.errors import UsageError
from nightloop.nights import Night


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


def as_row(event: Event) -> dict[str, Any]:
    """Return the texts and numbers that are stored of an event, without its digest."""
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


def event_of(row: sa.Row[Any]) -> Event:
    """Return the event that a row holds.

    Raises:
        ValueError: a text of the row is no instant, night or JSON.
    """
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


def digest_of(row: Mapping[str, Any]) -> str:
    """Return the digest of an event from the very texts of its row: what they mean is not asked."""
    return hashlib.sha256(_json({name: row[name] for name in row if name != "digest"}).encode()).hexdigest()


def plain_payload(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload as JSON gives it back.

    Raises:
        UsageError: it holds what JSON cannot (NaN, infinity, objects).
    """
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
