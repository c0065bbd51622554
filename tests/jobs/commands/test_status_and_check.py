"""What status and check tell of a definition that changed: which nights are of it, what for, and what is ahead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.commands import command_line
from jobs.night_status import NightStatus, collect, stale_lines
from jobs.upkeep.plan import make_plan
from nightloop.nights import one
from tests.jobs.changing import FIRST, NIGHTS, Things

UNIQUE = """\
  - type: expect_column_values_to_be_unique
    kwargs: {column: id}
    meta: {on_breach: quarantine, description: A key is there once.}
"""


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    """Nights made by the first definition, and the commands pointed at them."""
    things = Things(tmp_path)
    suite = things.folder / "great_expectations" / "things" / "things.yaml"
    suite.write_text(suite.read_text() + UNIQUE)
    things.build(NIGHTS)
    for name, value in (
        ("HOME", things.folder / "home"),
        ("DEFINITIONS", things.folder / "feature_defs"),
        ("CONTRACTS", things.folder / "great_expectations"),
    ):
        monkeypatch.setenv(f"NIGHTLOOP_{name}", str(value))
    return things


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """Return what a command prints; what the card of the use case lacks has a test of its own."""
    assert command_line.main(arguments) == 0
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith("{") or "stated by the owner" not in line]


def twice(things: Things) -> None:
    things.change(lambda declared: declared["features"]["price"].update(expression="price * 2"))


def test_status_tells_of_which_definition_the_nights_are_in_one_line_a_reason(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not [line for line in lines(capsys, "status", "things") if line.startswith("stale:")]
    twice(things)
    whole = f"{FIRST}..{NIGHTS.last}"
    assert f"stale: features of {whole}: another definition of price" in lines(capsys, "status", "things")


def test_status_tells_an_older_meaning_that_the_nights_champion_needs(things: Things) -> None:
    things.promote(NIGHTS.last)
    twice(things)
    of_first, *_, of_last = collect(things.use_case, things.workspace)
    assert of_first.stale["features"] == "another definition of price", "no champion is effective on it"
    assert of_last.stale["features"] == "another definition of price; version 1 needs it"


def test_an_older_meaning_that_the_champion_was_not_trained_on_is_not_needed(things: Things) -> None:
    twice(things)
    things.promote(FIRST)
    assert "needs" not in collect(things.use_case, things.workspace, one(FIRST))[0].stale["features"]


def test_a_restated_input_a_mended_function_and_another_definition_are_three_reasons() -> None:
    night = NightStatus(FIRST, *(None,) * 9, (), {})  # type: ignore[arg-type]
    reasons = [
        {"tiles": "raw_things of 2024-03-01 (version 1 -> 2)", "features": "tiles of 2024-03-01 is stale"},
        {"tiles": "a mended function in part", "features": "another definition of price"},
    ]
    found = stale_lines([replace(night, night=day, stale=of) for day, of in zip(NIGHTS, reasons, strict=False)])
    assert found == [
        "stale: tiles of 2024-03-01: an input was published again since",
        "stale: features of 2024-03-01: an input was published again since",
        "stale: tiles of 2024-03-02: a mended function in part",
        "stale: features of 2024-03-02: another definition of price",
    ]


def test_check_tells_what_is_ahead_and_nothing_where_nothing_changed(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes, advice, *impossible = lines(capsys, "check", "things")
    assert sizes == "things: 2 sources, 2 features, 3 contract rules, no mistake found"
    assert advice.startswith("  what margin_to_champion 0.01 proves: 14 nights tell two models apart by a standard error of")
    assert impossible and all("can never be given" in line for line in impossible), "few rows, and hundreds are asked for"
    twice(things)
    assert [line.strip() for line in lines(capsys, "check", "things")][2] == "~ changed feature price: price -> price * 2"
    (found,) = json.loads(lines(capsys, "check", "--json")[0])["use_cases"]
    assert found["plan"] == make_plan(things.use_case, things.workspace).lines() and found["advice"] == [advice, *impossible]


def test_check_without_a_lake_or_with_a_mistake_tells_of_no_plan(
    things: Things, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    twice(things)
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "empty"))
    assert len(lines(capsys, "check", "things")) == 1, "its sizes: nothing is known of its nights"
    assert not (tmp_path / "empty").exists()
    file = things.folder / "feature_defs" / "things.yaml"
    file.write_text(file.read_text().replace("price * 2", "cost"))
    assert command_line.main(["check", "things"]) == 3


@pytest.fixture
def damaged(things: Things) -> Iterator[Things]:
    for document in Path(things.workspace.lake.root).glob("*/_documents/definition-*"):
        document.write_text("{}")
    yield things


def test_check_goes_on_where_the_lake_cannot_be_asked(damaged: Things, capsys: pytest.CaptureFixture[str]) -> None:
    twice(damaged)
    assert "the lake could not be asked what this changes:" in lines(capsys, "check", "things")[1]


def test_a_plan_tells_what_the_nights_took_when_they_were_made(things: Things) -> None:
    twice(things)
    plan = make_plan(things.use_case, things.workspace)
    states = things.workspace.lake.states("things/features")
    assert 0 < plan.builds[0].seconds == pytest.approx(sum(state.seconds for state in states.values()), abs=0.001)
    assert any(line.startswith("  cost: about ") for line in plan.lines())
    unknown = replace(plan, builds=tuple(replace(build, seconds=0.0) for build in plan.builds))
    assert not [line for line in unknown.lines() if "cost" in line]
    raw = things.workspace.lake.states("things/raw_things")
    assert all(state.seconds > 0 for state in raw.values())


@pytest.mark.parametrize(("matures_after", "noted"), [(2, True), (3, False), (4, False)])
def test_check_says_when_labels_mature_before_their_outcomes_are_final(
    things: Things, capsys: pytest.CaptureFixture[str], matures_after: int, noted: bool
) -> None:
    def revise(declared: dict) -> None:
        declared["sources"]["outcomes"]["revised_within"] = 3
        declared["label"]["matures_after"] = matures_after

    things.change(revise)
    file = things.folder / "feature_defs" / "things.yaml"
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "matures_after" in text)
    found = [text for text in lines(capsys, "check", "things") if ": note: " in text]
    assert len(found) == noted
    for note in found:
        assert note.startswith(f"feature_defs/things.yaml:{line}: note: matures_after is 2, and records of 'outcomes'")
        assert note.endswith("Write matures_after: 3 to wait until they are final.")


def test_check_tries_baselines_whose_parameters_may_not_go_together(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    things.change(lambda declared: declared["model"].update(logistic_regression={"solver": "saga", "l1_ratio": 0.5}))
    assert not [text for text in lines(capsys, "check", "things") if "refuses" in text]
    things.change(lambda declared: declared["model"].update(logistic_regression={"solver": "lbfgs", "l1_ratio": 0.5}))
    assert command_line.main(("check", "things")) == 3
    file = things.folder / "feature_defs" / "things.yaml"
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if "logistic_regression" in text)
    assert f"feature_defs/things.yaml:{line}: scikit-learn refuses model.logistic_regression" in capsys.readouterr().err


def test_check_notes_what_the_model_card_will_have_to_say_is_not_stated(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"intended_use": "For clerks.", "out_of_scope": "All else.", "limitations": "None known."}
    things.change(lambda declared: declared.update(card=dict(words)))
    assert command_line.main(("check", "things")) == 0
    [note] = [line for line in capsys.readouterr().out.splitlines() if "not stated by the owner" in line]
    assert note.endswith("for card.ethical_considerations: write them.") and note.startswith("feature_defs/things.yaml:")
    things.change(lambda declared: declared["card"].update(ethical_considerations="Nobody is hurt."))
    assert command_line.main(("check", "things")) == 0
    assert "not stated by the owner" not in capsys.readouterr().out
