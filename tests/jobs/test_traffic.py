"""The command traffic, and what it does to scores: divided nights, the others as ever."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import score
from jobs.commands.command_line import main
from nightloop.lake import Commit
from nightloop.nights import Nights, one
from nightloop.promotion.reversal import record_roll_back
from tests.jobs.changing import FIRST, Things

LAST = FIRST + timedelta(days=2)


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    """Version 1 scored the first night; version 2 was promoted and taken back before the second."""
    things = Things(tmp_path)
    for name in ("home", "definitions", "contracts"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    monkeypatch.setenv("NIGHTLOOP_ENGINE", "local")
    monkeypatch.chdir(tmp_path)
    things.build(Nights(FIRST, LAST))
    things.promote(FIRST)
    score.run(things.use_case, one(FIRST), things.workspace)
    things.promote(FIRST, version=2)
    record_roll_back(things.workspace.ledger, "things", 1, by="Ada", reason="2 is tried first.")
    return things


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["traffic", "things", *arguments]) == code
    printed = capsys.readouterr()
    return printed.err if code else printed.out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(asked(capsys, *arguments, "--json"))
    return answer


def test_a_canary_is_begun_shown_and_ended(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(capsys) == "things: every entity is answered by the champion\n"
    assert as_json(capsys) == {"use_case": "things", "split": None, "ended_from": None}
    begun = asked(capsys, "--canary", "2", "--share", "40", "--by", "Ada", "--reason", "Careful.")
    assert "things: canary version 2 answers 40 % of the entities from 2024-03-02 on" in begun
    assert "by: Ada," in begun and "Careful." in begun and "no night is scored so yet" in begun
    before = score.run(things.use_case, one(FIRST), things.workspace)
    assert things.workspace.lake.snapshot("things/scores").schema.names.count("arm") == 0
    first, *_ = score.run(things.use_case, Nights(FIRST + timedelta(days=1), LAST), things.workspace)
    assert first.details["arms"] == {"champion": 1, "canary": 2}
    scores = things.workspace.lake.read("things/scores")
    rows = [(row["night"], row["arm"], row["model_version"]) for row in scores.to_pylist()]
    assert {(arm, version) for night, arm, version in rows if night > FIRST} == {("champion", 1), ("canary", 2)}
    assert {(arm, version) for night, arm, version in rows if night == FIRST} == {(None, 1)}
    shown = as_json(capsys)
    tried = sum(arm == "canary" for _, arm, _ in rows)
    assert shown["split"]["percent"] == 40 and shown["scored"]["nights"] == 2
    assert shown["scored"]["rows"] == {"champion": 24 - tried, "canary": tried} and 0 < tried < 24
    assert shown["scored"]["sample_ratio"] == "pass" and f"canary {tried} of 9.6 expected" in asked(capsys)
    assert asked(capsys, "--end", "--by", "Ada") == ("things: every entity is answered by the champion, from 2024-03-04 on\n")
    again = score.run(things.use_case, Nights(FIRST, LAST), things.workspace)
    assert again[0].content_digest == before[0].content_digest, "a night without a split is what it was"
    assert again[1].content_digest == first.content_digest, "and a divided one is divided so again"


def test_a_shadow_is_scored_beside_and_changes_no_score(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    nights = Nights(FIRST + timedelta(days=1), LAST)
    begun = asked(capsys, "--shadow", "2", "--by", "Ada")
    assert "things: shadow version 2 answers 100 % of the entities from 2024-03-02 on" in begun and "no night" in begun
    *scored, second, third = score.run(things.use_case, nights, things.workspace)
    assert [(of.table, of.details["model_version"]) for of in (*scored, second, third)] == [
        ("things/scores", 1), ("things/scores", 1), ("things/shadow_scores", 2), ("things/shadow_scores", 2),
    ]  # fmt: skip
    assert [of.rows for of in scored] == [second.rows, third.rows]
    lake = things.workspace.lake
    assert "arm" not in lake.snapshot("things/scores").schema.names
    assert set(lake.read("things/shadow_scores", columns=["arm"])["arm"].to_pylist()) == {"shadow"}
    again = score.run(things.use_case, nights, things.workspace)
    assert [of.content_digest for of in again] == [of.content_digest for of in (*scored, second, third)]
    shown = as_json(capsys)["scored"]
    assert (shown["nights"], shown["rows"]) == (2, {"shadow": second.rows + third.rows}) and shown["decided_otherwise"] >= 0
    assert "rows in its shadow" in asked(capsys)
    asked(capsys, "--end", "--by", "Ada")
    digests = [of.content_digest for of in score.run(things.use_case, nights, things.workspace)]
    assert digests == [of.content_digest for of in again], "scored nights stay as they are"


def test_rows_that_are_divided_otherwise_are_said_loudly(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    asked(capsys, "--compare", "2")
    score.run(things.use_case, one(LAST), things.workspace)
    lake = things.workspace.lake
    rows = lake.read("things/scores", one(LAST)).drop_columns(["night"])
    champion_only = rows.filter([arm == "champion" for arm in rows["arm"].to_pylist()])
    lake.publish("things/scores", LAST, champion_only.take([0] * 60), Commit("score", "things"))
    assert "THE ROWS ARE NOT DIVIDED AS DECIDED" in asked(capsys)


def test_what_was_never_promoted_is_refused(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    assert "was never promoted" in asked(capsys, "--canary", "9", code=2)
    assert "version 1 is the champion" in asked(capsys, "--compare", "1", code=2)
    assert "divides nothing" in asked(capsys, "--canary", "2", "--share", "100", code=2)
    assert "no share of 'things'" in asked(capsys, "--end", code=2)
