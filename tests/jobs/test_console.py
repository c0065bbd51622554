"""What a terminal shows fits it: bars that end, a status of 80 columns, errors broken between words."""

from __future__ import annotations

import io
from datetime import date

import pytest
from rich.console import Console

from jobs import console, night_status
from jobs.console import ProgressBars, print_error


def terminal(width: int) -> Console:
    """A terminal of so many columns, whose text can be read back."""
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, soft_wrap=True, highlight=False)


def shown(there: Console) -> str:
    assert isinstance(there.file, io.StringIO)
    return there.file.getvalue()


def test_steps_in_turn_share_a_bar_until_their_count_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "errors", terminal(100))
    with ProgressBars(in_turn=True) as bars:
        for done, name in enumerate(("schedule", "weather")):
            bars(f"reading {name}", done, 2)
        for done in range(4):
            bars("ingest", done, 3)
        assert bars._bars is not None
        told = [(task.description, task.completed, task.total) for task in bars._bars.tasks]
    assert told == [("reading weather", 2, 2), ("ingest", 3, 3)]


def test_steps_side_by_side_have_a_bar_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "errors", terminal(100))
    with ProgressBars() as bars:
        for done in range(2):
            bars("through ingest", done + 1, 2)
            bars("through score", done, 2)
        assert bars._bars is not None
        assert [(task.description, task.completed) for task in bars._bars.tasks] == [
            ("through ingest", 2),
            ("through score", 1),
        ]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_status_is_whole_on_a_narrow_terminal(width: int) -> None:
    there = terminal(width)
    full = night_status.NightStatus(date(2013, 4, 14), 102_029, 1_234, 975, 100_975, 12, 0.703, "fail", "retrain", "aged", ())
    thin = night_status.NightStatus(date(2013, 4, 15), 2_049, 0, 988, 988, 12, None, "not_enough_evidence", "keep", "", ())
    bare = night_status.NightStatus(
        date(2013, 4, 16), None, None, None, None, None, None, None, None, None, ("ingest", "features", "score")
    )
    there.print(night_status.table([full, thin, bare]), soft_wrap=False)
    text = shown(there)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert "…" not in text
    for value in (
        "2013-04-14",
        "102,029",
        "1,234",
        "100,975",
        "v12",
        "0.703",
        "fail",
        "retrain",
        "not enough",
        "keep",
        "missing:",
    ):
        assert value in text, value


def test_an_error_is_broken_between_words_on_a_terminal_and_whole_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "port 8080 (airflow) on 127.0.0.1 is in use by another program. Choose other ports: NIGHTLOOP_PORT_OFFSET=1000."
    narrow = terminal(60)
    monkeypatch.setattr(console, "errors", narrow)
    print_error("SetupError", message)
    lines = shown(narrow).splitlines()
    assert max(map(len, lines)) <= 60
    assert " ".join(line.strip() for line in lines) == f"SetupError: {message}"

    pipe = Console(file=io.StringIO(), width=60, soft_wrap=True)
    monkeypatch.setattr(console, "errors", pipe)
    print_error("SetupError", message)
    assert shown(pipe) == f"SetupError: {message}\n"
