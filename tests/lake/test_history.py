"""A process reads little of a long log: what older commits said is kept, and the log stays the truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from nightloop.lake import Lake
from nightloop.lake.history import EVERY
from nightloop.lake.log import TableLog
from nightloop.nights import Nights
from tests.lake.rows import COMMIT, TABLE, flights

FIRST = date(2013, 1, 1)
COMMITS = EVERY + 6


@pytest.fixture
def entries_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The versions whose log entries were read, in order."""
    read: list[int] = []
    real = TableLog._entry
    monkeypatch.setattr(TableLog, "_entry", lambda log, version: (read.append(version), real(log, version))[1])
    return read


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[], Lake]:
    """Opens the lake as a new process would; it holds more commits than are read each time."""

    def open_lake() -> Lake:
        return Lake(str(tmp_path / "lake"), tmp_path / "staging", tmp_path / "cache")

    lake = open_lake()
    for night in range(COMMITS):
        lake.publish(TABLE, FIRST + timedelta(days=night), flights(2, start=night), COMMIT)
    return open_lake


def test_a_second_process_reads_only_the_commits_since_the_copy(opened: Callable[[], Lake], entries_read: list[int]) -> None:
    whole = opened().history(TABLE)
    assert len(whole) == COMMITS
    entries_read.clear()
    assert opened().history(TABLE) == whole
    assert len(entries_read) <= EVERY
    entries_read.clear()
    opened().require(TABLE, Nights(FIRST, FIRST))
    assert len(entries_read) <= EVERY


def test_what_was_kept_says_what_the_log_says(opened: Callable[[], Lake], tmp_path: Path) -> None:
    opened().states(TABLE)
    opened().publish(TABLE, FIRST, flights(3), COMMIT)
    without = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    assert opened().history(TABLE) == without.history(TABLE)
    assert opened().states(TABLE) == without.states(TABLE)
    assert opened().states(TABLE)[FIRST].rows == 3


@pytest.mark.parametrize("damage", ["", "{", '{"version": 3}', '{"table": "another", "version": 999, "commits": []}'])
def test_a_copy_that_is_damaged_or_of_another_table_is_passed_over(
    damage: str, opened: Callable[[], Lake], tmp_path: Path
) -> None:
    whole = opened().history(TABLE)
    (copy,) = (tmp_path / "cache").rglob("*.json")
    copy.write_text(damage)
    assert opened().history(TABLE) == whole
    shutil.rmtree(tmp_path / "cache")
    assert opened().history(TABLE) == whole


def test_a_table_made_anew_at_the_same_place_has_its_own_history(opened: Callable[[], Lake], tmp_path: Path) -> None:
    opened().states(TABLE)
    shutil.rmtree(tmp_path / "lake" / TABLE)
    opened().publish(TABLE, FIRST, flights(1), COMMIT)
    assert [state.night for state in opened().history(TABLE)] == [FIRST]


def test_an_older_version_of_the_log_tells_only_its_own_commits(opened: Callable[[], Lake]) -> None:
    lake = opened()
    lake.states(TABLE)
    log = lake.log(TABLE)
    old = log.open(5)
    assert old is not None
    assert [state.version for state in log.history(old)] == [1, 2, 3, 4, 5]
    assert len(lake.history(TABLE)) == COMMITS
