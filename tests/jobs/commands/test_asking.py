"""At a terminal `new` asks what it would guess, with the guess as the answer; elsewhere it never asks."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

import pytest

from jobs.asking import asked
from nightloop.definitions import load_use_case
from nightloop.drafting import DraftOptions
from nightloop.errors import SourceDamaged
from nightloop.settings import REPOSITORY

QUESTIONS = ("predicted", "happened", "from another")


@pytest.fixture
def file(house, subscriptions) -> str:
    return str(house.csv("subs.csv", *subscriptions(240)))


def answers(*texts: str) -> tuple[Callable[[str], str], list[str]]:
    """Return who answers so, one after the other, and the questions they were asked."""
    left: Iterator[str] = iter(texts)
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return next(left)

    return ask, questions


def options_after(house, file: str, texts: Sequence[str], shown: list[str] | None = None, **given: object) -> DraftOptions:
    ask, questions = answers(*texts)
    options = asked(file, DraftOptions(**given), house.definitions, ask, (shown if shown is not None else []).append)  # type: ignore[arg-type]
    assert len(questions) == len(texts)
    return options


def test_each_question_has_the_guess_as_its_answer(house, file):
    ask, questions = answers("", "", "")
    options = asked(file, DraftOptions(), house.definitions, ask, lambda line: None)
    assert (options.label, options.event_at, options.key) == ("Churned?", "Signed-Up At", ("Customer ID",))
    assert [word in question for word, question in zip(QUESTIONS, questions, strict=True)] == [True] * 3
    assert [re.findall(r"\[(.*)\] $", question) for question in questions] == [["Churned?"], ["Signed-Up At"], ["Customer ID"]]


def test_an_answer_stands_against_the_guess(house, file):
    options = options_after(house, file, ["night", "Left {on}", "Customer ID, Age"])
    assert (options.label, options.event_at, options.key) == ("night", "Left {on}", ("Customer ID", "Age"))


def test_what_a_flag_says_is_not_asked(house, file):
    assert options_after(house, file, ["", ""], label="night").label == "night"
    given = {"label": "night", "event_at": "Signed-Up At", "key": ("Customer ID",)}
    assert options_after(house, file, [], **given).key == ("Customer ID",)


def test_a_column_that_is_not_there_is_asked_again_with_the_near_ones(house, file):
    shown: list[str] = []
    options = options_after(house, file, ["Churned", "Churned?", "", ""], shown)
    assert options.label == "Churned?"
    assert any("no column 'Churned'" in line and "Did you mean 'Churned?'" in line for line in shown)


def test_a_file_without_a_key_may_say_that_there_is_none(house, file):
    assert options_after(house, file, ["", "", "-"]).key == ()


def test_where_nothing_can_be_guessed_it_is_asked_without_a_guess(house):
    file = str(house.csv("plain.csv", ["a", "b", "c"], [[i, i % 7, "x"] for i in range(50)]))
    ask, questions = answers("b", "", "a", "-")
    asked(file, DraftOptions(), house.definitions, ask, lambda line: None)
    assert questions[0] == "Which column is to be predicted? "
    assert questions[1] == questions[2] == "Which column tells when a record happened? "  # an empty answer is none


def ambiguous(house) -> str:
    rows = [[i, f"{1 + i % 12}/{1 + i // 12 % 12}/2024", f"{1 + i % 9}/5/2024", i % 2] for i in range(60)]
    return str(house.csv("orders.csv", ["id", "when", "due", "y"], rows))


@pytest.mark.parametrize(("answer", "day_first"), [(["day"], True), (["m"], False), ([""], False), (["first", "D"], True)])
def test_where_day_and_month_cannot_be_told_apart_it_is_asked(house, answer: list[str], day_first: bool):
    ask, questions = answers(*answer, "", "", "")
    assert asked(ambiguous(house), DraftOptions(), house.definitions, ask, lambda line: None).day_first is day_first
    assert questions[0] == "Which stands first in 1/1/2024 of 'when' (so in 'due'): the day or the month? [month] "


def test_the_order_of_day_and_month_is_asked_beside_flags_and_not_against_one(house):
    given = {"label": "y", "event_at": "when", "key": ("id",)}
    assert options_after(house, ambiguous(house), ["day"], **given).day_first is True
    assert options_after(house, ambiguous(house), [], **given, day_first=False).day_first is False


def test_a_file_without_records_is_refused_before_anything_is_asked(house):
    file = str(house.csv("empty.csv", ["a", "b"], []))
    with pytest.raises(SourceDamaged):
        options_after(house, file, [])


def environment(house) -> dict[str, str]:
    named = {"HOME": house.folder / "home", "DEFINITIONS": house.definitions, "CONTRACTS": house.contracts}
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), **{f"NIGHTLOOP_{name}": str(path) for name, path in named.items()}}


def at_a_terminal(house, arguments: Sequence[str], typed: str) -> tuple[int, str]:
    """Run the command line on a terminal where a person types, and return its exit code and what was shown."""
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "jobs", *arguments]
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment(house)) as process:
        os.close(terminal)
        os.write(controller, typed.encode())
        shown = b""
        while True:
            try:
                shown += os.read(controller, 4096)
            except OSError:  # the terminal is closed: the program has ended
                break
        code = process.wait()
    os.close(controller)
    return code, shown.decode()


def test_a_person_at_a_terminal_is_asked_and_the_draft_is_theirs(house, file):
    code, shown = at_a_terminal(house, ["new", "churn", "--from", file], "night\n\n\n")
    assert code == 0, shown
    assert shown.count("Which column") == 3
    assert load_use_case("churn", house.definitions).label.expression == "night_value"


@pytest.mark.parametrize("json_asked", [True, False])
def test_json_and_what_is_no_terminal_never_ask(house, file, json_asked: bool):
    arguments = ["new", "churn", "--from", file, *(["--json"] if json_asked else [])]
    if json_asked:
        code, shown = at_a_terminal(house, arguments, "")
        assert json.loads(shown.splitlines()[-1])["label"] == "Churned?"
    else:
        command = [sys.executable, "-m", "jobs", *arguments]
        done = subprocess.run(command, input="night\n", capture_output=True, text=True, env=environment(house), check=False)
        code, shown = done.returncode, done.stdout
        assert "predicts   Churned?" in shown
    assert code == 0
    assert "Which column" not in shown
