"""A snapshot is one version: its files, its columns, and what is said of a file that is not there."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.errors import StoreDamaged, StoreUnavailable
from nightloop.lake import Lake, Snapshot
from nightloop.nights import Nights, one
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, THIRD, flights


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), tmp_path / "staging")


def rows(*values: int, **more: object) -> pa.Table:
    return pa.table({"a": pa.array(values, pa.int64()), **more})


def test_a_snapshot_stays_what_it_is_whatever_is_published_after_it(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, rows(1), COMMIT)
    before = lake.snapshot(TABLE)
    lake.publish(TABLE, FIRST, rows(2, 3), COMMIT)
    lake.publish(TABLE, SECOND, rows(4), COMMIT)
    assert before.read()["a"].to_pylist() == [1] and (before.version, before.is_newest) == (1, True)
    assert lake.snapshot(TABLE).read()["a"].to_pylist() == [2, 3, 4] and lake.snapshot(TABLE).version == 3
    assert [lake.read(TABLE, version=version)["a"].to_pylist() for version in (1, 2, 3)] == [[1], [2, 3], [2, 3, 4]]
    assert not lake.snapshot(TABLE, version=3).is_newest


def test_nights_are_in_order_and_files_of_a_night_by_name(lake: Lake) -> None:
    for night, value in ((THIRD, 3), (FIRST, 1), (SECOND, 2)):
        lake.publish(TABLE, night, rows(value), COMMIT)
    snapshot = lake.snapshot(TABLE)
    assert list(snapshot.files) == [FIRST, SECOND, THIRD]
    assert snapshot.paths == [path for night in (FIRST, SECOND, THIRD) for path in snapshot.files[night]]
    assert snapshot.read().to_pydict() == {"a": [1, 2, 3], "night": [FIRST, SECOND, THIRD]}
    assert snapshot.dataset().to_table(columns=["a", "night"]).sort_by("a").to_pydict() == snapshot.read().to_pydict()


@pytest.mark.parametrize(
    ("nights", "values"),
    [
        (Nights(FIRST, SECOND), [1, 2]),
        (one(SECOND), [2]),
        (Nights(SECOND, date(2014, 1, 1)), [2, 3]),
        (one(date(2012, 12, 31)), []),
        (None, [1, 2, 3]),
    ],
)
def test_a_snapshot_of_some_nights_has_those_files_and_their_bytes_only(
    lake: Lake, nights: Nights | None, values: list[int]
) -> None:
    for night, value in ((FIRST, 1), (SECOND, 2), (THIRD, 3)):
        lake.publish(TABLE, night, rows(value), COMMIT)
    snapshot = lake.snapshot(TABLE, nights)
    assert snapshot.read()["a"].to_pylist() == values
    assert snapshot.size == sum(Path(path).stat().st_size for path in snapshot.paths)
    assert snapshot.read().schema == snapshot.columns


def test_columns_are_read_in_the_order_asked_for_with_the_night_where_it_is_asked(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, rows(1, b=pa.array(["x"])), COMMIT)
    assert lake.read(TABLE, columns=["night", "b", "a"]).column_names == ["night", "b", "a"]
    assert lake.read(TABLE, columns=["b"]).to_pylist() == [{"b": "x"}]
    assert lake.read(TABLE, columns=[]).num_columns == 0
    assert lake.snapshot(TABLE).columns.names == ["a", "b", "night"]
    with pytest.raises(KeyError):
        lake.read(TABLE, columns=["c"])


def test_a_column_a_file_has_not_got_is_null_in_its_rows_and_typed(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, rows(1, 2), COMMIT)
    lake.publish(TABLE, SECOND, rows(3, b=pa.array([0.5])), COMMIT)
    table = lake.read(TABLE)
    assert table["b"].to_pylist() == [None, None, 0.5] and table.schema.field("b").type == pa.float64()
    assert lake.read(TABLE, one(FIRST), ["b"]).to_pylist() == [{"b": None}, {"b": None}]


def test_files_in_the_types_of_another_program_are_read_in_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "night=2013-01-01" / "a.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"a": pa.array([7], pa.int32())}), path)
    snapshot = Snapshot("uc/t", 1, pa.schema([("a", pa.int64())]), {FIRST: (str(path),)}, str(tmp_path))
    assert snapshot.read().schema == snapshot.columns and snapshot.read()["a"].to_pylist() == [7]


@pytest.mark.parametrize(("version", "remedy"), [(None, "Publish the night 2013-01-01 again"), (1, "Read the newest version")])
def test_a_missing_file_is_named_and_the_remedy_is_that_of_its_version(lake: Lake, version: int | None, remedy: str) -> None:
    lake.publish(TABLE, FIRST, rows(1), COMMIT)
    snapshot = lake.snapshot(TABLE, version=version)
    snapshot.check_files()
    Path(snapshot.paths[0]).unlink()
    for reads in (snapshot.read, snapshot.check_files):
        with pytest.raises(
            StoreDamaged, match=rf"night 2013-01-01 of table {TABLE} \(version 1\) is missing\. {remedy}"
        ) as told:
            reads()
        assert told.value.where == snapshot.paths[0]


def test_the_first_damaged_file_is_the_one_named(lake: Lake) -> None:
    for night in (FIRST, SECOND, THIRD):
        lake.publish(TABLE, night, rows(1), COMMIT)
    snapshot = lake.snapshot(TABLE)
    Path(snapshot.files[THIRD][0]).unlink()
    Path(snapshot.files[SECOND][0]).write_bytes(b"PAR1")
    with pytest.raises(StoreDamaged, match=r"night 2013-01-02 .* is not what was written"):
        snapshot.read()


def test_trouble_that_is_no_files_fault_is_the_stores(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.publish(TABLE, FIRST, rows(1), COMMIT)
    snapshot = lake.snapshot(TABLE)
    from nightloop.lake import snapshot as module

    def fails(*_: object) -> None:
        raise OSError("the network is down")

    monkeypatch.setattr(module.Snapshot, "_part", fails)
    with pytest.raises(StoreUnavailable, match=rf"{TABLE}: the lake cannot be reached \(the network is down\)"):
        snapshot.read()


def test_no_version_of_that_number_is_an_error_and_not_the_newest(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, rows(1), COMMIT)
    with pytest.raises(StoreUnavailable):
        lake.read(TABLE, version=99)


def test_what_is_required_must_have_been_published_and_rows_count_only_of_those_nights(lake: Lake) -> None:
    lake.publish_nights(TABLE, {FIRST: rows(1), SECOND: rows(), THIRD: rows(3)}, COMMIT)
    snapshot = lake.require(TABLE, Nights(FIRST, SECOND))
    assert list(snapshot.files) == [FIRST] and snapshot.read()["a"].to_pylist() == [1]
    assert list(lake.states(TABLE)) == [FIRST, SECOND, THIRD]


def test_types_of_every_kind_come_back_as_they_were_published(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(20), COMMIT)
    assert lake.read(TABLE).drop_columns(["night"]).equals(flights(20))
