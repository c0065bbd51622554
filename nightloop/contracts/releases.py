"""Records that a person let out of quarantine, and what that means when their night is taken in again.

A record is known by the digest of its JSON text, as the quarantine keeps it. Accepted ones (let in despite the rule) are an
input of ingest: the same night taken in again keeps them. Others need no mark, for today's contract lets them in by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa

from nightloop.ledger import Event, Ledger
from nightloop.nights import Night
from nightloop.sources import Arrival

RELEASED = "quarantine_released"


def record_digest(record: str) -> str:
    """Return the digest that names a record, from its JSON text."""
    return hashlib.sha256(record.encode()).hexdigest()


def released(ledger: Ledger, use_case: str, night: Night, source: str) -> set[str]:
    """Return the digests of the records of a night that were released, for whatever reason."""
    return _digests(ledger.events(use_case, kind=RELEASED, night=night, subject=source))


def accepted(ledger: Ledger, use_case: str, night: Night, source: str) -> set[str]:
    """Return the digests of the records of a night that a person let in despite a rule."""
    events = ledger.events(use_case, kind=RELEASED, night=night, subject=source)
    return _digests([event for event in events if event.payload["accepted"]])


def _digests(events: Sequence[Event]) -> set[str]:
    return {digest for event in events for digest in event.payload["digests"]}


@dataclass(frozen=True)
class Accepted:
    """Spares the rows of a night whose records a person let in, each record once.

    ``digests`` is asked only where rows are about to be set aside: on most nights nobody need look into the ledger.
    """

    arrival: Arrival
    digests: Callable[[], Collection[str]]

    def __call__(self, rows: Sequence[int]) -> list[int]:
        """Return which of these rows stay."""
        left = set(self.digests())
        if not left:
            return []
        spared = []
        for row, record in zip(rows, records_of(self.arrival, rows), strict=True):
            if record_digest(record) in left:
                left.remove(record_digest(record))
                spared.append(row)
        return spared


def records_of(arrival: Arrival, rows: Sequence[int]) -> list[str]:
    """Return the records that rows of an arrival were made from, as JSON texts."""
    return arrival.texts.records(arrival.positions.take(pa.array(rows, pa.int64())).to_pylist()) if rows else []
