"""The tasks of a training: gates named as the stage names them, and a first training that is waited for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import plugins.training
from nightloop.errors import GateFailed
from plugins.retries import Stopped
from plugins.training import GATES, FirstTrainingOperator, TrainOperator


def test_there_is_a_task_for_every_gate_of_the_stage():
    from jobs import train

    assert tuple(train.GATES) == GATES


def test_the_first_training_waits_for_the_run_it_asked_for_and_is_not_asked_for_twice():
    task = FirstTrainingOperator(task_id="train", use_case_name="flight_delay")
    assert task.wait_for_completion
    assert [str(state) for state in task.failed_states] == ["failed"]
    assert task.retries == 0


def test_a_gate_that_did_not_pass_has_the_button_to_its_page_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from jobs import train

    def refuse(*_: Any, name: str) -> None:
        raise GateFailed(f"{name} did not pass.")

    reports = tmp_path / "reports"
    (reports / "loans" / "2024-01-26").mkdir(parents=True)
    (reports / "loans" / "2024-01-26" / "verdicts-3.html").write_text("<html>")
    use_case, workspace = SimpleNamespace(use_case="loans"), SimpleNamespace(reports=reports)
    monkeypatch.setattr(plugins.training, "open_use_case", lambda _: (use_case, workspace))
    monkeypatch.setattr("jobs.training.state.candidate_version", lambda *_: SimpleNamespace(version=3))
    monkeypatch.setitem(train.STEPS, "gate", refuse)
    task = TrainOperator(task_id="gate_fairness", use_case_name="loans", step="gate", gate="fairness")
    with pytest.raises(Stopped) as refused:
        task.execute({"params": {"as_of": "2024-01-26"}})
    assert refused.value.error.what == "fairness did not pass."
    assert task.page == "/nightloop/reports/loans/2024-01-26/verdicts-3.html"
