"""The tasks of a training: gates named as the stage names them, and a first training that is waited for."""

from __future__ import annotations

from plugins.training import GATES, FirstTrainingOperator


def test_there_is_a_task_for_every_gate_of_the_stage():
    from jobs import train

    assert tuple(train.GATES) == GATES


def test_the_first_training_waits_for_the_run_it_asked_for_and_is_not_asked_for_twice():
    task = FirstTrainingOperator(task_id="train", use_case_name="flight_delay")
    assert task.wait_for_completion
    assert [str(state) for state in task.failed_states] == ["failed"]
    assert task.retries == 0
