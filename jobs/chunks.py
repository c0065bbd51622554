"""Cut a range of nights into parts that fit in memory: the totals of every key and night of a part are held at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from nightloop.definitions.use_case import UseCase
from nightloop.engine import Engine
from nightloop.features.tiles import measures_of, over_records
from nightloop.lake import Snapshot
from nightloop.nights import Nights

HELD_BYTES = 2 * 2**30
BYTES_A_TOTAL = 32
FEW_BYTES = 4 * 2**20  # tiles of this size, packed, make no part too large


def parts(use_case: UseCase, table: str, nights: Nights, snapshots: Mapping[str, Snapshot], engine: Engine) -> list[Nights]:
    """Return the range as one part or several, in order; how it is cut changes no content."""
    tiles = snapshots.get("tiles")
    if table != "aggregates" or tiles is None or len(nights) == 1 or tiles.size <= FEW_BYTES:
        return [nights]
    counted = engine.query("select count(*) as keys from (select distinct tile, key from tiles)", {"tiles": tiles})
    keys = int(counted["keys"][0].as_py())
    totals = sum(len(measures_of(feature)) for feature in over_records(use_case).values())
    at_once = max(1, HELD_BYTES // max(1, keys * totals * BYTES_A_TOTAL))
    starts = range(0, len(nights), at_once)
    return [
        Nights(nights.first + timedelta(days=start), min(nights.first + timedelta(days=start + at_once - 1), nights.last))
        for start in starts
    ]
