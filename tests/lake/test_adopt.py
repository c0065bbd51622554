"""Files that an engine wrote become a night; files of commits that never happened go."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.errors import NotReady, StoreDamaged
from nightloop.lake import Lake
from nightloop.lake.digest import content_digest
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, flights


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), tmp_path / "staging")


def staged(lake: Lake, rows: pa.Table, name: str = "part.parquet") -> str:
    path = f"{lake.new_folder(TABLE)}/{name}"
    pq.write_table(rows, path)
    return path


def test_adopted_files_equal_published_rows(lake: Lake) -> None:
    published = lake.publish(TABLE, FIRST, flights(6), COMMIT)
    adopted = lake.adopt(TABLE, SECOND, [staged(lake, flights(2)), staged(lake, flights(4, start=2))], COMMIT)
    assert (adopted.content_digest, adopted.rows) == (published.content_digest, 6)
    assert len(lake.snapshot(TABLE).files[SECOND]) == 2


def test_adopting_moves_the_files_and_leaves_no_folder(lake: Lake) -> None:
    path = staged(lake, flights())
    lake.adopt(TABLE, FIRST, [path], COMMIT)
    assert not Path(path).exists() and not Path(path).parent.exists()
    assert lake.sweep(TABLE, timedelta(0)) == 0


def test_a_file_in_other_types_is_rewritten(lake: Lake) -> None:
    narrow = pa.table({"a": pa.array([1, 2], pa.int32()), "night": [FIRST, FIRST]})
    state = lake.adopt(TABLE, FIRST, [staged(lake, narrow)], COMMIT)
    assert state.content_digest == content_digest(pa.table({"a": [1, 2]}))
    [[file]] = lake.snapshot(TABLE).files.values()
    assert pq.read_schema(file).equals(pa.schema([("a", pa.int64())]))


def test_adopting_no_file_publishes_an_empty_night(lake: Lake) -> None:
    with pytest.raises(NotReady):
        lake.adopt(TABLE, FIRST, [], COMMIT)
    state = lake.adopt(TABLE, FIRST, [], COMMIT, schema=flights().schema)
    assert state.rows == 0 and lake.snapshot(TABLE).schema == flights().schema
    assert lake.adopt(TABLE, SECOND, [], COMMIT).content_digest == state.content_digest


def test_a_damaged_staged_file_is_named_and_nothing_is_published(lake: Lake) -> None:
    path = staged(lake, flights())
    Path(path).write_bytes(b"not parquet at all")
    with pytest.raises(StoreDamaged, match=r"part\.parquet"):
        lake.adopt(TABLE, FIRST, [path], COMMIT)
    assert not lake.exists(TABLE)


def test_sweep_removes_orphans_and_keeps_every_version(lake: Lake) -> None:
    before = lake.publish(TABLE, FIRST, flights(3), COMMIT)
    lake.publish(TABLE, FIRST, flights(5), COMMIT)
    orphan = Path(lake.root) / TABLE / f"night={FIRST}" / "never-committed.parquet"
    pq.write_table(flights(), orphan)
    staged(lake, flights())
    assert lake.sweep(TABLE) == 0, "a young file may be about to be committed"
    two_days_ago = time.time() - 2 * 86400
    os.utime(orphan, (two_days_ago, two_days_ago))
    assert lake.sweep(TABLE) == 1 and not orphan.exists()
    assert lake.sweep(TABLE, timedelta(0)) == 1
    assert list((Path(lake.root) / TABLE / "_staging").iterdir()) == []
    assert lake.read(TABLE, version=before.version).num_rows == 3 and lake.read(TABLE).num_rows == 5
