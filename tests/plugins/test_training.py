"""The tasks of a training: gates named as the stage names them, and a person who may say no."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest

from nightloop.errors import GateFailed
from plugins.training import GATES, ApprovalByPerson, FirstTrainingOperator

AS_OF = date(2013, 3, 31)


@pytest.fixture
def installation(monkeypatch, settings):
    """The environment that a task of Airflow would have."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(settings.home))


def test_there_is_a_task_for_every_gate_of_the_stage():
    from jobs import train

    assert tuple(train.GATES) == GATES


def answered(option: str) -> dict[str, object]:
    """What Airflow tells of a person's answer."""
    return {
        "chosen_options": [option],
        "params_input": {},
        "responded_at": datetime(2013, 4, 1, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": "Ada"},
    }


def answer(option: str) -> object:
    """Let a person answer the approval task of a run."""
    task = ApprovalByPerson(task_id="approval", use_case_name="flight_delay")
    context = {"params": {"as_of": str(AS_OF)}, "run_id": "manual__1", "ti": SimpleNamespace()}
    return task.execute_complete(context, answered(option))  # type: ignore[arg-type]


def test_an_approval_is_recorded_with_the_name_of_who_gave_it(installation, workspace):
    answer("Approve")
    (event,) = workspace.ledger.events("flight_delay", kind="approval_granted", night=AS_OF)
    assert event.payload == {"by": "Ada", "answer": "Approve"}


def test_a_rejection_fails_the_task_and_is_recorded_with_the_name(installation, workspace):
    with pytest.raises(GateFailed, match="Ada did not approve the candidate as of 2013-03-31"):
        answer("Reject")
    assert [event.payload["by"] for event in workspace.ledger.events("flight_delay", kind="approval_refused")] == ["Ada"]
    assert workspace.ledger.events("flight_delay", kind="approval_granted") == []


def test_the_first_training_waits_for_the_run_it_asked_for_and_is_not_asked_for_twice():
    task = FirstTrainingOperator(task_id="train", use_case_name="flight_delay")
    assert task.wait_for_completion
    assert [str(state) for state in task.failed_states] == ["failed"]
    assert task.retries == 0
