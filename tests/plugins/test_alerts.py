"""Alerts reach people, and the ledger knows whether they did."""

from __future__ import annotations

import json
import os
from datetime import date
from types import SimpleNamespace

import pytest

from nightloop.errors import ContractBroken, GateFailed
from nightloop.ledger import Ledger
from plugins.alert_text import Alert, html, plain
from plugins.alerts import alert_on_failure, explain, raise_alert

NIGHT = date(2013, 4, 3)
BROKEN = Alert(
    "stage_failed",
    "flight_delay",
    NIGHT,
    "ingest.ingest",
    "great_expectations/weather.json: 41 % of rows <broken> the rule humidity between 0 and 100.",
    "Mend the source, then clear the task.",
    link="http://airflow.example:8080/dags/flight_delay.ingest/runs/x/tasks/ingest",
    command="python -m jobs ingest flight_delay 2013-04-03",
)


@pytest.fixture
def ledger(workspace) -> Ledger:
    return workspace.ledger


def kinds(ledger: Ledger) -> list[str]:
    return [event.kind for event in ledger.events("flight_delay")]


def test_an_alert_reaches_everybody_by_e_mail_in_plain_text_and_html(inbox, use_case, ledger):
    told = raise_alert(BROKEN, use_case, ledger)
    (message,) = inbox.messages
    assert told == {"email": "delivered"}
    assert message["To"] == "ops@example.com, ml@example.com"
    assert message["From"] == "nightloop@example.com"
    assert message["X-Nightloop-Alert"] == BROKEN.key
    assert message["Message-ID"].endswith("@nightloop>")
    assert message["Subject"] == "[nightloop] flight_delay: ingest.ingest failed, night 2013-04-03"
    assert message.get_content_type() == "multipart/alternative" and not list(message.iter_attachments())
    text = message.get_body(("plain",)).get_content()
    page = message.get_body(("html",)).get_content()
    for part in (text, page):
        assert "humidity between 0 and 100" in part
        assert "Mend the source, then clear the task." in part
        assert BROKEN.link in part
        assert BROKEN.command in part
    assert "&lt;broken&gt;" in page
    assert "<broken>" in text


def test_an_alert_reaches_slack(slack_room, use_case, ledger):
    told = raise_alert(BROKEN, use_case, ledger)
    (post,) = slack_room.posts
    assert told == {"slack": "delivered"}
    assert post["text"] == BROKEN.headline
    text = str(post["blocks"])
    assert "Mend the source, then clear the task." in text
    assert BROKEN.link in text
    assert "&lt;broken&gt;" in text


def test_both_channels_are_used_where_both_exist_and_the_ledger_names_each(inbox, slack_room, use_case, ledger):
    assert raise_alert(BROKEN, use_case, ledger) == {"email": "delivered", "slack": "delivered"}
    assert kinds(ledger) == ["alert_raised", "alert_delivered", "alert_delivered"]
    delivered = [
        event.subject.rpartition("/")[2] for event in ledger.events("flight_delay", kind="alert_delivered", night=NIGHT)
    ]
    assert delivered == ["email", "slack"]


def test_the_same_alert_is_told_once(inbox, slack_room, use_case, ledger):
    raise_alert(BROKEN, use_case, ledger)
    again = raise_alert(BROKEN, use_case, ledger)
    assert again == {"email": "delivered before", "slack": "delivered before"}
    assert len(inbox.messages) == len(slack_room.posts) == 1
    assert len(kinds(ledger)) == 3


def test_another_trouble_of_the_same_night_is_told_too(inbox, use_case, ledger):
    raise_alert(BROKEN, use_case, ledger)
    raise_alert(
        Alert("stage_failed", "flight_delay", NIGHT, "ingest.ingest", "the disk is full.", "Make room."), use_case, ledger
    )
    assert len(inbox.messages) == 2


def test_a_server_that_refuses_leaves_its_reason_in_the_ledger_and_the_other_channel_is_still_used(
    inbox, slack_room, use_case, ledger
):
    inbox.refuse = True
    told = raise_alert(BROKEN, use_case, ledger)
    assert "mailbox is full" in told["email"]
    assert told["slack"] == "delivered"
    (refused,) = ledger.events("flight_delay", kind="alert_undelivered")
    assert "mailbox is full" in refused.payload["reason"]
    inbox.refuse = False
    assert raise_alert(BROKEN, use_case, ledger) == {"email": "delivered", "slack": "delivered before"}
    assert len(inbox.messages) == 1


def test_a_web_hook_that_answers_500_is_no_delivery(slack_room, use_case, ledger):
    slack_room.status = 500
    assert "500" in raise_alert(BROKEN, use_case, ledger)["slack"]
    assert kinds(ledger) == ["alert_raised", "alert_undelivered"]


def test_a_mail_server_that_is_down_is_no_delivery(monkeypatch, use_case, ledger):
    monkeypatch.setenv(
        "AIRFLOW_CONN_NIGHTLOOP_SMTP",
        "smtp://127.0.0.1:9/?from_email=a%40b.example&disable_ssl=true&disable_tls=true&retry_limit=0",
    )
    assert "refused" in raise_alert(BROKEN, use_case, ledger)["email"]
    assert kinds(ledger) == ["alert_raised", "alert_undelivered"]


def test_a_mail_connection_without_a_sender_is_no_delivery_and_the_missing_setting_is_named(
    monkeypatch, inbox, use_case, ledger
):
    connection = json.loads(os.environ["AIRFLOW_CONN_NIGHTLOOP_SMTP"])
    del connection["extra"]["from_email"]
    monkeypatch.setenv("AIRFLOW_CONN_NIGHTLOOP_SMTP", json.dumps(connection))
    assert 'connection nightloop_smtp has no sender: add {"from_email"' in raise_alert(BROKEN, use_case, ledger)["email"]
    assert inbox.messages == []


def test_where_no_connection_exists_the_log_and_the_ledger_say_so(use_case, ledger, caplog):
    told = raise_alert(BROKEN, use_case, ledger)
    assert "no Airflow connection nightloop_smtp" in told["none"]
    assert "no Airflow connection nightloop_slack" in told["none"]
    assert "nobody was told" in caplog.text
    (event,) = ledger.events("flight_delay", kind="alert_undelivered")
    assert "nobody was told" in event.payload["reason"]


def test_the_page_is_whole_and_carries_no_script_and_no_foreign_picture():
    page = html(BROKEN)
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>")
    for unwanted in ("<script", "<img", "<link", "<style"):
        assert unwanted not in page


def test_the_text_answers_what_where_and_what_to_do_in_this_order():
    text = plain(BROKEN)
    order = [
        text.index(heading)
        for heading in ("WHAT HAPPENED", "WHERE", "WHAT TO DO", "HOW URGENT", "LOOK AT THE RUN", "THE SAME BY HAND")
    ]
    assert order == sorted(order)


def failure(error: BaseException | None, task_id: str = "ingest", dag_id: str = "flight_delay.ingest") -> dict[str, object]:
    """The context that Airflow gives to a failure callback."""
    task = SimpleNamespace(dag_id=dag_id, task_id=task_id, run_id="manual__1", try_number=1)
    return {"task_instance": task, "exception": error, "dag_run": SimpleNamespace(partition_key="2013-04-03", conf={})}


@pytest.fixture
def installation(monkeypatch, tmp_path, settings):
    """The environment that a task of Airflow would have."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(settings.home))


def test_a_task_that_failed_for_good_tells_what_the_error_says(installation, ledger, caplog):
    alert_on_failure(failure(ContractBroken("too few rows.", where="weather", do="Ask the source.")))
    (failed,) = ledger.events("flight_delay", kind="stage_failed", night=NIGHT)
    assert failed.subject == "ingest.ingest"
    (raised,) = ledger.events("flight_delay", kind="alert_raised", night=NIGHT)
    assert raised.payload["what"] == "weather: too few rows."
    assert raised.payload["do"] == "Ask the source."
    assert raised.payload["link"].endswith("/dags/flight_delay.ingest/runs/manual__1/tasks/ingest")


def test_a_gate_that_did_not_pass_is_told_as_such(installation, ledger):
    alert_on_failure(failure(GateFailed("AUC 0.61."), task_id="gate_performance", dag_id="flight_delay.train"))
    (raised,) = ledger.events("flight_delay", kind="alert_raised")
    assert raised.payload["headline"] == "[nightloop] flight_delay: gate performance did not pass, night 2013-04-03"


@pytest.mark.parametrize(("task_id", "by_hand"), [("gate_bundle", True), ("approval", False)])
def test_no_command_is_offered_in_place_of_a_persons_approval(installation, monkeypatch, task_id, by_hand):
    told: list[Alert] = []
    monkeypatch.setattr("plugins.alerts.raise_alert", lambda alert, *_: told.append(alert))
    alert_on_failure(failure(GateFailed("no."), task_id=task_id, dag_id="flight_delay.train"))
    assert bool(told[0].command) is by_hand


def test_a_process_that_was_killed_is_told_without_an_error_to_quote():
    what, do = explain(None)
    assert "killed" in what
    assert "Clear the task" in do
