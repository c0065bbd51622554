"""What must hold of a night's features before and after they are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloop.definitions.use_case import UseCase
from nightloop.errors import ContractBroken, NotReady
from nightloop.features.tiles import tiles_digest
from nightloop.lake import Lake, Snapshot, filesystem
from nightloop.nights import Night, Nights

if TYPE_CHECKING:
    from nightloop.workspace import Workspace

OUTSIDE = "features_out_of_range"


def check_tiles(use_case: UseCase, nights: Nights, lake: Lake) -> None:
    """Check that published tiles are of today's definition: a window over tiles that lack a measure would be silently small.

    Raises:
        NotReady: names the nights and the command that makes them again.
    """
    table, wanted = f"{use_case.use_case}/tiles", tiles_digest(use_case)
    if not lake.exists(table):
        return  # what is missing is told by who reads it
    states = lake.states(table)
    others = [night for night in nights if night in states and states[night].summary.get("tiles") != wanted]
    if others:
        raise NotReady(
            f"tiles of {len(others)} nights ({others[0]} to {others[-1]}) have another definition than today's.",
            where=table,
            do=f"Run: python -m jobs features {use_case.use_case} {others[0]}..{others[-1]} --step tiles",
        )


def one_row_each(use_case: UseCase, night: Night, made: Sequence[str], snapshots: Mapping[str, Snapshot]) -> None:
    """Check that each record of the entity's source became one row of its own key.

    Raises:
        ContractBroken: records share a key, or lack one; the contract lets them through.
    """
    source, key = use_case.entity.source, list(use_case.entity.key)
    records = sum(_rows(path) for path in snapshots[f"raw_{source}"].files.get(night, ()))
    keys = _keys(key, made)
    if records != keys:
        raise ContractBroken(
            f"{records} records of source '{source}' have {keys} keys ({', '.join(key)}): some are repeated or missing.",
            where=f"{use_case.use_case}, night {night}",
            do=f"Let the contract of '{source}' set them aside (expect the key unique and not null), then ingest it again.",
        )


def _keys(key: Sequence[str], made: Sequence[str]) -> int:
    """Count the whole keys of a night, over all its files together: a repeated key may be in two of them."""
    parts = []
    for path in made:
        held_by, at = filesystem(path)
        rows = pq.ParquetFile(at, filesystem=held_by).read(columns=key)
        for name in key:
            rows = rows.filter(pc.is_valid(rows[name]))
        parts.append(rows)
    return int(pa.concat_tables(parts).group_by(key).aggregate([]).num_rows) if parts else 0


def _rows(path: str) -> int:
    held_by, at = filesystem(path)
    return int(pq.read_metadata(at, filesystem=held_by).num_rows)


def out_of_range(use_case: UseCase, night: Night, made: Sequence[str], workspace: Workspace) -> dict[str, object]:
    """Count values outside the range their feature declares; tell them, and record them once.

    The files' own statistics answer for a night in which all is well, so nothing is read twice.
    """
    found: dict[str, int] = {}
    for path in made:
        for name in _suspects(use_case, path):
            low, high = use_case.features[name].range or (float("-inf"), float("inf"))
            held_by, at = filesystem(path)
            values = pq.ParquetFile(at, filesystem=held_by).read(columns=[name])[name]
            outside = pc.sum(pc.or_(pc.less(values, low), pc.greater(values, high))).as_py() or 0
            found[name] = found.get(name, 0) + int(outside)
    found = {name: count for name, count in found.items() if count}
    if not found:
        return {}
    ledger = workspace.ledger  # only now: SQLAlchemy is dear to import, and most nights record nothing
    with ledger.exclusive():
        standing = ledger.events(use_case.use_case, kind=OUTSIDE, night=night)
        if not standing or standing[-1].payload != {"values": found}:
            ledger.record(OUTSIDE, use_case.use_case, night=night, payload={"values": found})
    return {"out_of_range": found}


def _suspects(use_case: UseCase, path: str) -> Iterator[str]:
    """Yield the features whose extremes in the file lie outside their range, or are not told."""
    held_by, at = filesystem(path)
    metadata = pq.read_metadata(at, filesystem=held_by)
    places = {metadata.schema.column(i).name: i for i in range(metadata.num_columns)}
    for name, feature in use_case.features.items():
        if feature.range is None or name not in places:
            continue
        for group in range(metadata.num_row_groups):
            told = metadata.row_group(group).column(places[name]).statistics
            if told is None or (told.has_min_max and (told.min < feature.range[0] or told.max > feature.range[1])):
                yield name
                break
