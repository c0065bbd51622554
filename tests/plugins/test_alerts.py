"""A task that fails alerts people and one that succeeds ends that, by Airflow's connections to real servers."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from nightloop.alerts import Alert, listed
from nightloop.errors import BadNight, ContractBroken, GateFailed, NotReady
from nightloop.workspace import Workspace
from plugins.alerts import alert_on_failure, alert_on_success, deliver_due_alerts, raise_alert
from tests.fixtures_alerts import MailServer, Webhook

NIGHT = date(2013, 4, 3)
ALERT = Alert("night_late", "flight_delay", NIGHT, "score.score", "the night is late", "it is <late>.", "Look.", "now")


def failure(error: BaseException | None, task_id: str = "ingest", family: str = "ingest", **run: Any) -> dict[str, Any]:
    """The context that Airflow gives to a failure callback in the task's own process."""
    return {**success(task_id, family, **run), "exception": error}


def success(task_id: str = "ingest", family: str = "ingest", **run: Any) -> dict[str, Any]:
    """The context of a task that is done."""
    task = SimpleNamespace(dag_id=f"flight_delay.{family}", task_id=task_id, run_id="r+1", try_number=1, hostname="worker")
    fields = {
        "partition_key": "2013-04-03",
        "conf": {},
        "run_type": "scheduled",
        "start_date": datetime.now(UTC) - timedelta(minutes=1),
    }
    return {"task_instance": task, "dag_run": SimpleNamespace(**{**fields, **run})}


def kinds(workspace: Workspace) -> list[str]:
    return [event.kind for event in workspace.ledger.events("flight_delay")]


def test_an_alert_reaches_everybody_by_both_channels(inbox: MailServer, slack_room: Webhook, installation: Workspace) -> None:
    assert raise_alert(ALERT, installation) == {"email": "delivered", "slack": "delivered"}
    (mail,) = inbox.messages
    assert mail["To"] == "ml@example.com, ops@example.com" and mail["From"] == "nightloop@example.com"
    assert mail["Subject"] == "[nightloop] act now: flight_delay: the night is late, night 2013-04-03"
    assert "it is <late>." in mail.get_body(("plain",)).get_content()
    assert len(slack_room.posts) == 1 and "it is &lt;late&gt;." in str(slack_room.posts)
    assert kinds(installation) == ["alert_raised", "alert_delivered", "alert_delivered"]


def test_the_same_alert_is_told_once(inbox: MailServer, installation: Workspace) -> None:
    for _ in range(2):
        assert raise_alert(ALERT, installation) == {"email": "delivered", "slack": "no channel"}
    assert len(inbox.messages) == 1


def test_what_a_server_refuses_waits_in_the_outbox_and_goes_in_a_later_round(
    inbox: MailServer, installation: Workspace
) -> None:
    inbox.mode = "busy"
    assert raise_alert(ALERT, installation)["email"] == "pending"
    inbox.mode = "up"
    assert deliver_due_alerts(installation).messages == 0, "the server is left in peace for a while"
    with installation.ledger.transaction() as connection:
        connection.exec_driver_sql("UPDATE alert_servers SET not_before = '2013-01-01'")
    assert deliver_due_alerts(installation).messages == 1 and len(inbox.messages) == 1


def test_where_nobody_can_be_told_the_log_and_the_ledger_say_so(
    installation: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    assert raise_alert(ALERT, installation) == {"email": "no channel", "slack": "no channel"}
    assert (
        "nobody was told: e-mail: there is no Airflow connection nightloop_smtp, and NIGHTLOOP_SMTP_URL is not set"
        in caplog.text
    )
    assert kinds(installation) == ["alert_raised", "alert_undelivered"]


def test_the_environments_servers_serve_where_airflow_has_no_connection(
    installation: Workspace, mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTLOOP_SMTP_URL", f"smtp://127.0.0.1:{mail_server.port}?from=n@example.com&starttls=never")
    assert raise_alert(ALERT, Workspace.open())["email"] == "delivered"
    assert mail_server.messages[0]["From"] == "n@example.com"


def test_a_task_that_failed_for_good_is_recorded_and_told(inbox: MailServer, installation: Workspace) -> None:
    alert_on_failure(failure(ContractBroken("too few rows.", where="weather", do="Ask the source.")))
    (failed,) = installation.ledger.events("flight_delay", kind="stage_failed", night=NIGHT)
    assert failed.subject == "ingest.ingest"
    assert failed.payload == {"what": "weather: too few rows.", "do": "Ask the source.", "run": "r+1", "attempt": 1}
    text = inbox.messages[0].get_body(("plain",)).get_content()
    for part in (
        "ACT NOW",
        "weather: too few rows.",
        "Ask the source.",
        "python -m jobs ingest flight_delay 2013-04-03",
        "http://airflow.example:8080/dags/flight_delay.ingest/runs/r%2B1/tasks/ingest",
    ):
        assert part in text


def test_when_the_task_succeeds_later_who_was_told_hears_of_it_once(inbox: MailServer, installation: Workspace) -> None:
    alert_on_success(success())
    alert_on_failure(failure(ContractBroken("too few rows.")))
    alert_on_success(success("other"))
    alert_on_success(success(partition_key="2013-04-04"))
    assert len(inbox.messages) == 1
    for _ in range(2):
        alert_on_success(success())
    subjects = [mail["Subject"] for mail in inbox.messages]
    assert subjects[1:] == ["[nightloop] flight_delay: over: ingest.ingest failed, night 2013-04-03"]


def test_a_night_that_waits_for_one_that_stands_still_sends_no_second_mail(
    inbox: MailServer, installation: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    alert_on_failure(failure(ContractBroken("too few rows.")))
    caplog.set_level(logging.INFO)
    waiting = NotReady("nights 2013-04-03 are not published.", where="flight_delay/flights")
    alert_on_failure(failure(waiting, "features", "features", partition_key="2013-04-04"))
    assert len(inbox.messages) == 1 and "says why" in caplog.text
    assert len(installation.ledger.events("flight_delay", kind="stage_failed")) == 2


@pytest.mark.parametrize(
    ("error", "run", "mails"),
    [
        (BadNight("no night."), {"run_type": "manual"}, 0),
        (BadNight("no night."), {"run_type": "DagRunType.MANUAL", "partition_key": None}, 0),
        (BadNight("no night."), {"run_type": "scheduled"}, 1),
        (BadNight("no night."), {"run_type": "manual", "conf": {"requested_by": "monitor"}}, 1),
        (ContractBroken("no."), {"run_type": "manual"}, 1),
    ],
)
def test_a_typing_mistake_is_told_to_who_made_it_and_to_nobody_else(
    inbox: MailServer,
    installation: Workspace,
    caplog: pytest.LogCaptureFixture,
    *,
    error: Exception,
    run: dict[str, Any],
    mails: int,
) -> None:
    alert_on_failure(failure(error, **run))
    assert len(inbox.messages) == mails
    assert kinds(installation)[0] == "stage_failed"
    assert ("who asked for this run reads here what was wrong with the request: no night." in caplog.text) is (mails == 0)


def test_a_failure_that_airflow_reports_after_the_task_did_is_no_second_one(inbox: MailServer, installation: Workspace) -> None:
    alert_on_failure(failure(GateFailed("AUC 0.61."), "gate_performance", "train"))
    gone = success("gate_performance", "train")
    alert_on_failure(gone)
    assert kinds(installation).count("stage_failed") == 1 and len(inbox.messages) == 1
    gone["task_instance"].try_number = 2
    alert_on_failure(gone)
    assert kinds(installation).count("stage_failed") == 2 and len(inbox.messages) == 2


def test_a_run_that_airflow_ended_is_told_and_one_whose_task_failed_is_not_told_twice(
    inbox: MailServer, installation: Workspace
) -> None:
    context = {"dag": SimpleNamespace(dag_id="flight_delay.score"), "run_id": "r1", "dag_run": success()["dag_run"]}
    alert_on_failure({**context, "reason": "task_failure"})
    assert inbox.messages == []
    alert_on_failure({**context, "reason": "timed_out"})
    text = inbox.messages[0].get_body(("plain",)).get_content()
    assert "took longer than it may" in text and "http://airflow.example:8080/dags/flight_delay.score/runs/r1\r\n" in text
    assert "killed" not in text and [stored.alert.subject for stored, _ in listed(installation.ledger)] == ["score"]
