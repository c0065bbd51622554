"""python -m jobs champion: who it is, back to an earlier one, nobody, and an alias that a hand moved. Scores are real."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs import features, monitor, score
from jobs.commands.command_line import main
from jobs.night_status import collect, stale_lines
from nightloop.alerts import listed
from nightloop.errors import ChampionMissing, GateFailed, OtherMeaning, UsageError
from nightloop.model import champions
from nightloop.model.registry import RegisteredVersion, Registry
from nightloop.nights import Nights, one
from nightloop.promotion.reversal import roll_back
from tests.jobs.changing import FIRST, NIGHTS, Things

WHO = ("--by", "Ada", "--reason", "Version 2 is too eager.")
LAST = NIGHTS.last


@pytest.fixture
def aliases(monkeypatch: pytest.MonkeyPatch) -> dict[str, int | None]:
    """The registry's aliases, in memory; tests/promotion/ has them in MLflow."""
    pointed: dict[str, int | None] = {}
    monkeypatch.setattr(Registry, "set_alias", lambda _self, name, _alias, version: pointed.update({name: version}))
    monkeypatch.setattr(Registry, "alias", lambda _self, name, _alias: pointed.get(name))
    return pointed


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aliases: dict[str, int | None]) -> Things:
    """Six nights: version 1 scored two, version 2 the next two."""
    things = Things(tmp_path)
    for name in ("home", "definitions", "contracts"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    monkeypatch.setenv("NIGHTLOOP_ENGINE", "local")
    monkeypatch.chdir(tmp_path)
    things.build()
    things.promote(FIRST)
    score.run(things.use_case, Nights(FIRST, night(2)), things.workspace)
    things.promote(FIRST, version=2)
    score.run(things.use_case, Nights(night(3), night(4)), things.workspace)
    aliases["things"] = 2
    return things


def night(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


def asked(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["champion", *arguments]) == code
    printed = capsys.readouterr()
    return printed.err if code else printed.out


def as_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(asked(capsys, *arguments, "--json"))
    return answer


def versions(things: Things) -> list[int | None]:
    rows = things.workspace.lake.read("things/scores").to_pylist()
    of_night = {row["night"]: row["model_version"] for row in rows}
    return [of_night.get(night) for night in NIGHTS]


def test_show_tells_who_since_when_how_old_and_by_whose_word(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    payload = {"version": 2, "gate": "performance", "outcome": "pass", "reason": "AUC 0.71.", "figures": [], "evaluation": "e"}
    things.workspace.ledger.record("gate_judged", "things", night=FIRST, subject="2/performance", payload=payload)
    shown = as_json(capsys, "show", "things")
    assert shown["champion"] | {"recorded_at": ""} == {
        "version": 2, "kind": "promoted", "as_of": str(FIRST), "effective_from": str(night(3)), "recorded_at": "",
        "by": "the gates", "reason": "",
    }  # fmt: skip
    assert (shown["night"], shown["age_nights"], shown["scored_nights"]) == (str(night(5)), 3, 2)
    assert shown["retrain_from"] == str(FIRST + timedelta(days=30))
    assert (shown["trained_on"]["fit"], shown["next"]) == (str(FIRST), [])
    assert [gate["outcome"] for gate in shown["gates"]] == ["pass"]
    lines = asked(capsys, "show", "things")
    assert "things: version 2 is champion from 2024-03-03 on" in lines and "gate performance: pass. AUC 0.71." in lines
    assert "next: nothing is decided" in lines


def test_show_before_the_first_promotion_says_what_to_do(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    things.settings.home.joinpath("ledger.db").unlink()
    assert "no champion yet. Train one: python -m jobs train things NIGHT" in asked(capsys, "show", "things")
    assert as_json(capsys, "show", "things")["champion"] is None
    assert "nobody was champion yet" in asked(capsys, "history", "things")


def test_rolled_back_the_next_nights_are_scored_by_the_earlier_version(
    things: Things, aliases: dict[str, int | None], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = asked(capsys, "rollback", "things", *WHO)
    assert lines.splitlines()[0] == "things: rolled back to version 1 from 2024-03-05 on, in place of version 2"
    assert aliases == {"things": 1}
    score.run(things.use_case, NIGHTS, things.workspace)
    assert versions(things) == [1, 1, 2, 2, 1, 1]
    history = as_json(capsys, "history", "things")["changes"]
    assert [(row["kind"], row["version"], row["by"], row["scored_nights"]) for row in history] == [
        ("promoted", 1, "the gates", 4), ("promoted", 2, "the gates", 2), ("rolled_back", 1, "Ada", 4),
    ]  # fmt: skip
    assert "rolled back to version 1, by Ada" in asked(capsys, "history", "things")


def test_scored_nights_stay_and_with_unpin_they_are_scored_again(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    lines = asked(capsys, "rollback", "things", "--from", str(night(3)), *WHO)
    assert "stay as they are, for they are scored: 2024-03-03..2024-03-04 (--from 2024-03-03 --unpin takes them back)" in lines
    score.run(things.use_case, NIGHTS, things.workspace)
    assert versions(things) == [1, 1, 2, 2, 1, 1]
    lines = asked(capsys, "rollback", "things", "--to", "1", "--from", str(night(4)), "--unpin", *WHO)
    assert "pins taken back: 2024-03-04; their scores stand until: python -m jobs score things 2024-03-04" in lines
    assert versions(things) == [1, 1, 2, 2, 1, 1], "nothing is scored behind anybody's back"
    assert "stale: scores of 2024-03-04: taken back from version 2: score again" in stale_lines(
        collect(things.use_case, things.workspace)
    )
    score.run(things.use_case, one(night(4)), things.workspace)
    assert versions(things) == [1, 1, 2, 1, 1, 1]
    assert stale_lines(collect(things.use_case, things.workspace)) == []


def test_a_version_that_can_no_longer_be_given_its_features_is_refused_with_what_is_lost(
    things: Things, aliases: dict[str, int | None], capsys: pytest.CaptureFixture[str]
) -> None:
    things.change(lambda declared: declared["sources"]["things"].update(known_at="ts::timestamp + interval 1 hour"))
    message = asked(capsys, "rollback", "things", *WHO, code=3)
    flat = " ".join(message.split())
    assert "version 1 cannot score any more" in flat and "mean_price" in flat and "have other keys, times" in flat
    assert aliases == {"things": 2} and things.workspace.ledger.events("things", kind="champion_rolled_back") == []


def test_a_version_of_an_older_meaning_comes_back_and_says_what_to_build_first(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    things.change(lambda declared: declared["features"]["price"].update(expression="price * 100"))
    things.promote(night(4), version=3)
    things.build(Nights(night(5), LAST))
    score.run(things.use_case, one(night(5)), things.workspace)
    lines = asked(capsys, "rollback", "things", "--to", "2", "--from", str(night(5)), "--unpin", *WHO)
    assert "build first what it was trained on: python -m jobs features things 2024-03-05..2024-03-06" in lines
    with pytest.raises(OtherMeaning, match="version 2"):
        score.run(things.use_case, Nights(night(5), LAST), things.workspace)
    features.run(things.use_case, Nights(night(5), LAST), things.workspace)
    score.run(things.use_case, Nights(night(5), LAST), things.workspace)
    assert versions(things)[4:] == [2, 2]


def test_people_hear_of_a_roll_back_and_of_a_retirement(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    asked(capsys, "rollback", "things", "--from", str(night(4)), "--unpin", *WHO)
    asked(capsys, "retire", "things", *WHO)
    rolled_back, retired = (stored.alert for stored, _ in listed(things.workspace.ledger))
    assert rolled_back.headline == "things: rolled back to version 1 from 2024-03-04 on, in place of version 2"
    assert "By Ada: Version 2 is too eager." in rolled_back.what and "pins taken back: 2024-03-04" in rolled_back.what
    assert (rolled_back.urgency, rolled_back.do) == ("today", "Build and score again what is named above.")
    assert retired.headline == "things: version 1 retired from 2024-03-04 on"
    assert "No night is scored from then on. Nights that are scored stay as they are." in retired.means


def test_retired_the_next_night_is_refused_by_name_and_the_past_stays(
    things: Things, aliases: dict[str, int | None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "version 2 retired from 2024-03-05 on" in asked(capsys, "retire", "things", *WHO)
    assert aliases == {"things": None}
    with pytest.raises(ChampionMissing, match="Ada retired version 2 from 2024-03-05 on"):
        score.run(things.use_case, one(night(5)), things.workspace)
    published = score.run(things.use_case, NIGHTS, things.workspace)
    assert [item.night for item in published] == list(NIGHTS)[:4]
    assert published[0].details["nights_without_champion"] == f"{night(5)}..{LAST}"
    assert "no champion from 2024-03-05 on: version 2 was retired" in asked(capsys, "show", "things")
    assert as_json(capsys, "show", "things")["champion"]["kind"] == "retired"
    missing = {status.night: status.missing for status in collect(things.use_case, things.workspace)}
    assert missing[night(4)] == ("monitor",) and missing[night(5)] == ()


def test_nights_without_a_champion_hold_no_later_night_back(things: Things, capsys: pytest.CaptureFixture[str]) -> None:
    monitor.run(things.use_case, Nights(FIRST, night(4)), things.workspace)
    asked(capsys, "retire", "things", *WHO)
    asked(capsys, "rollback", "things", "--to", "2", "--from", str(LAST), *WHO)
    score.run(things.use_case, NIGHTS, things.workspace)
    assert versions(things) == [1, 1, 2, 2, None, 2]
    assert [item.night for item in monitor.run(things.use_case, one(LAST), things.workspace)] == [LAST, LAST]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("rollback", "--to", "9"), 2, "version 9 of 'things' was never champion"),
        (("rollback", "--to", "2"), 2, "is champion already"),
        (("rollback", "--unpin"), 2, "--from NIGHT"),
        (("rollback", "--from", "tomorrow"), 2, "is not a night"),
        (("adopt",), 2, "there is nothing to adopt"),
        (("reset-alias",), 2, "nothing is to be set back"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_done_is_refused(
    things: Things, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, says: str
) -> None:
    action, *options = arguments
    assert says in " ".join(asked(capsys, action, "things", *options, *WHO, code=code).split())


def test_a_moved_alias_is_set_back(things: Things, aliases: dict[str, int | None], capsys: pytest.CaptureFixture[str]) -> None:
    aliases["things"] = 7
    assert "points at version 2 again, not at version 7" in asked(capsys, "reset-alias", "things", *WHO)
    assert aliases == {"things": 2}


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[RegisteredVersion]:
    versions: list[RegisteredVersion] = []
    monkeypatch.setattr(Registry, "versions", lambda *_: versions)
    return versions


def test_a_champion_of_before_is_adopted_as_by_a_roll_back(
    things: Things,
    aliases: dict[str, int | None],
    registered: list[RegisteredVersion],
    capsys: pytest.CaptureFixture[str],
) -> None:
    registered.append(RegisteredVersion(1, "run", FIRST, "key", "digest"))
    things.workspace.ledger.record("champion_alias_set", "things", subject="2")
    aliases["things"] = 1
    assert "version 1 is champion from 2024-03-05 on" in asked(capsys, "adopt", "things", *WHO)
    newest = champions.newest(things.workspace.ledger, "things")
    assert newest is not None and newest.version == 1


def test_what_no_training_registered_is_not_adopted(
    things: Things,
    aliases: dict[str, int | None],
    registered: list[RegisteredVersion],
    capsys: pytest.CaptureFixture[str],
) -> None:
    aliases["things"] = 5
    message = " ".join(asked(capsys, "adopt", "things", *WHO, code=2).split())
    assert "no training registered what the alias points at" in message and "champion reset-alias things" in message


def test_a_training_that_is_run_again_does_not_bring_back_what_a_person_took_back(things: Things) -> None:
    from jobs.training import gates as train_gates

    roll_back(things.use_case, things.workspace, by="Ada", reason="Version 2 is too eager.")
    with pytest.raises(GateFailed, match="Ada has rolled back to version 1 since") as refused:
        train_gates._check_not_taken_back(things.use_case, 2, things.workspace)
    assert "champion rollback things --to 2" in str(refused.value)
    train_gates._check_not_taken_back(things.use_case, 1, things.workspace)
    with pytest.raises(UsageError):
        roll_back(things.use_case, things.workspace, by="Ada", reason="Again.", version=1)
