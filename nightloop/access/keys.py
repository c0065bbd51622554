"""A key of a client: what it may ask for, until when, how often. The ledger has its digest, and nobody but the client the key.

A key is 256 random bits, so its plain SHA-256 gives nothing away, and is found at once. What is issued and revoked is an event,
with who did it; services read the events as they poll, so that nothing is restarted.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from nightloop.errors import UsageError, command, suggest
from nightloop.ledger import Event, Ledger

ISSUED, REVOKED = "client_key_issued", "client_key_revoked"
EVERYWHERE = ""  # the use case of these events: a key is of the installation
SCORE, DECISIONS, ADMIN = "score", "decisions", "admin"
SCOPES = {
    SCORE: "ask for answers",
    DECISIONS: "read answers that were given",
    ADMIN: "all of it",
}
OPERATORS, STREAM = "service-token", "stream"
"""Names under which whoever carries the one token, and a message of a topic, are recorded; no client of a key has them."""
LONGEST_DAYS = 3650
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,59}")


@dataclass(frozen=True)
class Key:
    """What the ledger knows of a key.

    Attributes:
        id: of the key, for people; it opens nothing.
        client: whose it is; the audit records it.
        scopes: ``score``, ``decisions``, ``admin``, of one use case each where one follows after a colon.
        expires_at: instant (UTC) from which on it opens nothing.
        per_minute: requests a minute; None: as the service limits everybody.
        digest: SHA-256 of the key, in hexadecimal.
        issued_by: who issued it.
        revoked_at: instant (UTC) at which it was revoked.
    """

    id: str
    client: str
    scopes: tuple[str, ...]
    expires_at: datetime
    per_minute: int | None
    digest: str
    issued_by: str
    revoked_at: datetime | None = None

    def allows(self, scope: str, use_case: str) -> bool:
        """Tell whether it opens a scope of a use case."""
        return not {ADMIN, f"{ADMIN}:{use_case}", scope, f"{scope}:{use_case}"}.isdisjoint(self.scopes)

    def state(self, now: datetime) -> str:
        """Return ``valid``, ``expired`` or ``revoked``."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if now < self.expires_at else "expired"

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Return plain values, without the digest."""
        return {
            "id": self.id,
            "client": self.client,
            "scopes": list(self.scopes),
            "state": self.state(now),
            "expires_at": self.expires_at.isoformat(timespec="seconds"),
            "per_minute": self.per_minute,
            "issued_by": self.issued_by,
        }


def digest_of(text: str) -> str:
    """Return the digest by which a key is found."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def issue(
    ledger: Ledger,
    client: str,
    scopes: Sequence[str],
    *,
    now: datetime,
    days: int,
    per_minute: int | None,
    by: str,
    use_cases: Sequence[str],
) -> tuple[Key, str]:
    """Issue a key, and return it with its text, which is nowhere else.

    Args:
        ledger: records its digest.
        client: whose it is; a client may have several keys, the old and the new one while it changes over.
        scopes: what it opens.
        now: the present instant.
        days: after which it expires.
        per_minute: requests that the client may send a minute.
        by: who issues it.
        use_cases: the names that a scope may have.

    Raises:
        UsageError: a name, a scope or a number is not what it must be.
    """
    _check(client, scopes, days, per_minute, use_cases)
    text = f"nl_{secrets.token_urlsafe(32)}"
    payload = {
        "client": client,
        "scopes": list(dict.fromkeys(scopes)),
        "expires_at": (now + timedelta(days=days)).isoformat(timespec="seconds"),
        "per_minute": per_minute,
        "digest": digest_of(text),
        "by": by,
    }
    return _key(ledger.record(ISSUED, EVERYWHERE, subject=secrets.token_hex(4), payload=payload)), text


def _check(client: str, scopes: Sequence[str], days: int, per_minute: int | None, use_cases: Sequence[str]) -> None:
    if not _CLIENT.fullmatch(client) or client in (OPERATORS, STREAM):
        raise UsageError(
            f"'{client[:60]}' is no name of a client.",
            do=f"Give 2 to 60 letters, digits, dots, hyphens or underlines, and not '{OPERATORS}' or '{STREAM}'.",
        )
    for scope in scopes:
        kind, colon, use_case = scope.partition(":")
        if kind not in SCOPES:
            raise UsageError(f"'{scope}' is no scope.", do=suggest(kind, SCOPES, "Scopes are"))
        if colon and use_case not in use_cases:
            raise UsageError(f"the scope '{scope}' names no use case.", do=suggest(use_case, use_cases, "Use cases are"))
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(f"a key cannot last {days} days.", do=f"Give 1 to {LONGEST_DAYS}.")
    if per_minute is not None and per_minute < 1:
        raise UsageError(f"{per_minute} requests a minute are none.", do="Give 1 or more, or revoke the key.")


def revoke(ledger: Ledger, key_id: str, *, by: str, reason: str) -> Key:
    """Revoke a key, and return it; one that was revoked before stays as it was.

    Raises:
        UsageError: there is none with this id.
    """
    with ledger.exclusive():
        keys = {key.id: key for key in all_keys(ledger)}
        if key_id not in keys:
            raise UsageError(f"no key has the id '{key_id[:60]}'.", do=f"See the ids of all: {command('keys', 'list')}")
        event = ledger.record(REVOKED, EVERYWHERE, subject=key_id, payload={"by": by, "reason": reason}, once=True)
        return replace(keys[key_id], revoked_at=event.recorded_at)


def all_keys(ledger: Ledger) -> list[Key]:
    """Return every key that was issued, oldest first."""
    events = ledger.events(EVERYWHERE, kind=(ISSUED, REVOKED))
    revoked = {event.subject: event.recorded_at for event in events if event.kind == REVOKED}
    return [replace(_key(event), revoked_at=revoked.get(event.subject)) for event in events if event.kind == ISSUED]


def _key(event: Event) -> Key:
    of = event.payload
    return Key(
        id=event.subject,
        client=of["client"],
        scopes=tuple(of["scopes"]),
        expires_at=datetime.fromisoformat(of["expires_at"]),
        per_minute=of["per_minute"],
        digest=of["digest"],
        issued_by=of["by"],
    )
