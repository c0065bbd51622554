"""An alias that somebody moved in MLflow is noticed once; one that lags behind a promotion is moved on. MLflow is real."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nightloop.alerts import listed
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.errors import UsageError
from nightloop.model import champions
from nightloop.model.registry import CHAMPION, Registry
from nightloop.promotion.alias import AliasState, check_alias, follow, reset
from nightloop.promotion.reversal import record_retirement, record_roll_back
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace

NAME = "flight_delay"
WHO = {"by": "Ada", "reason": "It is too eager."}
AS_OF = date(2013, 3, 31)


@pytest.fixture(scope="module")
def mlflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database with three versions of the model: making its tables takes seconds."""
    home = tmp_path_factory.mktemp("mlflow") / "home"
    with Registry.open(load_settings(home=home)).session.reach("register versions") as client:
        client.create_registered_model(NAME)
        for _ in range(3):
            client.create_model_version(NAME, str(home), tags={"training_key": "key"})
    return home


@pytest.fixture
def use_case() -> UseCase:
    return load_use_case(NAME, REPOSITORY / "feature_defs")


@pytest.fixture
def workspace(mlflow_home: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A ledger of its own beside the shared registry, and no alias when the test is over."""
    workspace = Workspace.open(load_settings(home=mlflow_home, ledger_url=f"sqlite:///{tmp_path / 'ledger.db'}"))
    yield workspace
    workspace.registry.set_alias(NAME, CHAMPION, None)


def promote(workspace: Workspace, *versions: int) -> None:
    for version in versions:
        champions.promote(workspace.ledger, NAME, version, AS_OF, {})


def moves(workspace: Workspace) -> list[dict[str, Any]]:
    return [event.payload for event in workspace.ledger.events(NAME, kind="alias_moved")]


def test_an_alias_that_followed_is_as_it_should_be(use_case: UseCase, workspace: Workspace) -> None:
    assert check_alias(use_case, workspace) == AliasState(None, None)
    promote(workspace, 1)
    follow(NAME, workspace)
    assert check_alias(use_case, workspace) == AliasState(1, 1)
    assert workspace.registry.alias(NAME, CHAMPION) == 1 and moves(workspace) == []


def test_a_move_by_hand_is_recorded_once_and_changes_no_night(use_case: UseCase, workspace: Workspace) -> None:
    promote(workspace, 1, 2)
    follow(NAME, workspace)
    workspace.registry.set_alias(NAME, CHAMPION, 3)
    assert check_alias(use_case, workspace) == AliasState(3, 2, is_moved=True)
    assert check_alias(use_case, workspace) == AliasState(3, 2, is_moved=True)
    assert [(move["alias"], move["champion"]) for move in moves(workspace)] == [(3, 2)]
    champion = champions.effective(workspace.ledger, NAME, AS_OF)
    assert champion is not None and champion.version == 2
    assert workspace.registry.alias(NAME, CHAMPION) == 3, "a person decides what becomes of it"


@pytest.mark.parametrize("moved_to", [1, None], ids=["to the champion before", "removed"])
def test_a_hand_that_does_what_an_interrupted_promotion_leaves_is_still_noticed(
    use_case: UseCase, workspace: Workspace, moved_to: int | None
) -> None:
    promote(workspace, 1)
    follow(NAME, workspace)
    promote(workspace, 2)
    follow(NAME, workspace)
    workspace.registry.set_alias(NAME, CHAMPION, moved_to)
    assert check_alias(use_case, workspace) == AliasState(moved_to, 2, is_moved=True)


@pytest.mark.parametrize("before", [(), (1,)], ids=["the first promotion", "a later one"])
def test_an_alias_that_lags_behind_an_interrupted_promotion_is_moved_on_in_silence(
    use_case: UseCase, workspace: Workspace, before: tuple[int, ...]
) -> None:
    promote(workspace, *before)
    if before:
        follow(NAME, workspace)
    promote(workspace, 2)  # and killed before the alias moved
    assert check_alias(use_case, workspace) == AliasState(2, 2)
    assert workspace.registry.alias(NAME, CHAMPION) == 2 and moves(workspace) == []


def test_an_alias_moved_elsewhere_while_a_promotion_was_interrupted_is_a_hands(use_case: UseCase, workspace: Workspace) -> None:
    promote(workspace, 1)
    follow(NAME, workspace)
    promote(workspace, 2)
    workspace.registry.set_alias(NAME, CHAMPION, 3)
    assert check_alias(use_case, workspace).is_moved


def test_an_alias_of_a_use_case_that_has_no_champion_is_a_hands(use_case: UseCase, workspace: Workspace) -> None:
    workspace.registry.set_alias(NAME, CHAMPION, 1)
    assert check_alias(use_case, workspace) == AliasState(1, None, is_moved=True)


def test_set_back_it_points_at_the_champion_and_the_same_move_again_is_news(use_case: UseCase, workspace: Workspace) -> None:
    promote(workspace, 1, 2)
    follow(NAME, workspace)
    for _ in range(2):
        workspace.registry.set_alias(NAME, CHAMPION, 1)
        assert reset(use_case, workspace, **WHO).alias == 1
        assert workspace.registry.alias(NAME, CHAMPION) == 2
        assert check_alias(use_case, workspace) == AliasState(2, 2)
    assert len(moves(workspace)) == 2
    (_, event) = workspace.ledger.events(NAME, kind="alias_reset")
    assert event.payload == {"from": 1, "version": 2, **WHO}


def test_people_are_alerted_once_a_move_with_what_they_can_do(use_case: UseCase, workspace: Workspace) -> None:
    promote(workspace, 1, 2)
    follow(NAME, workspace)
    for _ in range(2):
        workspace.registry.set_alias(NAME, CHAMPION, 3)
        check_alias(use_case, workspace)
        check_alias(use_case, workspace)
        reset(use_case, workspace, **WHO)
    first, second = (stored.alert for stored, _ in listed(workspace.ledger))
    assert first.what == second.what and "points at version 3; the ledger says version 2" in first.what
    assert "champion adopt flight_delay" in first.do and "champion reset-alias flight_delay" in first.do
    assert (first.kind, first.urgency) == ("alias_moved", "today")


def test_what_was_not_moved_is_not_set_back(use_case: UseCase, workspace: Workspace) -> None:
    promote(workspace, 1)
    follow(NAME, workspace)
    with pytest.raises(UsageError, match="points at version 1, as the ledger says"):
        reset(use_case, workspace, **WHO)
    assert workspace.ledger.events(NAME, kind="alias_reset") == []


def test_the_alias_follows_a_roll_back_and_goes_with_a_retirement(use_case: UseCase, workspace: Workspace) -> None:
    promote(workspace, 1, 2)
    for change, expected in ((record_roll_back, 1), (record_retirement, None)):
        options = {"version": 1} if expected else {}
        change(workspace.ledger, NAME, **options, **WHO)  # type: ignore[operator]
        follow(NAME, workspace)
        assert workspace.registry.alias(NAME, CHAMPION) == expected
        assert check_alias(use_case, workspace) == AliasState(expected, expected)


def test_a_promotion_between_two_looks_is_no_move_by_hand(
    use_case: UseCase, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(workspace, 1)
    follow(NAME, workspace)
    real, looks = Registry.alias, []

    def overtaken(registry: Registry, name: str, alias: str) -> int | None:
        looks.append(name)
        if len(looks) == 1:
            promote(workspace, 2)
            follow(NAME, workspace)
        return real(registry, name, alias)

    monkeypatch.setattr(Registry, "alias", overtaken)
    assert check_alias(use_case, workspace) == AliasState(2, 2)
    assert len(looks) == 2 and moves(workspace) == []
