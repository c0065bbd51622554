"""The quarantine table: every record that a night brought and did not publish, as it was read, with the rule and the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from nightloop.contracts.judging import Judgement
from nightloop.contracts.results import plain
from nightloop.definitions.use_case import Source
from nightloop.expressions.types import KEY_TYPES, ColumnType
from nightloop.features.keys import key_text
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


def quarantined(name: str, source: Source, arrival: Arrival, judgement: Judgement) -> pa.Table:
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
    found = Counter(records.column("rule").to_pylist())
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))
