"""What the ledger tells of earlier trainings, and how long a failed one is not asked for again."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from nightloop.monitoring.trainings import EarlierTraining, earlier_trainings, failed_since, new_evidence_from, running
from nightloop.workspace import Workspace

NIGHT = date(2024, 5, 20)


def ago(days: int) -> date:
    return NIGHT - timedelta(days=days)


def asked(workspace: Workspace, night: date, by: str = "monitor") -> None:
    workspace.ledger.record("training_requested", "loans", night=night, subject=by, payload={"reason": "r", "requested_by": by})


def judged(workspace: Workspace, night: date, gate: str, outcome: str, reason: str = "It is so.") -> None:
    payload = {"outcome": outcome, "reason": reason, "gate": gate}
    workspace.ledger.record("gate_judged", "loans", night=night, subject=f"3/{gate}", payload=payload)


def known(workspace: Workspace, night: date = NIGHT) -> list[EarlierTraining]:
    return earlier_trainings(workspace.ledger, "loans", night)


def test_a_training_runs_until_a_gate_fails_or_its_model_is_promoted(workspace: Workspace) -> None:
    assert known(workspace) == []
    asked(workspace, ago(3), "anna")
    judged(workspace, ago(3), "data", "pass")
    assert known(workspace) == [EarlierTraining(ago(3), "anna", "running")]
    judged(workspace, ago(3), "performance", "not_enough_evidence", "It is no better.")
    assert known(workspace) == [EarlierTraining(ago(3), "anna", "failed", "performance: It is no better")]
    judged(workspace, ago(3), "performance", "pass")
    assert known(workspace)[0].state == "running", "the gate was asked again"
    workspace.ledger.record("champion_promoted", "loans", night=ago(3), subject="3")
    assert known(workspace) == [EarlierTraining(ago(3), "anna", "promoted", version=3)]


def test_a_person_who_refuses_ends_a_training(workspace: Workspace) -> None:
    asked(workspace, ago(3))
    workspace.ledger.record("approval_refused", "loans", night=ago(3), subject="3", payload={"reason": "Not now."})
    assert known(workspace) == [EarlierTraining(ago(3), "monitor", "failed", "the person asked: Not now")]


def test_trainings_as_of_the_night_itself_and_later_are_not_looked_at(workspace: Workspace) -> None:
    for days in (1, 0, -1):
        asked(workspace, ago(days))
    assert [item.as_of for item in known(workspace)] == [ago(1)]


def test_a_night_decided_again_sees_the_ledger_as_it_was(workspace: Workspace) -> None:
    asked(workspace, ago(2))
    workspace.ledger.record("decision_made", "loans", night=NIGHT, subject="keep")
    judged(workspace, ago(2), "data", "fail")
    assert known(workspace)[0].state == "running"
    assert known(workspace, ago(-1))[0].state == "failed", "a night that is new sees what came since"


def test_the_newest_training_within_the_cool_down_runs() -> None:
    trainings = [EarlierTraining(ago(days), "anna", "running") for days in (9, 8, 7)]
    assert running(trainings, NIGHT, 7) == trainings[-1]
    assert running(trainings[:2], NIGHT, 7) is None, "older ones were lost with their process"
    assert running([EarlierTraining(ago(1), "anna", "failed")], NIGHT, 7) is None


def test_only_failures_since_the_champion_was_trained_count() -> None:
    trainings = [EarlierTraining(ago(days), "monitor", "failed", "data: x") for days in (9, 8, 7)]
    assert failed_since(trainings, ago(8)) == trainings[2:]
    assert failed_since([EarlierTraining(ago(1), "monitor", "promoted")], ago(8)) == []


@pytest.mark.parametrize(("failures", "wait"), [(1, 14), (2, 28), (3, 56), (5, 224), (6, 365), (2000, 365)])
def test_each_failure_doubles_the_wait_up_to_a_year(failures: int, wait: int) -> None:
    failed = [EarlierTraining(ago(failures - place), "monitor", "failed", "data: x") for place in range(failures)]
    assert new_evidence_from(failed, 14) == ago(1) + timedelta(days=wait)
