"""A verdict speaks of the champion that stood when it was given; after another promotion it is no verdict."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jobs import train
from nightloop.errors import GateFailed, NotReady
from nightloop.model import champions
from nightloop.model.registry import Registry
from nightloop.nights import Nights
from nightloop.promotion.alias import follow
from nightloop.workspace import Workspace

from .conftest import AS_OF, FIRST, Loans

NAME = "accounts_late"
LATER = AS_OF + timedelta(days=2)


def test_a_promotion_before_any_evaluation_names_the_missing_step(loans: Loans):
    for step in (train.assemble, train.fit):
        step(loans.use_case, AS_OF, loans.workspace)
    with pytest.raises(NotReady, match="evaluation"):
        train.promote(loans.use_case, AS_OF, loans.workspace)
    assert champions.history(loans.workspace.ledger, NAME) == []


def test_a_candidate_judged_before_a_newer_promotion_is_not_promoted_on_those_verdicts(loans: Loans):
    """Killed between its gates and its promotion, overtaken by a newer training, and cleared a day later."""
    for step in (train.assemble, train.fit, train.evaluate):
        step(loans.use_case, AS_OF, loans.workspace)
    for gate in train.GATES:
        train.gate(loans.use_case, AS_OF, loans.workspace, name=gate)
    loans.publish(Nights(FIRST, LATER))
    train.run(loans.use_case, LATER, loans.workspace)
    newest = champions.history(loans.workspace.ledger, NAME)[-1]
    with pytest.raises(GateFailed, match=f"against no champion, but version {newest.version} is champion now"):
        train.promote(loans.use_case, AS_OF, loans.workspace)
    with pytest.raises(GateFailed, match="evaluate again"):  # the gate asked again sees it too
        train.gate(loans.use_case, AS_OF, loans.workspace, name="performance")
    assert champions.history(loans.workspace.ledger, NAME)[-1] == newest
    assert loans.workspace.registry.alias(NAME, "champion") == newest.version


def test_the_alias_ends_at_the_newest_promotion_when_another_promotes_meanwhile(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    champions.promote(workspace.ledger, NAME, 1, AS_OF, {})
    moves: list[int] = []

    def overtaken(_registry: Registry, _use_case: str, _alias: str, version: int) -> None:
        champions.promote(workspace.ledger, NAME, 2, AS_OF, {})  # and its alias was set before ours
        moves.append(version)

    monkeypatch.setattr(Registry, "set_alias", overtaken)
    follow(NAME, workspace)
    assert moves == [1, 2]
