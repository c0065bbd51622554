"""Several writers at once: of one night the later replaces, of different nights none is in another's way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from nightloop.errors import WriteConflict
from nightloop.lake import Lake, log
from nightloop.lake.digest import content_digest
from nightloop.settings import REPOSITORY
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, flights

TURNS = 5


def run_together(root: str, writers: Sequence[tuple[str, int]], turns: int = TURNS) -> list[list[dict[str, object]]]:
    """Let processes publish at the same time; return what each was told of each of its commits."""
    commands = [
        [sys.executable, "-m", "tests.lake.publisher", "write", root, night, str(turns), str(start)] for night, start in writers
    ]
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen(command, cwd=REPOSITORY, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for command in commands
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * len(running), [errors for _, errors in ended]
    return [[json.loads(line) for line in told.splitlines()] for told, _ in ended]


def assert_one_winner(lake: Lake, told: list[list[dict[str, object]]]) -> None:
    commits = {commit["version"]: commit for writer in told for commit in writer}
    assert len(commits) == sum(map(len, told)), "each commit has a version of its own"
    newest = commits[max(commits)]
    rows = lake.read(TABLE)
    assert rows.num_rows == newest["rows"], "the later replaced the earlier"
    assert content_digest(rows.drop_columns(["night"])) == newest["digest"]
    assert lake.states(TABLE)[FIRST].content_digest == newest["digest"]


def test_of_four_writers_of_one_night_exactly_one_content_stands(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    told = run_together(lake.root, [(str(FIRST), start) for start in (0, 100, 200, 300)])
    assert_one_winner(lake, told)


def test_writers_of_different_nights_all_land_even_on_a_table_not_made_yet(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging")
    told = run_together(lake.root, [(f"2013-02-0{at}", 10 * at) for at in range(1, 5)])
    assert [state.rows for state in lake.states(TABLE).values()] == [10 * at + TURNS for at in range(1, 5)]
    assert len({commit["version"] for writer in told for commit in writer}) == 4 * TURNS


def test_on_s3_too(s3_lake: str, tmp_path: Path) -> None:
    told = run_together(s3_lake, [(str(FIRST), 0), (str(FIRST), 100)], turns=3)
    assert_one_winner(Lake(s3_lake, tmp_path), told)


def test_two_first_writers_of_a_night_never_both_land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rival commits between our look at the table, which shows no such night, and our commit."""
    lake, rival = (Lake(str(tmp_path / "lake"), tmp_path / "staging") for _ in range(2))
    rival.publish(TABLE, SECOND, flights(2), COMMIT)
    replace, rivals = log.TableLog._replace, iter([5])

    def too_late(self: log.TableLog, *arguments: object) -> None:
        for rows in rivals if self is lake.log(TABLE) else ():
            rival.publish(TABLE, FIRST, flights(rows), COMMIT)
        replace(self, *arguments)

    monkeypatch.setattr(log.TableLog, "_replace", too_late)
    state = lake.publish(TABLE, FIRST, flights(9), COMMIT)
    assert (lake.read(TABLE).num_rows, state.version) == (9 + 2, 3) and lake.states(TABLE)[FIRST] == state


def test_a_writer_that_keeps_losing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another writer commits between every look and every commit of ours."""
    lake, rival = (Lake(str(tmp_path / "lake"), tmp_path / "staging") for _ in range(2))
    rival.publish(TABLE, FIRST, flights(), COMMIT)
    monkeypatch.setattr(log, "ATTEMPTS", 3)
    replace = log.TableLog._replace

    def too_late(self: log.TableLog, *arguments: object) -> None:
        if self is lake.log(TABLE):
            rival.publish(TABLE, FIRST, flights(5), COMMIT)
        replace(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(log.TableLog, "_replace", too_late)
        with pytest.raises(WriteConflict, match="2013-01-01 could not be committed in 3 attempts"):
            lake.publish(TABLE, FIRST, flights(9), COMMIT)
    assert lake.read(TABLE).num_rows == 5
    lake.publish(TABLE, FIRST, flights(9), COMMIT)
    assert lake.read(TABLE).num_rows == 9
