"""The quarantine table: every record that a night brought and did not publish, as it was read, with the rule and the reason.

A person can let records out of it again. A record is known by the digest of its JSON text, as the quarantine holds it. Accepted
ones (let in despite the rule) are an input of ingest: the same night taken in again publishes them. Others need no mark, for
today's contract lets them in by itself.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from nightloop.contracts.judging import Judgement
from nightloop.contracts.results import plain
from nightloop.definitions.use_case import Source
from nightloop.expressions.types import KEY_TYPES, ColumnType
from nightloop.features.keys import key_text
from nightloop.ledger import Event, Ledger
from nightloop.nights import Night
from nightloop.sources import Arrival

SCHEMA = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("rule", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("record", pa.string()),  # JSON of the record as read; null in a row that says why a whole night failed
        pa.field("key", pa.string()),
    ]
)


def quarantine_rows(name: str, source: Source, arrival: Arrival, judgement: Judgement) -> pa.Table:
    """Return the quarantine rows of one source and night: refused records, rows set aside, breaches of the whole night."""
    refused, aside = arrival.refused, judgement.set_aside
    positions = [item.row for item in refused] + arrival.positions.take(pa.array(aside, pa.int64())).to_pylist()
    records = arrival.texts.records(positions) if positions else []
    keys = [None] * len(refused) + _keys(source, arrival.rows.take(pa.array(aside, pa.int64())))
    rules = [item.rule for item in refused] + [rule.name for rule in aside.values()]
    reasons = [item.reason for item in refused] + [rule.description for rule in aside.values()]
    for breach in judgement.breaches:
        rules.append(breach.rule)
        reasons.append(f"the night failed: observed {breach.observed}, expected {breach.expected}.")
        records.append(None)  # type: ignore[arg-type]
        keys.append(None)
    return pa.table([[name] * len(rules), rules, reasons, records, keys], schema=SCHEMA)


def _keys(source: Source, rows: pa.Table) -> list[Any]:
    """Write each row's key as one text; null where a part of it is missing."""
    types = [source.columns[column].type for column in source.key]
    return [_key(list(values.values()), types) for values in rows.select(source.key).to_pylist()]


def _key(values: Sequence[Any], types: Sequence[ColumnType]) -> str | None:
    """Write a key; a kind that the key text does not know (an instant, a number) goes in as text."""
    parts, kinds = list(values), list(types)
    for i, kind in enumerate(types):
        if kind not in KEY_TYPES and parts[i] is not None:
            parts[i], kinds[i] = plain(parts[i]), "string"
    return key_text(parts, kinds)


def counts(table: pa.Table) -> dict[str, int]:
    """Return how many records each rule set aside, largest first."""
    records = table.filter(table.column("record").is_valid())
    by_rule = Counter(records.column("rule").to_pylist())
    return dict(sorted(by_rule.items(), key=lambda item: (-item[1], item[0])))


RELEASED = "quarantine_released"


def record_digest(record: str) -> str:
    """Return the digest that names a record, from its JSON text."""
    return hashlib.sha256(record.encode()).hexdigest()


def accepted_digests(ledger: Ledger, use_case: str, night: Night, source: str) -> set[str]:
    """Return the digests of the records of a night that a person let in despite a rule."""
    events = ledger.events(use_case, kind=RELEASED, night=night, subject=source)
    return _digests([event for event in events if event.payload["accepted"]])


def _digests(events: Sequence[Event]) -> set[str]:
    return {digest for event in events for digest in event.payload["digests"]}


@dataclass(frozen=True)
class AcceptedRows:
    """Exempts the rows of a night whose records a person let in, each record once.

    ``digests`` is asked only where rows are about to be set aside: on most nights nobody need look into the ledger.
    """

    arrival: Arrival
    digests: Callable[[], Collection[str]]

    def __call__(self, rows: Sequence[int]) -> list[int]:
        """Return which of these rows stay."""
        unused = set(self.digests())
        if not unused:
            return []
        exempt = []
        for row, record in zip(rows, records_of(self.arrival, rows), strict=True):
            if record_digest(record) in unused:
                unused.remove(record_digest(record))
                exempt.append(row)
        return exempt


def records_of(arrival: Arrival, rows: Sequence[int]) -> list[str]:
    """Return the records that rows of an arrival were made from, as JSON texts."""
    return arrival.texts.records(arrival.positions.take(pa.array(rows, pa.int64())).to_pylist()) if rows else []
