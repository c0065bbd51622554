"""What Airflow's context says of a failure is what people read: nobody is told of a kill where something else happened."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nightloop.alerts.failures import KILLED
from nightloop.errors import GateFailed, NotReady
from nightloop.ledger import Ledger
from nightloop.model import champions
from plugins.failures import alert_to, command_for, failure_of, night_of, run_address, task_link

NIGHT = date(2013, 4, 3)
BEGUN = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path}/ledger.db", clock=lambda: BEGUN + timedelta(seconds=1))


def context(dag_id: str = "loans.score", task_id: str = "score", key: str | None = "2013-04-03", **more: Any) -> dict[str, Any]:
    run = SimpleNamespace(partition_key=key, conf={}, run_type="scheduled", start_date=BEGUN)
    task = SimpleNamespace(dag_id=dag_id, task_id=task_id, run_id="r1", try_number=1, hostname="worker", **more)
    return {"task_instance": task, "dag_run": run}


def failure(given: dict[str, Any], ledger: Ledger) -> Any:
    found = failure_of(given, ledger)
    assert found is not None
    return found


def test_what_was_raised_is_what_is_said(ledger: Ledger) -> None:
    found = failure({**context(), "exception": OSError("disk")}, ledger)
    assert (found.use_case_name, found.night, found.subject, found.what) == ("loans", NIGHT, "score.score", "OSError: disk")
    assert (found.run, found.attempt) == ("r1", 1)


def test_a_process_that_is_gone_was_killed(ledger: Ledger) -> None:
    assert (failure(context(), ledger).what, failure(context(), ledger).do) == KILLED


def test_a_task_that_no_worker_took_was_not_killed(ledger: Ledger) -> None:
    given = context()
    given["task_instance"].hostname = ""
    assert failure(given, ledger).what.startswith("No worker took the task")


def test_a_failure_without_an_error_in_the_tasks_own_process_is_no_kill(ledger: Ledger) -> None:
    found = failure({**context(), "exception": None}, ledger)
    assert found.what == "The task was set to failed without an error."


def test_a_run_that_a_task_waited_for_and_that_failed_is_named_and_has_its_own_alert(ledger: Ledger) -> None:
    given = context("loans.bootstrap", "train", task=SimpleNamespace(trigger_dag_id="loans.train"))
    given["dag_run"].partition_key, given["dag_run"].conf = None, {"last_night": "2013-04-03"}
    found = failure({**given, "exception": None}, ledger)
    assert "loans.train, which this task asked for and waited for, failed." in found.what and found.night == NIGHT
    assert alert_to(found, ledger).is_waiting
    assert failure(given, ledger).what == KILLED[0], "of a process that is gone nobody knows"


@pytest.mark.parametrize(
    ("outcome", "recorded_after", "what"),
    [
        ("fail", 1, "rates differ by 0.13."),
        ("not_enough_evidence", 1, "rates differ by 0.13."),
        ("pass", 1, KILLED[0]),
        ("fail", -1, KILLED[0]),
    ],
)
def test_of_a_gate_whose_process_is_gone_the_verdict_that_it_recorded_counts(
    tmp_path: Path, outcome: str, recorded_after: int, what: str
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/l.db", clock=lambda: BEGUN + timedelta(seconds=recorded_after))
    payload = {"gate": "fairness", "outcome": outcome, "reason": "rates differ by 0.13."}
    ledger.record("gate_judged", "loans", night=NIGHT, subject="7/fairness", payload=payload)
    ledger.record(
        "gate_judged", "loans", night=NIGHT, subject="7/bundle", payload={**payload, "gate": "bundle", "outcome": "pass"}
    )
    found = failure(context("loans.train", "gate_fairness"), ledger)
    assert found.what == what
    assert alert_to(found, ledger).kind == ("stage_failed" if what == KILLED[0] else "gate_failed")


def test_a_gate_says_which_champion_stays_or_that_there_is_none(ledger: Ledger) -> None:
    found = failure({**context("loans.train", "gate_fairness"), "exception": GateFailed("no.")}, ledger)
    assert "There is no champion" in alert_to(found, ledger).means
    champions.promote(ledger, "loans", 3, NIGHT, {})
    alert = alert_to(found, ledger)
    assert "version 3, trained as of 2013-04-03" in alert.means and alert.title == "gate fairness did not pass"
    assert alert.command == "python -m jobs train loans 2013-04-03"


@pytest.mark.parametrize(
    ("dag_id", "task_id", "key", "command"),
    [
        ("loans.score", "score", "2013-04-03", "python -m jobs score loans 2013-04-03"),
        ("loans.train", "gate_fairness", "2013-04-03", "python -m jobs train loans 2013-04-03"),
        ("loans.train", "approval", "2013-04-03", ""),
        ("loans.bootstrap", "ingest_range", "2013-04-03", ""),
        ("loans.sweep", "sweep", "2013-04-03", ""),
        ("loans.score", "score", None, ""),
    ],
)
def test_the_command_is_the_one_that_does_the_same(
    ledger: Ledger, dag_id: str, task_id: str, key: str | None, command: str
) -> None:
    assert command_for(failure({**context(dag_id, task_id, key), "exception": NotReady("no.")}, ledger)) == command


@pytest.mark.parametrize(
    ("key", "conf", "night"),
    [
        ("2013-04-03", {}, NIGHT),
        ("2013-04-03", {"as_of": "2013-04-09"}, NIGHT),
        (None, {"as_of": "2013-04-03", "last_night": "2013-04-09"}, NIGHT),
        ("", {"as_of": "2013-04-03"}, NIGHT),
        (None, {"last_night": "2013-04-03"}, NIGHT),
        (None, {}, None),
        (None, None, None),
        ("yesterday", {}, None),
    ],
)
def test_the_night_of_a_run_is_its_key_else_what_its_form_says(key: Any, conf: Any, night: date | None) -> None:
    assert night_of({"dag_run": SimpleNamespace(partition_key=key, conf=conf)}) == night


@pytest.mark.parametrize(
    ("run_type", "conf", "is_its_own"),
    [
        ("manual", {}, True),
        ("scheduled", {}, False),
        ("manual", {"requested_by": "monitor"}, False),
        ("asset_triggered", {}, False),
    ],
)
def test_without_a_night_a_run_that_a_person_asked_for_is_a_trouble_of_its_own(
    ledger: Ledger, run_type: str, conf: dict[str, str], is_its_own: bool
) -> None:
    given = {**context(key=None), "exception": OSError("disk")}
    given["dag_run"].run_type, given["dag_run"].conf = run_type, conf
    assert alert_to(failure(given, ledger), ledger).run == ("r1" if is_its_own else "")


def test_a_dag_that_serves_every_use_case_is_of_none(ledger: Ledger) -> None:
    found = failure({**context("nightloop.keep_up", "keep_up", None), "exception": OSError("disk")}, ledger)
    assert (found.use_case_name, found.subject) == ("", "keep_up.keep_up")
    assert alert_to(found, ledger).headline == "Nightloop: keep_up.keep_up failed"


def test_a_run_that_is_not_known_has_no_night() -> None:
    assert night_of({}) is None


@pytest.mark.parametrize(
    ("base", "run", "address"),
    [
        ("http://air.example/", "r1", "http://air.example/dags/loans.score/runs/r1"),
        ("http://air.example/web", "a__2026+00:00", "http://air.example/web/dags/loans.score/runs/a__2026%2B00%3A00"),
        ("", "r1", ""),
    ],
)
def test_links_lead_to_the_page_below_airflows_address(
    monkeypatch: pytest.MonkeyPatch, base: str, run: str, address: str
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    assert run_address("loans.score", run) == address
    task = SimpleNamespace(dag_id="loans.score", task_id="score", run_id=run)
    assert task_link(task) == (f"{address}/tasks/score" if address else "")
