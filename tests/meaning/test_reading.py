"""A column is read by what it means: under its own name, under another, or not at all."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from nightloop.engine.local import LocalEngine
from nightloop.engine.spark import SparkEngine
from nightloop.errors import NotReady, OtherMeaning
from nightloop.lake import Commit, Lake
from nightloop.meaning.digests import ROWS
from nightloop.meaning.reading import by_meaning, no_longer_made, stored_names
from nightloop.nights import Nights
from nightloop.workspace import Workspace

FIRST = date(2024, 3, 1)
NIGHTS = Nights(FIRST, FIRST + timedelta(days=2))
TABLE = "shop/features"
OLD, NEW = {"a": "old", ROWS: "rows"}, {"a": "new", "a__old": "old", ROWS: "rows"}


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    """Two nights of a changed column: the first by the old definition, the second by the new one, which carries the old."""
    lake = workspace.lake
    lake.publish(TABLE, NIGHTS.first, pa.table({"k": ["x"], "a": [1.0]}), Commit("features", "shop", meanings=OLD))
    rows = pa.table({"k": ["x"], "a": [200.0], "a__old": [2.0]})
    lake.publish(TABLE, FIRST + timedelta(days=1), rows, Commit("features", "shop", meanings=NEW))
    return lake


def read(lake: Lake, required: dict[str, str], column: str = "a", first: int = 0) -> list[float]:
    snapshot = lake.snapshot(TABLE, Nights(FIRST + timedelta(days=first), NIGHTS.last))
    return by_meaning(snapshot, required).read([column])[column].to_pylist()


def test_each_night_gives_the_values_of_the_meaning_asked_for(lake: Lake) -> None:
    assert read(lake, {"a": "old"}) == [1.0, 2.0]
    assert read(lake, {"a": "new"}, first=1) == [200.0]


def test_a_column_may_be_asked_for_under_a_name_that_no_night_has(lake: Lake) -> None:
    assert read(lake, {"worth": "old"}, "worth") == [1.0, 2.0]


def test_a_night_without_the_meaning_is_named_with_the_command_that_makes_it(lake: Lake) -> None:
    with pytest.raises(OtherMeaning, match="features of 2024-03-01 has a by another definition than today's") as refused:
        read(lake, {"a": "new"})
    assert "python -m jobs apply shop" in str(refused.value) and "python -m jobs plan shop" in str(refused.value)
    assert isinstance(refused.value, NotReady) and refused.value.exit_code == NotReady.exit_code


def test_rows_of_another_meaning_are_never_found_under_a_columns_name(lake: Lake) -> None:
    with pytest.raises(OtherMeaning, match="its rows"):
        read(lake, {"a": "old", ROWS: "old"})
    assert read(lake, {"a": "old", ROWS: "rows"}) == [1.0, 2.0]


def test_many_columns_are_counted_and_five_named(lake: Lake) -> None:
    with pytest.raises(OtherMeaning, match="has c0, c1, c2, c3, c4 and 2 more by"):
        read(lake, {f"c{i}": "unknown" for i in range(7)})
    with pytest.raises(OtherMeaning, match="has c0, c1, c2, c3, c4 by"):
        read(lake, {f"c{i}": "unknown" for i in range(5)})


def test_a_night_that_recorded_nothing_is_taken_at_its_names(lake: Lake) -> None:
    lake.publish(TABLE, NIGHTS.last, pa.table({"k": ["x"], "a": [3.0]}), Commit("features", "shop"))
    assert read(lake, {"a": "old"}) == [1.0, 2.0, 3.0]


def test_an_empty_night_has_every_meaning(lake: Lake) -> None:
    empty = pa.table({"k": pa.array([], pa.string()), "a": pa.array([], pa.float64())})
    lake.publish(TABLE, NIGHTS.first, empty, Commit("features", "shop", meanings=OLD))
    assert read(lake, {"a": "new"}) == [200.0]


def test_the_engine_sees_the_same_as_the_reader(lake: Lake, workspace: Workspace) -> None:
    lake.publish(TABLE, NIGHTS.last, pa.table({"k": ["x"], "a": [3.0]}), Commit("features", "shop", meanings=OLD))
    snapshot = by_meaning(lake.snapshot(TABLE), {"a": "old"}, pa.schema([("k", pa.string()), ("later", pa.float64())]))
    rows = LocalEngine.open(workspace.settings).query(
        "select night, a, later from features order by night", {"features": snapshot}
    )
    assert rows["a"].to_pylist() == [1.0, 2.0, 3.0] == snapshot.read(["a"])["a"].to_pylist()
    assert rows["later"].to_pylist() == [None] * 3


def test_names_in_files_are_told_by_night(lake: Lake) -> None:
    snapshot = by_meaning(lake.snapshot(TABLE), {"a": "old"})
    assert [snapshot.stored_name(night, "a") for night in snapshot.files] == ["a", "a__old"]
    assert snapshot.by_names() == [
        ({}, list(snapshot.files[NIGHTS.first])),
        ({"a": "a__old"}, list(snapshot.files[FIRST + timedelta(days=1)])),
    ]


def test_its_own_name_comes_before_another_of_the_same_meaning() -> None:
    assert stored_names({"b": "x", "a": "x"}, {"a": "x", "b": "x", "c": "x"}) == ({"c": "b"}, [])
    assert stored_names({}, {"a": "x"}) == ({}, [])
    assert stored_names({"a": "x"}, {"a": "y"}) == ({}, ["a"])


def test_a_champion_whose_columns_are_gone_is_told_both_ways_out() -> None:
    error = no_longer_made(TABLE, 3, FIRST, ["a", "b"])
    assert "version 3 was trained on another meaning of a, b than night 2024-03-01 holds" in str(error)
    assert "python -m jobs features shop 2024-03-01" in str(error) and "python -m jobs train shop 2024-03-01" in str(error)


def test_spark_sees_the_same(lake: Lake, spark_url: str) -> None:
    empty = pa.table({"k": pa.array([], pa.string()), "a": pa.array([], pa.float64())})
    lake.publish(TABLE, NIGHTS.last, empty, Commit("features", "shop", meanings=OLD))
    snapshot = by_meaning(lake.snapshot(TABLE), {"a": "old", "worth": "old"}, pa.schema([("later", pa.float64())]))
    rows = SparkEngine(spark_url).query("select night, k, a, worth, later from features order by night", {"features": snapshot})
    assert rows["a"].to_pylist() == rows["worth"].to_pylist() == [1.0, 2.0] and rows["k"].to_pylist() == ["x", "x"]
    assert rows["night"].to_pylist() == [NIGHTS.first, FIRST + timedelta(days=1)]
    assert rows["later"].to_pylist() == [None, None]
