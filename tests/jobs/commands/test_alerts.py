"""The commands alerts list, test and resend, on real servers."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from jobs.commands.command_line import main
from nightloop.alerts import deliver_due, listed, raise_alert
from nightloop.alerts.queue import GIVE_UP_AFTER
from nightloop.ledger import Ledger
from nightloop.settings import REPOSITORY, load_settings
from tests.alerts.outboxes import Clock, NotSent, Recorder, alert, by
from tests.fixtures_alerts import MailServer, Webhook


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger of a home in which flight_delay has somebody to write to."""
    text = (REPOSITORY / "tests" / "definitions" / "in_full" / "flight_delay.yaml").read_text()
    (tmp_path / "definitions").mkdir()
    (tmp_path / "definitions" / "flight_delay.yaml").write_text(text.replace("{email: []}", "{email: [ops@example.com]}"))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(tmp_path / "definitions"))
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "home"))
    return Ledger.open(load_settings())


@pytest.fixture
def configured(ledger: Ledger, mail_server: MailServer, webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both channels, by the environment."""
    monkeypatch.setenv("NIGHTLOOP_SMTP_URL", f"smtp://127.0.0.1:{mail_server.port}?from=nightloop@example.com&starttls=never")
    monkeypatch.setenv("NIGHTLOOP_SLACK_URL", webhook.url)


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    code = main(["alerts", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)["alerts"]


def test_a_test_goes_out_by_each_channel_and_says_what_came_of_it(
    configured: None, mail_server: MailServer, webhook: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (item,) = answer(capsys, "test", "flight_delay")
    assert code == 0 and {name: way["state"] for name, way in item["channels"].items()} == {
        "email": "delivered",
        "slack": "delivered",
    }
    (mail,) = mail_server.messages
    assert mail["To"] == "ops@example.com" and mail["Subject"] == "[nightloop] flight_delay: a test of the alerts"
    assert len(webhook.posts) == 1
    assert main(["alerts", "test"]) == 0
    assert "slack  delivered" in capsys.readouterr().out and len(mail_server.messages) == 2


def test_a_test_that_a_server_refuses_ends_with_its_reason_and_a_code(
    configured: None, mail_server: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    mail_server.mode = "refusing"
    assert main(["alerts", "test"]) == 78
    printed = capsys.readouterr()
    assert "email  pending: smtp 127.0.0.1" in printed.out and "slack  delivered" in printed.out
    assert "554 mailbox is full" in printed.err


def test_a_test_where_there_is_no_channel_says_why(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "test"]) == 2
    assert "NIGHTLOOP_SMTP_URL is not set" in capsys.readouterr().err
    assert main(["alerts", "test", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err


def test_the_list_shows_each_alert_with_its_state_by_channel(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alerts", "list"]) == 0 and capsys.readouterr().out == "no alert was raised\n"
    first = raise_alert(ledger, alert(use_case_name="flight_delay"))
    quiet = raise_alert(ledger, alert("features.features", use_case_name="flight_delay", is_waiting=True))
    deliver_due(ledger, by(email=Recorder(), slack=Recorder("s", error=NotSent("s: down"))))
    raise_alert(ledger, alert("score.score", use_case_name="flight_delay"))
    code, items = answer(capsys, "list")
    assert code == 0 and [item["subject"] for item in items] == ["ingest.ingest", "features.features", "score.score"]
    assert items[0]["headline"] == "flight_delay: ingest.ingest failed, night 2013-04-03" and items[0]["night"] == "2013-04-03"
    assert items[0]["channels"]["slack"]["state"] == "pending" and items[0]["channels"]["slack"]["reason"] == "s: down"
    assert items[0]["channels"]["email"] | {"due_at": ""} == {"state": "delivered", "attempts": 0, "due_at": "", "reason": ""}
    assert (items[0]["id"], items[1]["covered_by"], items[1]["channels"]) == (first.id, first.id, {})
    assert quiet.id == items[1]["id"] and items[0]["ended_at"] is None
    main(["alerts", "list"])
    table = capsys.readouterr().out
    assert "pending (1 tries)" in table and f"see {first.id}" in table and "delivered" in table


def test_the_undelivered_are_those_that_did_not_reach_everybody(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    raise_alert(ledger, alert(use_case_name="flight_delay"))
    deliver_due(ledger, by(email=Recorder()))
    assert main(["alerts", "list", "--undelivered"]) == 0
    assert capsys.readouterr().out == "every alert was delivered\n"
    raise_alert(ledger, alert("score.score", use_case_name="flight_delay"))
    deliver_due(ledger, by())
    raise_alert(ledger, alert("x", use_case_name="flight_delay", is_waiting=True))
    raise_alert(ledger, alert("y", use_case_name="flight_delay"))
    _, items = answer(capsys, "list", "--undelivered")
    assert [item["subject"] for item in items] == ["score.score", "y"]


def given_up(ledger: Ledger, subject: str) -> str:
    """Raise an alert that nobody would take for three days, and return its id."""
    clock = Clock(datetime.now(UTC) - GIVE_UP_AFTER * 3)
    stored = raise_alert(ledger, alert(subject, use_case_name="flight_delay"), clock)
    refusing = by(
        email=Recorder(error=NotSent("no", is_servers=False)), slack=Recorder("s", error=NotSent("no", is_servers=False))
    )
    deliver_due(ledger, refusing, clock=clock)
    clock.now += GIVE_UP_AFTER * 2
    deliver_due(ledger, by(), clock=clock)
    return stored.id


def test_what_was_given_up_is_sent_again_by_id_or_all_of_it(
    configured: None, ledger: Ledger, mail_server: MailServer, webhook: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [given_up(ledger, subject) for subject in ("a", "b", "c")]
    assert {delivery.state for _, items in listed(ledger) for delivery in items} == {"given up"}
    code, (item,) = answer(capsys, "resend", ids[1])
    assert code == 0 and item["id"] == ids[1] and item["channels"]["email"]["state"] == "delivered"
    assert len(mail_server.messages) == len(webhook.posts) == 1
    code, items = answer(capsys, "resend")
    assert code == 0 and [item["id"] for item in items] == [ids[0], ids[2]] and len(mail_server.messages) == 3
    assert main(["alerts", "resend"]) == 0
    assert "nothing to send" in capsys.readouterr().out and len(mail_server.messages) == 3


def test_sending_again_what_is_refused_again_says_so(
    configured: None, ledger: Ledger, mail_server: MailServer, webhook: Webhook, capsys: pytest.CaptureFixture[str]
) -> None:
    given_up(ledger, "a")
    mail_server.mode = "refusing"
    assert main(["alerts", "resend"]) == 78
    assert "554" in capsys.readouterr().err
    assert main(["alerts", "resend", "unknown"]) == 2
    assert "there is no alert unknown" in capsys.readouterr().err


def test_a_stage_done_by_hand_ends_what_its_task_failed_at(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.ingest.run", lambda *_, **__: [])
    for night in (date(2013, 4, 3), date(2013, 4, 9)):
        raise_alert(ledger, alert(use_case_name="flight_delay", night=night))
    raise_alert(ledger, alert("score.score", use_case_name="flight_delay"))
    assert main(["ingest", "flight_delay", "2013-04-01..2013-04-03"]) == 0
    ended = [(stored.alert.subject, stored.alert.night) for stored, _ in listed(ledger) if stored.ended_at]
    assert ended == [("ingest.ingest", date(2013, 4, 3))]
