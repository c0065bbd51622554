"""Cut a range of nights into chunks that fit in memory: the totals of every key and night of a chunk are held at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from nightloop.definitions.use_case import UseCase
from nightloop.engine import Engine
from nightloop.features.tiles import measures_of, over_records
from nightloop.lake import Snapshot
from nightloop.nights import Nights

CHUNK_BYTES = 2 * 2**30
BYTES_PER_TOTAL = 32
SMALL_TILES_BYTES = 4 * 2**20  # compressed tiles of this size make no chunk too large


def chunks(use_case: UseCase, table: str, nights: Nights, snapshots: Mapping[str, Snapshot], engine: Engine) -> list[Nights]:
    """Return the range as one chunk or several, in order; how it is cut changes no content."""
    tiles = snapshots.get("tiles")
    if table != "aggregates" or tiles is None or len(nights) == 1 or tiles.size <= SMALL_TILES_BYTES:
        return [nights]
    answer = engine.query("select count(*) as keys from (select distinct tile, key from tiles)", {"tiles": tiles})
    keys = int(answer["keys"][0].as_py())
    totals = sum(len(measures_of(feature)) for feature in over_records(use_case).values())
    chunk_nights = min(len(nights), max(1, CHUNK_BYTES // max(1, keys * totals * BYTES_PER_TOTAL)))
    starts = range(0, len(nights), chunk_nights)
    return [
        Nights(nights.first + timedelta(days=start), min(nights.first + timedelta(days=start + chunk_nights - 1), nights.last))
        for start in starts
    ]
