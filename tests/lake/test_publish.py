"""A night is a value: published whole, replaced whole, read at one version."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nightloop.errors import NotReady, UsageError
from nightloop.lake import Commit, Lake, files
from nightloop.lake.digest import content_digest
from nightloop.lake.files import ROW_GROUP, SAMPLE
from nightloop.nights import Nights, one
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, THIRD, flights


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), tmp_path / "staging")


def test_a_night_comes_back_as_it_was_published(lake: Lake) -> None:
    state = lake.publish(TABLE, FIRST, flights(), COMMIT)
    rows = lake.read(TABLE)
    assert rows.drop_columns(["night"]).equals(flights())
    assert rows["night"].to_pylist() == [FIRST] * 3 and rows.schema.field("night").type == pa.date32()
    assert (state.rows, state.night, state.stage, state.inputs) == (3, FIRST, "features", {"uc/raw_x": 3})
    assert state.content_digest == content_digest(flights()) and state.code_version


@pytest.mark.parametrize(("rows", "groups"), [(ROW_GROUP, [ROW_GROUP]), (ROW_GROUP + 1, [ROW_GROUP, 1])])
def test_a_file_is_in_groups_that_workers_share_out(lake: Lake, rows: int, groups: list[int]) -> None:
    lake.publish("uc/wide", FIRST, pa.table({"n": range(rows)}), COMMIT)
    ((file,),) = lake.snapshot("uc/wide").files.values()
    written = pq.ParquetFile(file).metadata
    assert [written.row_group(number).num_rows for number in range(written.num_row_groups)] == groups


def test_publishing_again_replaces_the_night_and_leaves_others_alone(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    other = lake.publish(TABLE, SECOND, flights(2), COMMIT)
    again = lake.publish(TABLE, FIRST, flights(5), COMMIT)
    assert lake.read(TABLE, one(FIRST)).num_rows == 5 and lake.read(TABLE).num_rows == 7
    assert lake.states(TABLE) == {FIRST: again, SECOND: other}


def test_an_older_version_reads_as_it_was(lake: Lake) -> None:
    before = lake.publish(TABLE, FIRST, flights(3), COMMIT)
    lake.publish(TABLE, FIRST, flights(5), COMMIT)
    assert lake.read(TABLE, version=before.version).num_rows == 3


def test_a_night_published_empty_counts_as_published(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(0), COMMIT)
    lake.publish(TABLE, SECOND, flights(2), COMMIT)
    snapshot = lake.require(TABLE, Nights(FIRST, SECOND))
    assert list(snapshot.files) == [SECOND]
    assert lake.states(TABLE)[FIRST].rows == 0
    assert lake.read(TABLE, one(FIRST)).schema == lake.read(TABLE, one(SECOND)).schema


def test_emptying_a_night_removes_its_rows(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    lake.publish(TABLE, FIRST, flights(0), COMMIT)
    assert lake.read(TABLE).num_rows == 0


def test_missing_nights_are_named_with_the_command_that_makes_them(lake: Lake) -> None:
    lake.publish(TABLE, SECOND, flights(), COMMIT)
    with pytest.raises(NotReady) as told:
        lake.require(TABLE, Nights(date(2012, 12, 30), date(2013, 1, 4)))
    assert "2012-12-30..2013-01-01, 2013-01-03..2013-01-04" in str(told.value)
    assert "python -m jobs features uc 2012-12-30..2013-01-04" in str(told.value)


@pytest.mark.parametrize(("table", "stage"), [("raw_weather", "ingest"), ("labels", "features"), ("scores", "score")])
def test_a_table_that_was_never_published_names_its_stage(lake: Lake, table: str, stage: str) -> None:
    with pytest.raises(NotReady, match=f"python -m jobs {stage} uc 2013-01-01$"):
        lake.require(f"uc/{table}", one(FIRST))
    assert not lake.exists(f"uc/{table}") and lake.states(f"uc/{table}") == {}


def test_rows_that_carry_a_night_are_refused(lake: Lake) -> None:
    with pytest.raises(UsageError, match="carry a column 'night'"):
        lake.publish(TABLE, FIRST, pa.table({"night": [FIRST]}), COMMIT)


def test_types_of_a_library_become_the_lakes(lake: Lake) -> None:
    rows = pa.table(
        {
            "small": pa.array([1, 2], pa.int16()),
            "half": pa.array([0.5, None], pa.float32()),
            "word": pa.array(["a", "b"], pa.large_string()),
            "kind": pa.array(["x", "x"]).dictionary_encode(),
            "at": pa.array([0, 1], pa.timestamp("ns")),
            "nothing": pa.nulls(2),
        }
    )
    lake.publish(TABLE, FIRST, rows, COMMIT)
    stored = lake.snapshot(TABLE).schema
    assert [str(field.type) for field in stored] == ["int64", "double", "string", "string", "timestamp[us, tz=UTC]", "string"]


def test_a_column_may_come_later_and_older_nights_read_null(lake: Lake) -> None:
    old = lake.publish(TABLE, FIRST, pa.table({"a": [1]}), COMMIT)
    lake.publish(TABLE, SECOND, pa.table({"a": [2], "b": ["x"]}), COMMIT)
    assert lake.read(TABLE, columns=["a", "b"]).to_pylist() == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]
    assert content_digest(lake.read(TABLE, one(FIRST), ["a", "b"])) == old.content_digest


def test_a_column_may_leave_and_the_table_keeps_it_for_older_nights(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, pa.table({"a": [1], "b": ["x"]}), COMMIT)
    lake.publish(TABLE, SECOND, pa.table({"a": [2]}), COMMIT)
    assert lake.read(TABLE, columns=["b"]).to_pylist() == [{"b": "x"}, {"b": None}]


def test_a_column_never_changes_its_type(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, pa.table({"a": [1]}), COMMIT)
    with pytest.raises(UsageError, match="column 'a' is string, but the table holds int64"):
        lake.publish(TABLE, SECOND, pa.table({"a": ["x"]}), COMMIT)
    assert list(lake.states(TABLE)) == [FIRST]


def test_a_nested_column_is_refused(lake: Lake) -> None:
    with pytest.raises(UsageError, match="column 'a' is list<"):
        lake.publish(TABLE, FIRST, pa.table({"a": [[1]]}), COMMIT)
    assert not lake.exists(TABLE)


def test_many_nights_are_one_commit_and_each_tells_of_itself(lake: Lake) -> None:
    lake.publish(TABLE, SECOND, flights(9), Commit("before", "uc"))
    nights = {FIRST + timedelta(days=day): flights(day) for day in (2, 0, 1)}
    states = lake.publish_nights(TABLE, nights, COMMIT)
    assert [state.night for state in states] == [FIRST, SECOND, THIRD] and len({state.version for state in states}) == 1
    assert [(state.rows, state.content_digest) for state in states] == [(day, content_digest(flights(day))) for day in range(3)]
    assert list(lake.states(TABLE).values()) == states
    assert lake.read(TABLE, Nights(SECOND, SECOND)).num_rows == 1, "the night published before is replaced"
    assert [state.stage for state in lake.history(TABLE) if state.night == SECOND] == ["before", COMMIT.stage]


def test_states_are_those_of_the_newest_commit_of_each_night(lake: Lake) -> None:
    for turn in range(3):
        for night in (FIRST, SECOND):
            lake.publish(TABLE, night, flights(turn + 1), Commit(f"turn{turn}", "uc"))
    reopened = Lake(lake.root, Path(lake.root).parent)
    assert reopened.states(TABLE) == lake.states(TABLE)
    assert {state.stage for state in lake.states(TABLE).values()} == {"turn2"}


def test_a_big_night_is_written_as_several_files_of_the_same_rows(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROW_GROUP", 10)
    counted = {}
    for rows in (40, 41, 79, 80, 81, 400, 1000):
        state = lake.publish(TABLE, FIRST, flights(rows), COMMIT)
        paths = lake.snapshot(TABLE).files[FIRST]
        counted[rows] = [pq.read_metadata(path).num_rows for path in paths]
        assert lake.read(TABLE).drop_columns(["night"]).equals(flights(rows)), "in their order"
        assert (state.rows, state.content_digest) == (rows, content_digest(flights(rows)))
    assert counted == {
        40: [40], 41: [40, 1], 79: [40, 39], 80: [40, 40], 81: [40, 40, 1], 400: [160, 160, 80], 1000: [160] * 6 + [40],
    }  # fmt: skip


@pytest.mark.parametrize(("different", "encoded"), [(SAMPLE // 2, True), (SAMPLE // 2 + 1, False)])
def test_a_dictionary_is_written_where_values_repeat(lake: Lake, different: int, encoded: bool) -> None:
    values = [float(place % different) for place in range(SAMPLE + 1)]
    lake.publish(TABLE, FIRST, pa.table({"x": values}), COMMIT)
    column = pq.read_metadata(lake.snapshot(TABLE).files[FIRST][0]).row_group(0).column(0)
    assert column.has_dictionary_page == encoded
