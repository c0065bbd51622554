"""The lake opens in other readers: the Delta log alone tells them the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote

import duckdb
import polars as pl
import pytest

from nightloop.lake import Lake
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, THIRD, flights


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A table whose nights were replaced, emptied, and widened by a column."""
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    lake.publish(TABLE, FIRST, flights(4).drop_columns(["price"]), COMMIT)
    lake.publish(TABLE, SECOND, flights(6), COMMIT)
    lake.publish(TABLE, FIRST, flights(2).drop_columns(["price"]), COMMIT)
    lake.publish(TABLE, THIRD, flights(5), COMMIT)
    lake.publish(TABLE, THIRD, flights(0), COMMIT)
    return Path(lake.root) / TABLE


def own(folder: Path) -> list[dict[str, object]]:
    lake = Lake(str(folder.parent.parent), folder)
    return by_flight(lake.read(TABLE).to_pylist())


def by_flight(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return sorted((dict(sorted(row.items())) for row in rows), key=lambda row: (row["night"], row["flight_id"]))


def test_polars_reads_the_same_rows(folder: Path) -> None:
    rows = pl.read_delta(str(folder)).to_arrow().to_pylist()
    assert by_flight(rows) == own(folder) and len(rows) == 8


def test_a_plain_replay_of_the_log_in_duckdb_finds_the_same_rows(folder: Path) -> None:
    """No Delta library at all: the log is lines of JSON, and the rest is Parquet."""
    alive: set[str] = set()
    for entry in sorted((folder / "_delta_log").glob("*.json")):
        for action in map(json.loads, entry.read_text().splitlines()):
            if "remove" in action:
                alive.discard(unquote(action["remove"]["path"]))
            if "add" in action:
                alive.add(unquote(action["add"]["path"]))
    files = [str(folder / path) for path in alive]
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        read = database.read_parquet(files, hive_partitioning=True, union_by_name=True)
        rows = read.to_arrow_table().to_pylist()
    assert by_flight(rows) == own(folder)
