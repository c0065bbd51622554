"""What a commit says of its nights is read back as it was said, from the log and from the copy beside it."""

from __future__ import annotations

import json
import subprocess
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

import nightloop
from nightloop.lake import Commit, Lake, NightState, commits
from nightloop.lake.commits import KEY, NightContent, as_metadata, as_states, code_version
from nightloop.lake.history import EVERY, NOTHING, CommitCache
from tests.lake.rows import COMMIT, FIRST, SECOND, TABLE, flights

STATE = NightState(FIRST, 3, 7, "digest", "features", "code", "definition", {"uc/raw_x": 3}, {"rows": 1}, {"a": "b"}, "r", 1.5)


def test_each_night_of_a_commit_is_told_with_what_they_share() -> None:
    commit = Commit("features", "uc", "definition", {"uc/raw_x": 3}, {"longest": "x"})
    metadata = as_metadata([NightContent(FIRST, 7, "a"), NightContent(SECOND, 0, "b")], commit)
    assert list(metadata) == [KEY] and json.loads(metadata[KEY])["use_case"] == "uc"
    assert as_states(metadata[KEY], 5) == [
        NightState(night, 5, rows, digest, "features", code_version(), "definition", {"uc/raw_x": 3}, {"longest": "x"})
        for night, rows, digest in ((FIRST, 7, "a"), (SECOND, 0, "b"))
    ]


def test_a_commit_without_a_summary_keeps_none_and_reads_back_as_empty() -> None:
    metadata = as_metadata([NightContent(FIRST, 7, "a")], COMMIT)
    assert not {"summary", "meanings", "rules", "seconds", "unfinished"} & set(json.loads(metadata[KEY]))
    assert as_states(metadata[KEY], 1)[0].summary == {}


def test_what_a_night_was_made_and_judged_by_and_how_long_it_took_is_read_back() -> None:
    commit = Commit("features", "uc", meanings={"a": "digest"}, rules="contract", seconds=1.23456)
    (state,) = as_states(as_metadata([NightContent(FIRST, 7, "a")], commit)[KEY], 1)
    assert (state.meanings, state.rules, state.seconds) == ({"a": "digest"}, "contract", 1.235)


def test_the_same_commit_is_written_in_the_same_words() -> None:
    inputs = [dict(pairs) for pairs in ([("a", 1), ("b", 2)], [("b", 2), ("a", 1)])]
    one, other = (as_metadata([NightContent(FIRST, 7, "a")], Commit("s", "uc", inputs=of)) for of in inputs)
    assert one == other


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (SimpleNamespace(returncode=0, stdout="abc123\n"), "abc123"),
        (SimpleNamespace(returncode=128, stdout="fatal\n"), nightloop.__version__),
        (OSError("no git"), nightloop.__version__),
        (subprocess.TimeoutExpired("git", 5), nightloop.__version__),
    ],
)
def test_the_code_is_gits_commit_or_the_packages_version(
    answer: object, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(commits.subprocess, "run", run)
    assert code_version.__wrapped__() == expected


@pytest.mark.parametrize("folders", [[], [".git"]], ids=["no checkout", "one that git cannot read"])
def test_without_a_checkout_the_version_is_the_packages(
    folders: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in folders:
        (tmp_path / folder).mkdir()
    monkeypatch.setattr(nightloop, "__file__", str(tmp_path / "nightloop" / "__init__.py"))
    assert code_version.__wrapped__() == nightloop.__version__


def test_what_is_cached_comes_back_equal_for_the_same_table_and_as_nothing_for_another(tmp_path: Path) -> None:
    cache = CommitCache(tmp_path / "uc" / "features.json")
    assert cache.read("id") == NOTHING == (-1, ())
    cache.write("id", 9, [STATE, STATE])
    assert cache.read("id") == (9, (STATE, STATE)) and cache.read("other") == NOTHING
    assert [path.name for path in (tmp_path / "uc").iterdir()] == ["features.json"]


@pytest.mark.parametrize(
    "damage", ["[]", "null", '{"table": "id"}', '{"table": "id", "version": 1, "commits": [{"night": 5}]}']
)
def test_a_damaged_cache_is_passed_over(tmp_path: Path, damage: str) -> None:
    cache = CommitCache(tmp_path / "features.json")
    cache.file.write_text(damage)
    assert cache.read("id") == NOTHING


@pytest.mark.parametrize(("made", "is_written"), [(EVERY - 2, False), (EVERY - 1, True), (EVERY, True)])
def test_the_cache_is_written_once_enough_commits_were_made(tmp_path: Path, made: int, is_written: bool) -> None:
    """The entry that makes the table counts too: version 0."""
    lake = Lake(str(tmp_path / "lake"), tmp_path / "staging", tmp_path / "cache")
    for turn in range(made):
        lake.publish(TABLE, FIRST + timedelta(days=turn), flights(0), COMMIT)
    reader = Lake(lake.root, tmp_path / "staging", tmp_path / "cache")
    assert len(reader.history(TABLE)) == made
    assert (tmp_path / "cache" / f"{TABLE}.json").exists() is is_written


def test_a_night_in_the_cache_is_a_night_again(tmp_path: Path) -> None:
    cache = CommitCache(tmp_path / "features.json")
    cache.write("id", 1, [STATE])
    [state] = cache.read("id")[1]
    assert type(state.night) is date and state.inputs == {"uc/raw_x": 3} and state.summary == {"rows": 1}
