"""status --all: a line a use case, what is wrong below it, JSON for programs, and an exit code where that is asked."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs.commands import command_line
from jobs.commands.status_of_all import lines, table
from nightloop.control_room.cells import WRONG, Cell, State
from nightloop.control_room.room import Overview
from nightloop.control_room.summary import Summary
from nightloop.nights import utc_now
from tests.jobs.changing import Things

DAY = timedelta(days=1)


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    """A use case whose first night is due today at the earliest, and the commands pointed at it."""
    things = Things(tmp_path)
    for name, value in (("HOME", "home"), ("DEFINITIONS", "feature_defs"), ("CONTRACTS", "great_expectations")):
        monkeypatch.setenv(f"NIGHTLOOP_{name}", str(tmp_path / value))
    return things


def begin(things: Things, first: date) -> None:
    things.change(lambda declared: declared.update(first_night=first))


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    code = command_line.main(["status", *arguments])
    streams = capsys.readouterr()
    return code, streams.out + streams.err


def test_a_line_a_use_case_and_one_a_reason(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    today = utc_now().date()
    begin(things, today - 3 * DAY)
    code, text = run(capsys, "--all")
    head, line, *rest = text.splitlines()
    assert code == 0 and head.split() == ["use", "case", "nights", "to", "champion", "realised", "seconds"]
    assert line.split()[0] == "things" and "!!" in line and "none (train one)" in line
    assert any(part.startswith("things: ") and "missing: ingest: not taken in" in part for part in rest)
    assert rest[-1].split("  ") == ["! missing", "· not due"]


def test_check_is_red_where_a_night_is_missing_and_only_then(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    begin(things, utc_now().date() - 3 * DAY)
    assert run(capsys, "--all", "--check")[0] == 1
    assert run(capsys, "--all")[0] == 0
    begin(things, utc_now().date() + 2 * DAY)
    assert run(capsys, "--all", "--check")[0] == 0


def test_json_is_one_object_and_check_holds_there_too(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    begin(things, utc_now().date() - 3 * DAY)
    code, text = run(capsys, "--all", "--json", "--check")
    answer = json.loads(text)
    assert code == 1 and [of["use_case"] for of in answer["use_cases"]] == ["things"]
    assert "missing" in {night["state"] for night in answer["use_cases"][0]["nights"]}


def test_one_that_cannot_be_read_is_named_and_red(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    begin(things, utc_now().date() + 2 * DAY)
    (things.folder / "feature_defs" / "broken.yaml").write_text("use_case: broken\n")
    code, text = run(capsys, "--all", "--check")
    assert code == 1 and "cannot be read" in text and "broken.yaml" in text and "things" in text


@pytest.mark.parametrize("arguments", [(), ("things", "--all"), ("things", "--check"), ("--check",)])
def test_what_cannot_be_meant_is_refused(
    things: Things, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = run(capsys, *arguments)
    assert code == 2 and "--all" in text


@pytest.mark.parametrize("state", sorted(WRONG))
def test_each_wrong_state_has_its_line(state: State) -> None:
    summary = Summary("loans", cells=(Cell(date(2024, 3, 5), state, "because"),))
    assert lines(Overview((summary,), (), utc_now()))[0] == f"loans: 2024-03-05: {state}: because"
    assert table((summary,)).row_count == 1
