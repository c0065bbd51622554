"""The digests of published aggregates on the ledger: what the service answers from is held against them.

The lake's own log names a digest too, but whoever can change a table's files can change its log with them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nightloop.errors import StoreDamaged, command
from nightloop.lake.columns import NIGHT
from nightloop.lake.digest import content_digest

if TYPE_CHECKING:
    import pyarrow as pa

    from nightloop.lake import NightState
    from nightloop.ledger import Ledger
    from nightloop.nights import Night

PUBLISHED = "aggregates_published"


def record_published(ledger: Ledger, use_case: str, states: Sequence[NightState]) -> None:
    """Record the digests of each night's aggregates, unless the newest record of the night says the same."""
    with ledger.exclusive():
        recorded = {event.night: event.payload for event in ledger.events(use_case, kind=PUBLISHED)}
        for state in states:
            payload = {"content": state.content_digest, "meanings": _digest(state.meanings), "rows": state.rows}
            if recorded.get(state.night) != payload:
                ledger.record(PUBLISHED, use_case, night=state.night, payload=payload)


def check_published(ledger: Ledger, use_case: str, night: Night, rows: pa.Table, meanings: Mapping[str, str]) -> None:
    """Check that the aggregates of a night are those that were recorded: their rows, and what their columns mean.

    Args:
        ledger: has the digests.
        use_case: whose.
        night: of the aggregates.
        rows: all columns as they are stored.
        meanings: of the columns, as the lake's log says; by them a column is read under another name.

    Raises:
        StoreDamaged: they are others, or none were recorded.
    """
    where, do = f"{use_case}/aggregates", f"Publish them again: {command('features', use_case, night)}"
    events = ledger.events(use_case, kind=PUBLISHED, night=night)
    if not events:
        raise StoreDamaged(f"the ledger has no digest of the aggregates of night {night}.", where=where, do=do)
    recorded = events[-1].payload
    held = {
        "content": content_digest(rows.drop_columns([NIGHT.name]) if NIGHT.name in rows.column_names else rows),
        "meanings": _digest(meanings),
        "rows": rows.num_rows,
    }
    differing = [f"{name} {held[name]}, recorded {recorded[name]}" for name in held if held[name] != recorded[name]]
    if differing:
        what = f"the aggregates of night {night} are not what the ledger recorded when they were published"
        raise StoreDamaged(f"{what}: {'; '.join(differing)}.", where=where, do=do)


def _digest(meanings: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(meanings), sort_keys=True).encode()).hexdigest()
