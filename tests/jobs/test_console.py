"""What a terminal shows fits it: bars that end, a status of 80 columns, errors broken between words."""

from __future__ import annotations

import io
from datetime import date

import pytest
from rich.console import Console

from jobs import console, night_status
from jobs.console import ProgressBars, ProgressLines, print_error


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


class Lines:
    """Lines of progress by a clock that is set by hand."""

    def __init__(self, *, in_turn: bool = False) -> None:
        self.now, self.shown = 100.0, list[str]()
        self.progress = ProgressLines(self.shown.append, in_turn=in_turn, clock=lambda: self.now)

    def at(self, seconds: float, doing: str, done: int, total: int = 14) -> list[str]:
        """Return the lines that are new after a step at so many seconds."""
        self.now, before = 100.0 + seconds, len(self.shown)
        self.progress(doing, done, total)
        return self.shown[before:]


def test_stages_side_by_side_have_a_line_for_each_change_and_none_without_one() -> None:
    lines = Lines()
    assert lines.at(0, "ingest", 0) == ["ingest: 0 of 14"]
    assert lines.at(0, "score", 0) == ["score: 0 of 14"]
    assert lines.at(4.9, "ingest", 2) == []
    assert lines.at(5, "ingest", 2) == ["ingest: 2 of 14 (5 s, about 30 s to go)"]
    assert lines.at(5, "score", 1) == ["score: 1 of 14 (5 s, about 1 min 5 s to go)"]
    assert lines.at(12, "ingest", 2) == lines.at(12, "score", 1) == []
    assert lines.at(13, "ingest", 14) == ["ingest: 14 of 14 (13 s)"]
    assert lines.at(13.1, "score", 14) == ["score: 14 of 14 (13 s)"]
    assert lines.at(99, "ingest", 14) == [], "what has ended is not shown again"


def test_an_end_is_shown_at_once() -> None:
    lines = Lines()
    lines.at(0, "ingest", 13)
    assert lines.at(1, "ingest", 14) == ["ingest: 14 of 14 (1 s)"]


def test_where_nothing_changes_a_line_comes_again_after_half_a_minute() -> None:
    lines = Lines()
    lines.at(0, "ingest", 3)
    assert lines.at(29.9, "ingest", 3) == []
    assert lines.at(30, "ingest", 3) == ["ingest: 3 of 14 (30 s)"]
    assert lines.at(31, "score", 0) == ["score: 0 of 14"]
    assert lines.at(60, "ingest", 3) == [], "another line came since"
    assert lines.at(61, "ingest", 3) == ["ingest: 3 of 14 (1 min 1 s)"]


def test_what_was_there_at_the_start_counts_for_no_pace() -> None:
    lines = Lines()
    lines.at(0, "ingest", 10)
    assert lines.at(10, "ingest", 12) == ["ingest: 12 of 14 (10 s, about 10 s to go)"]


def test_steps_in_turn_share_a_line_every_five_seconds() -> None:
    lines = Lines(in_turn=True)
    assert lines.at(0, "ingest 2013-04-01", 0, 3) == ["ingest 2013-04-01: 0 of 3"]
    assert lines.at(4.9, "ingest 2013-04-02", 1, 3) == []
    assert lines.at(5, "ingest 2013-04-03", 2, 3) == ["ingest 2013-04-03: 2 of 3"]
    assert lines.at(9.9, "ingest", 3, 3) == []


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
