"""The table of profiles: one row a feature and night, counted on the grid of the champion that scored the night.

| column | meaning |
|---|---|
| model_version | whose reference fixed the grid |
| feature | name |
| rows, missing, infinite, unseen, total, counts | see ``nightloop.evidence.nights.profiles.ColumnProfile``; counts in JSON |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nightloop.evidence.nights.budget import MEMORY
from nightloop.evidence.nights.profiles import ColumnProfile
from nightloop.nights import Night, Nights

if TYPE_CHECKING:
    from nightloop.lake import Lake

WHOLE = ("rows", "missing", "infinite", "unseen", "total")
SCHEMA = pa.schema(
    [("model_version", pa.int64()), ("feature", pa.string()), *((name, pa.int64()) for name in WHOLE), ("counts", pa.string())]
)


def as_table(version: int, names: Sequence[str], profiles: Sequence[ColumnProfile]) -> pa.Table:
    """Return the rows of one night, without the night column."""
    rows = [
        {**asdict(profile), "counts": json.dumps(profile.counts), "model_version": version, "feature": name}
        for name, profile in zip(names, profiles, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def earlier_profiles(
    lake: Lake, use_case: str, night: Night, version: int, names: Sequence[str]
) -> dict[int, list[ColumnProfile]]:
    """Return the profiles of the nights before, by ordinal, that were counted on the same champion's grid."""
    table = f"{use_case}/profiles"
    if not lake.exists(table):
        return {}
    rows = lake.read(table, Nights(night - timedelta(days=MEMORY), night - timedelta(days=1))).to_pylist()
    by_night: dict[int, dict[str, ColumnProfile]] = {}
    for row in rows:
        if row["model_version"] == version:
            by_night.setdefault(row["night"].toordinal(), {})[row["feature"]] = _profile(row)
    return {night: [of[name] for name in names] for night, of in by_night.items() if of.keys() >= set(names)}


def _profile(row: dict[str, Any]) -> ColumnProfile:
    return ColumnProfile(**{name: row[name] for name in WHOLE}, counts=tuple(json.loads(row["counts"])))
