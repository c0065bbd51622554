"""The settings of the log: what each is for; and what one entry says."""

from __future__ import annotations

import json
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from nightloop.errors import StoreUnavailable, WriteConflict
from nightloop.lake import Lake, log
from nightloop.lake.log import FEW, LogEntry, TableLog, commit_info
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, THIRD, flights


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), tmp_path / "staging")


def entry(lake: Lake, version: int) -> list[dict[str, dict[str, object]]]:
    path = Path(lake.folder(TABLE), "_delta_log", f"{version:020}.json")
    return [json.loads(line) for line in path.read_text().splitlines()]


def delta(lake: Lake, version: int | None = None) -> DeltaTable:
    return DeltaTable(lake.folder(TABLE), version=version)


def test_the_log_is_never_cleaned_for_it_is_the_history_of_every_night(lake: Lake) -> None:
    """Delta would remove entries older than 30 days at a checkpoint: here each is 10 years old."""
    for turn in range(3):
        lake.publish(TABLE, FIRST, flights(turn + 1), COMMIT)
    for path in Path(lake.folder(TABLE), "_delta_log").glob("*.json"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line in lines:
            if "commitInfo" in line:
                line["commitInfo"]["timestamp"] = 1_356_998_400_000
        path.write_text("\n".join(map(json.dumps, lines)))
    assert delta(lake).metadata().configuration["delta.enableExpiredLogCleanup"] == "false"
    table = delta(lake)
    table.create_checkpoint()
    table.cleanup_metadata()
    assert [state.rows for state in Lake(lake.root, Path("/nowhere")).history(TABLE)] == [1, 2, 3]


def test_log_retention_is_a_century_for_tools_that_ask_only_for_it(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(), COMMIT)
    assert delta(lake).metadata().configuration["delta.logRetentionDuration"] == "interval 36500 days"


def test_every_hundredth_commit_leaves_a_checkpoint_so_that_opening_stays_quick(lake: Lake) -> None:
    for _ in range(100):
        lake.publish(TABLE, FIRST, flights(0), COMMIT)
    assert [path.name for path in Path(lake.folder(TABLE), "_delta_log").glob("*.checkpoint.parquet")] == [
        f"{99:020}.checkpoint.parquet"
    ]
    assert len(Lake(lake.root, Path("/nowhere")).history(TABLE)) == 100
    assert delta(lake).metadata().configuration["delta.checkpointInterval"] == "100", "for writers with another default"


def test_a_table_is_partitioned_by_night_so_that_other_readers_skip_what_they_do_not_ask_for(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(), COMMIT)
    assert delta(lake).metadata().partition_columns == ["night"]


def test_a_commit_names_its_night_as_a_transaction_by_which_two_writers_of_it_collide(lake: Lake) -> None:
    lake.publish_nights(TABLE, {FIRST: flights(1), SECOND: flights(2)}, COMMIT)
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    transactions = [action["txn"] for action in entry(lake, 2) if "txn" in action]
    assert [(txn["appId"], txn["version"]) for txn in transactions] == [(f"{TABLE}/{FIRST}", 2)]
    assert sorted(action["txn"]["appId"] for action in entry(lake, 1) if "txn" in action) == [
        f"{TABLE}/{FIRST}",
        f"{TABLE}/{SECOND}",
    ]


def test_a_commit_removes_the_files_of_its_nights_and_of_no_other(lake: Lake) -> None:
    lake.publish_nights(TABLE, {night: flights(1) for night in (FIRST, SECOND, THIRD)}, COMMIT)
    before = lake.snapshot(TABLE).files
    lake.publish_nights(TABLE, {FIRST: flights(2), THIRD: flights(0)}, COMMIT)
    removed = {action["remove"]["path"] for action in entry(lake, 2) if "remove" in action}
    assert {path.rpartition("/night=")[2] for night in (FIRST, THIRD) for path in before[night]} == {
        str(path).removeprefix("night=") for path in removed
    }
    assert lake.snapshot(TABLE).files[SECOND] == before[SECOND]


def test_a_file_carries_its_rows_and_size_for_other_readers(lake: Lake) -> None:
    lake.publish(TABLE, FIRST, flights(7), COMMIT)
    [add] = [action["add"] for action in entry(lake, 1) if "add" in action]
    [path] = lake.snapshot(TABLE).paths
    assert json.loads(str(add["stats"])) == {"numRecords": 7} and add["size"] == Path(path).stat().st_size
    assert add["partitionValues"] == {"night": str(FIRST)} and add["dataChange"] is True
    age = datetime.now(UTC) - datetime.fromtimestamp(int(str(add["modificationTime"])) / 1000, UTC)
    assert timedelta(0) <= age < timedelta(minutes=5)


def test_what_an_entry_says_is_read_back(lake: Lake) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    lake.publish_nights(TABLE, {FIRST: flights(1), SECOND: flights(0)}, COMMIT)
    made, published = lake.log(TABLE).entries()
    assert (made.version, made.states, made.added) == (0, (), {})
    assert published.version == 1 and before <= published.recorded_at <= datetime.now(UTC)
    assert [(state.night, state.rows) for state in published.states] == [(FIRST, 1), (SECOND, 0)]
    [path] = lake.snapshot(TABLE).paths
    assert published.added == {path.removeprefix(f"{lake.folder(TABLE)}/"): str(FIRST)}
    assert lake.log("uc/never").entries() == []


def test_an_entry_of_another_program_says_nothing_of_nights() -> None:
    actions = [{"add": {"path": "night=2013-01-01/a%20b.parquet", "partitionValues": {}}}, {"protocol": {}}]
    assert LogEntry.of(4, actions) == LogEntry(4, datetime(1970, 1, 1, tzinfo=UTC), {"night=2013-01-01/a b.parquet": ""}, ())
    assert commit_info(actions) == {} and commit_info([]) == {}
    assert commit_info([{"add": {}}, {"commitInfo": {"x": 1}}, {"commitInfo": {"x": 2}}]) == {"x": 1}


@pytest.mark.parametrize("count", [FEW - 1, FEW, FEW + 1, 3 * FEW])
def test_entries_are_in_order_however_many_are_read(lake: Lake, count: int) -> None:
    for turn in range(count):
        lake.publish(TABLE, FIRST, flights(turn), COMMIT)
    assert [(state.version, state.rows) for state in lake.history(TABLE)] == [(turn + 1, turn) for turn in range(count)]


def test_many_entries_are_read_side_by_side_and_few_are_not(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for turn in range(FEW + 1):
        lake.publish(TABLE, FIRST, flights(turn), COMMIT)
    threads: set[int] = set()
    real = TableLog._entry

    def noted(self: TableLog, version: int) -> object:
        threads.add(threading.get_ident())
        return real(self, version)

    monkeypatch.setattr(TableLog, "_entry", noted)
    lake.log(TABLE)._entries(range(1, FEW + 1))
    assert threads == {threading.get_ident()}
    threads.clear()
    lake.log(TABLE)._entries(range(1, FEW + 2))
    assert threads and threading.get_ident() not in threads


def test_the_version_of_a_commit_is_its_own_whatever_others_commit_meanwhile(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival = Lake(lake.root, tmp_path / "other")
    lake.publish(TABLE, FIRST, flights(), COMMIT)
    real = TableLog._version_of

    def late(self: TableLog, mark: str, before: DeltaTable) -> int:
        if self is lake.log(TABLE):
            for rows in (4, 5):
                rival.publish(TABLE, SECOND, flights(rows), COMMIT)
        return real(self, mark, before)

    monkeypatch.setattr(TableLog, "_version_of", late)
    assert lake.publish(TABLE, THIRD, flights(3), COMMIT).version == 2
    assert [state.version for state in lake.history(TABLE)] == [1, 2, 3, 4]


def test_a_commit_that_its_own_log_does_not_hold_is_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.publish(TABLE, FIRST, flights(), COMMIT)
    with pytest.raises(StoreUnavailable, match="not in the log it was written to"):
        monkeypatch.setattr(log, "commit_info", lambda actions: {})
        lake.publish(TABLE, FIRST, flights(), COMMIT)


def test_an_attempt_that_loses_is_made_again_after_a_wait_that_grows_to_a_second(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.publish(TABLE, FIRST, flights(), COMMIT)
    attempts, longest = [], []

    def loses(*_: object) -> None:
        attempts.append(1)
        raise CommitFailedError("another was first")

    monkeypatch.setattr(TableLog, "_replace", loses)
    monkeypatch.setattr(log.random, "uniform", lambda low, high: (longest.append((low, high)), 0)[1])
    with pytest.raises(
        WriteConflict, match=r"2013-01-01, 2013-01-02 could not be committed in 40 attempts \(another was first"
    ):
        lake.publish_nights(TABLE, {FIRST: flights(), SECOND: flights()}, COMMIT)
    assert len(attempts) == 40
    assert longest[:7] == [(0, wait) for wait in (0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0)]
    assert set(longest[7:]) == {(0, 1.0)}


def test_an_error_of_the_library_that_is_no_conflict_is_not_tried_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def fails(*_: object) -> None:
        attempts.append(1)
        raise DeltaError("the library says no")

    monkeypatch.setattr(TableLog, "_replace", fails)
    with pytest.raises(StoreUnavailable, match="the library says no"):
        lake.publish(TABLE, FIRST, flights(), COMMIT)
    assert len(attempts) == 1


def test_of_two_that_make_the_table_the_one_that_comes_late_uses_the_others(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = DeltaTable.create

    def too_late(*arguments: object, **options: object) -> None:
        monkeypatch.setattr(DeltaTable, "create", create)
        Lake(lake.root, tmp_path / "other").publish(TABLE, SECOND, flights(2), COMMIT)
        raise DeltaError("somebody made it")

    monkeypatch.setattr(DeltaTable, "create", too_late)
    lake.publish(TABLE, FIRST, flights(3), COMMIT)
    assert lake.read(TABLE).num_rows == 5


def test_a_table_that_cannot_be_made_is_an_error(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **options: object) -> None:
        raise DeltaError("no table today")

    monkeypatch.setattr(DeltaTable, "create", fails)
    with pytest.raises(StoreUnavailable, match="no table today"):
        lake.publish(TABLE, FIRST, flights(), COMMIT)


def test_nights_of_a_table_that_shrinks_and_grows_are_those_of_the_version_opened(lake: Lake) -> None:
    lake.publish(TABLE, date(2013, 2, 1), flights(1), COMMIT)
    lake.publish(TABLE, date(2013, 1, 1), flights(2), COMMIT)
    assert list(lake.states(TABLE)) == [date(2013, 1, 1), date(2013, 2, 1)], "nights are in order, whenever they were published"
    old = lake.log(TABLE).open(1)
    assert old is not None and list(lake.log(TABLE).states(old)) == [date(2013, 2, 1)]
