"""The task of <uc>.champion: the form does what the command does, in the name of the user who triggered the run."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs import score
from jobs.commands.champion import _ACTIONS
from nightloop.alerts import listed
from nightloop.errors import StoreUnavailable, UsageError
from nightloop.model import champions
from nightloop.model.registry import Registry
from nightloop.nights import Nights
from plugins.champions import ACTIONS, AliasesOperator, ChampionOperator
from tests.jobs.changing import FIRST, Things
from tests.plugins.stops import stops_with

FORM = {"action": "rollback", "version": None, "from_night": None, "unpin": False, "reason": "Version 2 is too eager."}
SECOND = FIRST + timedelta(days=1)


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Things:
    """Two nights, scored by version 2, which came after version 1."""
    things = Things(tmp_path)
    things.build(Nights(FIRST, SECOND))
    things.promote(FIRST)
    things.promote(FIRST, version=2)
    score.run(things.use_case, Nights(FIRST, SECOND), things.workspace)
    for name in ("home", "definitions", "contracts", "engine"):
        monkeypatch.setenv(f"NIGHTLOOP_{name.upper()}", str(getattr(things.settings, name)))
    monkeypatch.setattr(Registry, "set_alias", lambda *_: None)
    return things


def do(user: str | None = "ada", **form: Any) -> dict[str, Any]:
    context = {"params": {**FORM, **form}, "dag_run": SimpleNamespace(triggering_user_name=user)}
    return ChampionOperator(task_id="champion", use_case_name="things").execute(context)  # type: ignore[arg-type]


def test_the_form_has_the_actions_of_the_command() -> None:
    assert list(ACTIONS) == list(_ACTIONS)


def test_a_roll_back_is_the_word_of_the_user_who_triggered_it_and_people_hear_of_it(
    things: Things, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = do()
    assert (outcome["version"], outcome["by"], outcome["effective_from"]) == (1, "ada", str(SECOND + timedelta(days=1)))
    assert "rolled back to version 1" in capsys.readouterr().out
    newest = champions.newest(things.workspace.ledger, "things")
    assert newest is not None and newest.version == 1
    ((stored, deliveries),) = listed(things.workspace.ledger)
    assert stored.alert.kind == "champion_changed" and {delivery.state for delivery in deliveries} == {"no channel"}


def test_nights_and_pins_of_the_form_count(things: Things) -> None:
    outcome = do(version=1, from_night=str(SECOND), unpin=True)
    assert outcome["unpinned"] == [str(SECOND)]
    assert champions.pins(things.workspace.ledger, "things") == {FIRST: 2}


def test_show_changes_nothing_and_asks_for_no_name(things: Things) -> None:
    before = things.workspace.ledger.events()
    assert do(user=None, action="show")["champion"]["version"] == 2
    assert things.workspace.ledger.events() == before


@pytest.mark.parametrize("action", ["rollback", "retire", "adopt", "reset-alias"])
def test_a_run_without_a_user_or_a_reason_changes_nothing(things: Things, action: str) -> None:
    with stops_with(UsageError, match="a person decides who is champion"):
        do(user=None, action=action)
    with stops_with(UsageError, match="the ledger is to say why"):
        do(action=action, reason=None)
    assert len(champions.changes(things.workspace.ledger, "things")) == 2


def look() -> dict[str, str]:
    return AliasesOperator(task_id="aliases").execute({})  # type: ignore[typeddict-item]


def test_a_moved_alias_is_alerted_to_by_the_round_that_sees_it_first(things: Things, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registry, "alias", lambda *_: 7)
    for _ in range(2):
        assert "points at version 7; the ledger says version 2" in look()["things"]
    ((stored, _),) = listed(things.workspace.ledger)
    assert stored.alert.kind == "alias_moved"


def test_a_registry_that_does_not_answer_fails_the_look_when_every_use_case_had_its_turn(
    things: Things, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = things.settings.definitions
    (folder / "another.yaml").write_text((folder / "things.yaml").read_text().replace("use_case: things", "use_case: another"))

    def alias(_registry: Registry, name: str, _alias: str) -> int | None:
        if name == "another":
            raise StoreUnavailable("the registry does not answer.")
        return 2

    monkeypatch.setattr(Registry, "alias", alias)
    with stops_with(StoreUnavailable):
        look()
    printed = capsys.readouterr().out
    assert "another: not looked at" in printed and "things: The alias 'champion' points at version 2" in printed
