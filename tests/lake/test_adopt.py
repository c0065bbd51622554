"""Files that an engine wrote become a night."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.errors import NotReady, StoreDamaged
from nightloop.lake import Lake
from nightloop.lake.digest import content_digest
from nightloop.nights import one
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, flights, sweep_now


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), tmp_path / "staging")


def staged(lake: Lake, rows: pa.Table, name: str = "part.parquet") -> str:
    path = f"{lake.new_folder(TABLE)}/{name}"
    pq.write_table(rows, path)
    return path


def test_adopted_files_equal_published_rows(lake: Lake) -> None:
    published = lake.publish(TABLE, FIRST, flights(6), COMMIT)
    adopted = lake.adopt_nights(TABLE, {SECOND: [staged(lake, flights(2)), staged(lake, flights(4, start=2))]}, COMMIT)[0]
    assert (adopted.content_digest, adopted.rows) == (published.content_digest, 6)
    assert len(lake.snapshot(TABLE).files[SECOND]) == 2


def test_adopting_moves_the_files_and_leaves_no_folder(lake: Lake) -> None:
    path = staged(lake, flights())
    lake.adopt_nights(TABLE, {FIRST: [path]}, COMMIT)
    assert not Path(path).exists() and not Path(path).parent.exists()
    assert sweep_now(lake) == {}


def test_a_file_in_other_types_is_rewritten(lake: Lake) -> None:
    narrow = pa.table({"a": pa.array([1, 2], pa.int32()), "night": [FIRST, FIRST]})
    path = staged(lake, narrow)
    state = lake.adopt_nights(TABLE, {FIRST: [path]}, COMMIT)[0]
    assert not Path(path).exists() and not Path(path).parent.exists()
    assert state.content_digest == content_digest(pa.table({"a": [1, 2]}))
    [[file]] = lake.snapshot(TABLE).files.values()
    assert pq.read_schema(file).equals(pa.schema([("a", pa.int64())]))


def test_adopting_no_file_publishes_an_empty_night(lake: Lake) -> None:
    with pytest.raises(NotReady):
        lake.adopt_nights(TABLE, {FIRST: []}, COMMIT)
    state = lake.adopt_nights(TABLE, {FIRST: []}, COMMIT, schema=flights().schema)[0]
    assert state.rows == 0 and lake.snapshot(TABLE).schema == flights().schema
    assert lake.adopt_nights(TABLE, {SECOND: []}, COMMIT)[0].content_digest == state.content_digest


def test_a_damaged_staged_file_is_named_and_nothing_is_published(lake: Lake) -> None:
    path = staged(lake, flights())
    Path(path).write_bytes(b"not parquet at all")
    with pytest.raises(StoreDamaged, match=r"part\.parquet"):
        lake.adopt_nights(TABLE, {FIRST: [path]}, COMMIT)
    assert not lake.exists(TABLE)


@pytest.mark.parametrize("statistics", [True, False])
def test_a_night_read_by_row_groups_has_the_digest_of_its_rows_together(lake: Lake, statistics: bool) -> None:
    one_by_one = pa.table({"a": [1, None, 3, 4, 5], "b": pa.nulls(5, pa.string()), "c": pa.nulls(5, pa.float64())})
    other = pa.table({"c": [None, None, 0.5], "a": [7, 8, 9], "d": ["x", None, "y"]})
    paths = [f"{lake.new_folder(TABLE)}/{name}.parquet" for name in ("whole", "other")]
    for path, part in zip(paths, (one_by_one, other), strict=True):
        pq.write_table(part, path, row_group_size=2, write_statistics=statistics)
    [state] = lake.adopt_nights(TABLE, {FIRST: paths}, COMMIT)
    assert state.content_digest == content_digest(pa.concat_tables([other, one_by_one], promote_options="default"))
    assert state.rows == 8 and state.content_digest == content_digest(lake.read(TABLE, one(FIRST)).drop_columns(["night"]))
