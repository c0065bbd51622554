"""What the tasks of <uc>.monitor do with the night's stored decision, without a run of Airflow."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from nightloop.errors import BadNight, GateFailed, NotReady
from nightloop.nights import Nights, one
from plugins import monitoring
from plugins.monitoring import (
    AlertOperator,
    DecideOperator,
    MonitorOperator,
    NoWorkOperator,
    ReportLink,
    ReportOperator,
    RetrainOperator,
    VerdictOperator,
    alerts_of,
    decision_of,
    page_address,
)
from plugins.operators import StageOperator, partition_night, partition_week
from tests.plugins.stops import stops_with

NIGHT = date(2013, 4, 3)
ROW = {"night": NIGHT, "decision": "retrain", "reason": "it is old.", "drift_verdict": "pass", "drift_reason": "none."}


class Lake:
    """Holds the decisions of one night."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows
        self.asked: list[tuple[str, str, Nights]] = []

    def require(self, table: str, nights: Nights) -> None:
        self.asked.append(("require", table, nights))

    def read(self, table: str, nights: Nights) -> pa.Table:
        self.asked.append(("read", table, nights))
        return pa.Table.from_pylist(
            self.rows, schema=pa.schema([(name, pa.string()) for name in ()]) if not self.rows else None
        )


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Lake:
    lake = Lake([ROW])
    workspace = SimpleNamespace(lake=lake, ledger="the ledger", reports=Path("/reports"))
    monkeypatch.setattr(monitoring, "open_use_case", lambda name: (f"use case {name}", workspace))
    return lake


class TaskInstance(SimpleNamespace):
    """Keeps what a task hands on."""

    def __init__(self) -> None:
        super().__init__(dag_id="loans.monitor", task_id="alert", run_id="r1", pushed={})

    def xcom_push(self, *, key: str, value: object) -> None:
        self.pushed[key] = value


def context(key: str | None = "2013-04-03") -> Any:
    return {"dag_run": SimpleNamespace(partition_key=key), "ti": TaskInstance()}


def test_the_decision_is_that_of_the_runs_night_and_must_be_published(lake: Lake) -> None:
    assert decision_of("loans", context()) == ROW
    assert lake.asked == [("require", "loans/decisions", one(NIGHT)), ("read", "loans/decisions", one(NIGHT))]


def test_a_night_whose_table_holds_no_decision_is_not_ready(lake: Lake) -> None:
    lake.rows = []
    with pytest.raises(NotReady, match=r"loans/decisions: night 2013-04-03 holds no decision.*jobs monitor loans 2013-04-03"):
        decision_of("loans", context())


def test_a_run_without_a_key_decides_nothing(lake: Lake) -> None:
    with pytest.raises(BadNight):
        decision_of("loans", context(None))
    assert lake.asked == []


@pytest.mark.parametrize("decision", ["keep", "retrain", "ask"])
def test_the_branch_is_the_decision_and_its_reason_goes_along(lake: Lake, decision: str) -> None:
    lake.rows = [{**ROW, "decision": decision}]
    given = context()
    assert DecideOperator(task_id="decide", use_case_name="loans").choose_branch(given) == decision
    assert given["ti"].pushed == {"reason": "it is old."}


def test_a_retraining_is_asked_for_once_a_night_with_the_decisions_reason() -> None:
    task = RetrainOperator(task_id="retrain", use_case_name="loans")
    assert task.trigger_dag_id == "loans.train"
    assert task.trigger_run_id == "monitor__{{ dag_run.partition_key }}"
    assert task.skip_when_already_exists is True
    assert task.conf == {
        "as_of": "{{ dag_run.partition_key }}",
        "reason": "{{ ti.xcom_pull(task_ids='decide', key='reason') | truncate(480, true, '…') }}",
        "requested_by": "monitor",
    }


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is raised: kind, link and workspace; every channel takes it."""
    alerts: list[Any] = []

    def raise_alert(alert: Any, workspace: Any) -> dict[str, str]:
        alerts.append((alert.kind, alert.link, workspace.ledger))
        return {"email": "pending"}

    monkeypatch.setattr("plugins.alerts.raise_alert", raise_alert)
    return alerts


def test_an_alert_is_raised_and_one_that_waits_in_the_outbox_leaves_the_task_green(lake: Lake, raised: list[Any]) -> None:
    states = AlertOperator(task_id="alert", use_case_name="loans").execute(context())
    assert states == {"loans: a new training was decided, night 2013-04-03": {"email": "pending"}}
    ((kind, link, ledger),) = raised
    assert (kind, ledger) == ("retrain_decided", "the ledger")
    assert link.endswith("/dags/loans.monitor/runs/r1/tasks/alert")


def test_a_quiet_night_raises_nothing(lake: Lake, raised: list[Any]) -> None:
    lake.rows = [{**ROW, "decision": "keep"}]
    assert AlertOperator(task_id="alert", use_case_name="loans").execute(context()) == {}
    assert raised == []


def test_the_champion_stays_without_a_process_of_its_own() -> None:
    assert NoWorkOperator(task_id="keep", on_success_callback=[print]).on_success_callback == []


def test_each_failed_verdict_is_an_alert_and_a_retraining_another() -> None:
    row = {**ROW, "drift_verdict": "fail", "performance_verdict": "fail", "performance_reason": None, "trust_verdict": "fail"}
    alerts = alerts_of("loans", row, "http://x")
    assert [(alert.kind, alert.subject, alert.figure) for alert in alerts] == [
        ("verdict_failed", "drift", "none."),
        ("verdict_failed", "performance", "it is old."),
        ("verdict_failed", "trust", "it is old."),
        ("retrain_decided", "retrain", "it is old."),
    ]
    for alert in alerts:
        assert (alert.use_case_name, alert.night, alert.link) == ("loans", NIGHT, "http://x")
        assert alert.command == "python -m jobs monitor loans 2013-04-03"
    assert "loans.train" in alerts[-1].do and "report" in alerts[0].do


@pytest.mark.parametrize("verdict", ["pass", "not_enough_evidence", None])
def test_no_other_verdict_is_an_alert(verdict: str | None) -> None:
    assert alerts_of("loans", {**ROW, "decision": "keep", "drift_verdict": verdict, "fail": "fail"}, "") == []


def test_a_verdict_is_the_state_of_its_task(lake: Lake) -> None:
    def show(outcome: str) -> str:
        lake.rows = [{**ROW, "drift_verdict": outcome, "drift_reason": "0 of 3 features."}]
        return VerdictOperator(verdict="drift", use_case_name="loans").execute(context())

    assert show("pass") == "0 of 3 features."
    with pytest.raises(AirflowSkipException, match=r"0 of 3 features\."):
        show("not_enough_evidence")
    for failed in ("fail", "another word"):
        with stops_with(GateFailed, r"drift of night 2013-04-03: 0 of 3 features\."):
            show(failed)


def test_a_red_verdict_alerts_nobody_by_itself_and_is_not_tried_again() -> None:
    task = VerdictOperator(verdict="drift", use_case_name="loans", on_failure_callback=[print], on_success_callback=[print])
    assert (task.on_failure_callback, task.on_success_callback, task.retries) == ([], [], 0)


def test_the_monitor_runs_its_stage_by_night_and_the_report_by_week() -> None:
    monitor = MonitorOperator(task_id="monitor", use_case_name="loans")
    report = ReportOperator(task_id="report", use_case_name="loans")
    assert (monitor.stage, monitor.nights, monitor.use_case_name) == ("monitor", partition_night, "loans")
    assert (report.stage, report.nights) == ("report", partition_week)


def test_the_button_opens_the_last_page_that_the_task_wrote(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    published = [{"page": "/reports/loans/a.html"}, {"page": "/reports/loans/b c.html"}, {"page": ""}, {"rows": 3}]
    monkeypatch.setattr(StageOperator, "execute", lambda *_: published)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://air.example:8080/web/")
    task = MonitorOperator(task_id="monitor", use_case_name="loans")
    assert ReportLink().get_link(task, ti_key=None) == ""  # type: ignore[arg-type]
    assert task.execute(context()) == published
    assert ReportLink().get_link(task, ti_key=None) == "/web/nightloop/reports/loans/b%20c.html"  # type: ignore[arg-type]


def test_a_task_that_wrote_no_page_has_no_button(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StageOperator, "execute", lambda *_: [{"rows": 3}])
    task = MonitorOperator(task_id="monitor", use_case_name="loans")
    task.execute(context())
    assert ReportLink().get_link(task, ti_key=None) == ""  # type: ignore[arg-type]


def test_a_page_is_addressed_below_the_reports_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://air.example/")
    assert page_address(Path("loans/w.html"), tmp_path) == "http://air.example/nightloop/reports/loans/w.html"
    assert page_address(tmp_path / "loans" / "w.html", tmp_path) == "http://air.example/nightloop/reports/loans/w.html"
    with pytest.raises(ValueError, match="subpath"):
        page_address(tmp_path.parent / "w.html", tmp_path)


def test_a_night_that_asks_a_person_is_an_alert_of_today() -> None:
    (alert,) = alerts_of("loans", {**ROW, "decision": "ask", "reason": "Trainings did not help."}, "http://x")
    assert (alert.kind, alert.subject, alert.urgency) == ("person_asked", "ask", "today")
    assert alert.figure == "Trainings did not help."
