"""A night of many small files becomes one of few: the same rows and digest, and nothing is lost to a reader or a writer."""

from __future__ import annotations

import os
import random
import signal
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.errors import StoreDamaged, WriteConflict
from nightloop.lake import Commit, Lake, compaction, files
from nightloop.lake.compaction import compact
from nightloop.lake.staged import Staged
from nightloop.nights import one
from tests.lake.rows import FIRST, SECOND, TABLE, flights, sweep_now

SMALL = 9
COMMIT = Commit("features", "uc", "d" * 64, {"uc/tiles": 3}, {"a": 1}, {"x": "m"}, "r", 1.5, unfinished=True)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A night of nine small files, beside one that was published whole."""
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    lake.publish(TABLE, SECOND, flights(5), COMMIT)
    publish_small(lake)
    return lake


def publish_small(lake: Lake, first: int = 0) -> None:
    folder = lake.new_folder(TABLE)
    for number in range(SMALL):
        pq.write_table(flights(10, start=first + 10 * number), f"{folder}/{number}.parquet", row_group_size=4)
    lake.adopt_nights(TABLE, {FIRST: [f"{folder}/{number}.parquet" for number in range(SMALL)]}, COMMIT)


def groups(lake: Lake) -> list[list[int]]:
    read = [pq.read_metadata(path) for path in lake.snapshot(TABLE).files[FIRST]]
    return sorted([of.row_group(at).num_rows for at in range(of.num_row_groups)] for of in read)


def test_rows_digest_and_all_that_the_commit_said_stay(lake: Lake) -> None:
    before, rows = lake.states(TABLE), lake.read(TABLE, one(FIRST)).sort_by("flight_id")
    done = compact(lake, TABLE, FIRST)
    after = lake.states(TABLE)
    assert done is not None and (done.files_before, done.files, done.rows) == (SMALL, 1, 90)
    assert groups(lake) == [[90]] and done.bytes == lake.snapshot(TABLE, one(FIRST)).size
    assert lake.read(TABLE, one(FIRST)).sort_by("flight_id") == rows
    changed = {"version", "checksums"}
    assert {name: of for name, of in vars(after[FIRST]).items() if name not in changed} == {
        name: of for name, of in vars(before[FIRST]).items() if name not in changed
    }
    assert (after[FIRST].version, after[SECOND]) == (done.version, before[SECOND])
    assert len(after[FIRST].checksums) == 1
    lake.snapshot(TABLE).check_files()
    assert lake.read(TABLE, one(FIRST), version=before[FIRST].version).num_rows == 90, "readers of the version before"


def test_a_night_of_few_files_is_left_as_it_is(lake: Lake) -> None:
    assert compact(lake, TABLE, SECOND) is None
    assert compact(lake, TABLE, FIRST) is not None and compact(lake, TABLE, FIRST) is None
    lake.publish(TABLE, FIRST, flights(0), COMMIT)
    assert compact(lake, TABLE, FIRST) is None, "nor is an empty one"


def test_row_groups_are_full_and_files_bounded(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "ROW_GROUP", 40)
    size, folder = lake.snapshot(TABLE, one(FIRST)).size, Path(lake.new_folder(TABLE))
    small = [Staged.open(path) for path in lake.snapshot(TABLE).files[FIRST]]
    bounded = compaction._write(small, small[0].schema, folder, file_bytes=1)
    assert [pq.read_metadata(path).num_rows for path in bounded] == [40, 40, 10]
    assert compact(lake, TABLE, FIRST, file_bytes=size // SMALL) is None, "as many as its bytes need"
    assert compact(lake, TABLE, FIRST, file_bytes=size // 4) is not None
    assert groups(lake) == [[40, 40, 10]]


def test_columns_that_only_some_files_have_stay_null_elsewhere(lake: Lake) -> None:
    folder = lake.new_folder(TABLE)
    for name, rows in (("a", pa.table({"flight_id": ["x"]})), ("b", pa.table({"flight_id": ["y"], "late": [1.5]}))):
        pq.write_table(rows, f"{folder}/{name}.parquet")
    third = SECOND + timedelta(days=1)
    lake.adopt_nights("uc/other", {third: [f"{folder}/a.parquet", f"{folder}/b.parquet"]}, COMMIT)
    assert compact(lake, "uc/other", third) is not None
    rows = lake.read("uc/other", one(third), ["flight_id", "late"]).sort_by("flight_id").to_pylist()
    assert rows == [{"flight_id": "x", "late": None}, {"flight_id": "y", "late": 1.5}]


def test_a_damaged_file_is_told_and_nothing_is_committed(lake: Lake) -> None:
    path = Path(lake.snapshot(TABLE).files[FIRST][3])
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    version = lake.snapshot(TABLE).version
    with pytest.raises(StoreDamaged, match="is not what was written"):
        compact(lake, TABLE, FIRST)
    assert lake.snapshot(TABLE).version == version


def test_rows_that_are_not_those_of_the_digest_are_never_committed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    version, write = lake.snapshot(TABLE).version, compaction._write
    monkeypatch.setattr(compaction, "_write", lambda small, *rest: write(small[1:], *rest))
    with pytest.raises(StoreDamaged, match=f"the rows of night {FIRST} of table {TABLE} are not those that were published"):
        compact(lake, TABLE, FIRST)
    assert lake.snapshot(TABLE).version == version


def test_a_night_that_a_stage_publishes_meanwhile_keeps_what_the_stage_published(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def published_meanwhile(*given: object) -> files.Written:
        if lake.states(TABLE)[FIRST].rows == 90:
            lake.publish(TABLE, FIRST, flights(7), COMMIT)
        return files.take(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(compaction, "take", published_meanwhile)
    with pytest.raises(WriteConflict, match="published anew meanwhile"):
        compact(lake, TABLE, FIRST)
    assert lake.read(TABLE, one(FIRST)).num_rows == 7
    lake.publish(TABLE, SECOND, flights(6), COMMIT)  # another night is in nobody's way
    assert lake.states(TABLE)[SECOND].rows == 6


def test_a_kill_leaves_the_night_as_it_was_or_compacted(lake: Lake) -> None:
    chance, digest = random.Random(20130101), lake.states(TABLE)[FIRST].content_digest
    began = time.monotonic()
    compact(lake, TABLE, FIRST)
    usual = time.monotonic() - began
    for _ in range(12):
        publish_small(lake)
        child = os.fork()
        if child == 0:
            compact(Lake(lake.root, Path(lake.root).parent / "staging"), TABLE, FIRST)
            os._exit(0)
        time.sleep(chance.uniform(0, 1.2 * usual))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lake.snapshot(TABLE).check_files()
        assert lake.states(TABLE)[FIRST].content_digest == digest
        assert len(lake.snapshot(TABLE).files[FIRST]) in (1, SMALL)
        assert lake.read(TABLE, one(FIRST)).num_rows == 90
    compact(lake, TABLE, FIRST)
    sweep_now(lake)
    assert len(lake.snapshot(TABLE).files[FIRST]) == 1 and sweep_now(lake) == {}
