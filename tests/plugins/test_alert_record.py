"""What the ledger and the task learn of an alert, with channels of the test's own; and what an alert says of a failure."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from nightloop.errors import ContractBroken, GateFailed, NotReady
from plugins.alert_text import Alert
from plugins.alerts import alert_on_failure, explain, night_of, raise_alert, run_link
from plugins.delivery import Channel, channels

NIGHT = date(2013, 4, 3)
UNFORESEEN = "Read the task's log: this error is not one that Nightloop foresaw. Then clear the task."
ALERT = Alert("stage_failed", "loans", NIGHT, "score.score", "it broke.", "Mend it.", "http://x", "jobs x")


class Ledger:
    """A ledger in memory: events as (kind, use case, night, subject, payload)."""

    def __init__(self) -> None:
        self.recorded: list[tuple[Any, ...]] = []

    def record(self, kind: str, use_case: str, *, night: Any, subject: str, payload: Any, once: bool = False) -> None:
        same = [event for event in self.recorded if event[:4] == (kind, use_case, night, subject)]
        if not (once and same):
            self.recorded.append((kind, use_case, night, subject, payload))

    def events(self, use_case: str, *, kind: str, night: Any, subject: str) -> list[Any]:
        return [event for event in self.recorded if event[:4] == (kind, use_case, night, subject)]

    def kinds(self) -> list[tuple[str, str]]:
        return [(event[0], event[3].removeprefix(ALERT.key)) for event in self.recorded]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def deliver(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets the channels that are configured, and why others are not."""

    def configure(*configured: Channel, absent: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr("plugins.delivery.channels", lambda _use_case: (list(configured), list(absent)))

    return configure


def sends(sent: list[Alert], name: str = "pager") -> Channel:
    return Channel(name, sent.append)


def refuses(name: str, error: Exception) -> Channel:
    def send(_alert: Alert) -> None:
        raise error

    return Channel(name, send)


def test_an_alert_is_recorded_before_it_is_sent_and_each_delivery_after(ledger: Ledger, deliver: Any) -> None:
    sent: list[Alert] = []
    deliver(sends(sent), sends(sent, "mail"), absent=("Slack: none",))
    assert raise_alert(ALERT, None, ledger) == {"pager": "delivered", "mail": "delivered"}  # type: ignore[arg-type]
    assert sent == [ALERT, ALERT]
    assert ledger.kinds() == [("alert_raised", ""), ("alert_delivered", "/pager"), ("alert_delivered", "/mail")]
    kind, use_case, night, _, payload = ledger.recorded[0]
    assert (kind, use_case, night) == ("alert_raised", "loans", NIGHT)
    assert payload == {"headline": ALERT.headline, "what": "it broke.", "do": "Mend it.", "link": "http://x"}


def test_a_channel_that_delivered_is_not_used_again_and_the_others_are(ledger: Ledger, deliver: Any) -> None:
    sent: list[Alert] = []
    deliver(sends(sent), refuses("mail", OSError("full")))
    assert raise_alert(ALERT, None, ledger) == {"pager": "delivered", "mail": "OSError: full"}  # type: ignore[arg-type]
    deliver(sends(sent), sends(sent, "mail"))
    assert raise_alert(ALERT, None, ledger) == {"pager": "delivered before", "mail": "delivered"}  # type: ignore[arg-type]
    assert len(sent) == 2
    assert [kind for kind, _ in ledger.kinds()].count("alert_raised") == 1


def test_a_refusal_is_logged_recorded_each_time_and_returned(
    ledger: Ledger, deliver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(refuses("mail", ValueError("no sender")))
    for _ in range(2):
        assert raise_alert(ALERT, None, ledger) == {"mail": "ValueError: no sender"}  # type: ignore[arg-type]
    refusals = [event for event in ledger.recorded if event[0] == "alert_undelivered"]
    assert [event[4] for event in refusals] == [{"reason": "ValueError: no sender"}] * 2
    assert "not delivered by mail" in caplog.text


def test_where_nobody_can_be_told_the_reasons_are_recorded_once(
    ledger: Ledger, deliver: Any, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(absent=("e-mail: names nobody", "Slack: no connection"))
    for _ in range(2):
        outcome = raise_alert(ALERT, None, ledger)  # type: ignore[arg-type]
        assert outcome == {"none": "nobody was told: e-mail: names nobody; Slack: no connection"}
    assert ledger.kinds() == [("alert_raised", ""), ("alert_undelivered", "/none")]
    assert ledger.recorded[1][4] == {"reason": outcome["none"]}
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


@pytest.mark.parametrize(
    ("email", "exist", "names", "absent"),
    [
        (["a@b"], {"nightloop_smtp", "nightloop_slack"}, ["email", "slack"], []),
        (["a@b"], {"nightloop_smtp"}, ["email"], ["Slack: there is no Airflow connection nightloop_slack"]),
        (["a@b"], {"nightloop_slack"}, ["slack"], ["e-mail: there is no Airflow connection nightloop_smtp"]),
        ([], {"nightloop_smtp", "nightloop_slack"}, ["slack"], ["e-mail: alerts.email names nobody"]),
        ([], set(), [], ["e-mail: alerts.email names nobody", "Slack: there is no Airflow connection nightloop_slack"]),
    ],
)
def test_a_channel_is_one_whose_connection_exists_and_who_is_absent_is_named(
    monkeypatch: pytest.MonkeyPatch, email: list[str], exist: set[str], names: list[str], absent: list[str]
) -> None:
    monkeypatch.setattr("plugins.delivery.connection_exists", exist.__contains__)
    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr("plugins.delivery.send_email", lambda alert, alerts: sent.append(("email", alerts)))
    monkeypatch.setattr("plugins.delivery.send_slack", lambda alert, alerts: sent.append(("slack", alerts)))
    alerts = SimpleNamespace(email=email, smtp_connection="nightloop_smtp", slack_connection="nightloop_slack")
    configured, missing = channels(SimpleNamespace(alerts=alerts))  # type: ignore[arg-type]
    assert ([channel.name for channel in configured], missing) == (names, absent)
    for channel in configured:
        channel.send(ALERT)
    assert sent == [(name, alerts) for name in names]


@pytest.mark.parametrize(
    ("error", "what", "do"),
    [
        (ContractBroken("too few.", where="weather", do="Ask."), "weather: too few.", "Ask."),
        (ContractBroken("too few.", do="Ask."), "too few.", "Ask."),
        (GateFailed("AUC 0.61."), "AUC 0.61.", "Read the task's log."),
        (
            OSError("disk"),
            "OSError: disk",
            "Read the task's log: this error is not one that Nightloop foresaw. Then clear the task.",
        ),
        (
            None,
            "The task's process ended without a word: it was killed, or the machine went down.",
            "Clear the task to run it again: it gives the same content.",
        ),
    ],
)
def test_each_kind_of_failure_is_explained_with_what_to_do(error: BaseException | None, what: str, do: str) -> None:
    assert explain(error) == (what, do)


@pytest.mark.parametrize(
    ("key", "conf", "night"),
    [
        ("2013-04-03", {}, NIGHT),
        ("2013-04-03", {"as_of": "2013-04-09"}, NIGHT),
        (None, {"as_of": "2013-04-03"}, NIGHT),
        ("", {"as_of": "2013-04-03"}, NIGHT),
        (None, {}, None),
        (None, None, None),
        ("yesterday", {}, None),
    ],
)
def test_the_night_of_a_run_is_its_key_else_its_forms_as_of(key: Any, conf: Any, night: date | None) -> None:
    assert night_of({"dag_run": SimpleNamespace(partition_key=key, conf=conf)}) == night


def test_a_run_that_is_not_known_has_no_night() -> None:
    assert night_of({}) is None


TASK = SimpleNamespace(dag_id="loans.score", task_id="score", run_id="manual__1")


@pytest.mark.parametrize(
    ("base", "link"),
    [
        ("http://air.example/", "http://air.example/dags/loans.score/runs/manual__1/tasks/score"),
        ("http://air.example/web", "http://air.example/web/dags/loans.score/runs/manual__1/tasks/score"),
        ("", ""),
    ],
)
def test_the_link_leads_to_the_task_below_airflows_address(monkeypatch: pytest.MonkeyPatch, base: str, link: str) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    assert run_link(TASK) == link


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch, ledger: Ledger) -> list[Alert]:
    """The alerts that a failure callback raises."""
    alerts: list[Alert] = []
    monkeypatch.setattr("plugins.operators.open_use_case", lambda name: (name, SimpleNamespace(ledger=ledger)))
    monkeypatch.setattr("plugins.alerts.raise_alert", lambda alert, use_case, _ledger: alerts.append(alert))
    return alerts


def failed(dag_id: str, task_id: str, error: object, key: str | None = "2013-04-03") -> dict[str, Any]:
    task = SimpleNamespace(dag_id=dag_id, task_id=task_id, run_id="manual__1")
    return {"task_instance": task, "exception": error, "dag_run": SimpleNamespace(partition_key=key, conf={})}


SCORE, TRAIN = ("python -m jobs score loans 2013-04-03", "python -m jobs train loans 2013-04-03")


@pytest.mark.parametrize(
    ("dag_id", "task_id", "error", "expected"),
    [
        ("loans.score", "score", NotReady("no."), ("stage_failed", "score.score", SCORE)),
        ("loans.score", "score", "a text", ("stage_failed", "score.score", SCORE)),
        ("loans.train", "gate_fairness", GateFailed("no."), ("gate_failed", "fairness", TRAIN)),
        ("loans.train", "gate_fairness", OSError("no."), ("stage_failed", "train.gate_fairness", TRAIN)),
        ("loans.train", "approval", GateFailed("no."), ("gate_failed", "approval", "")),
        ("loans.bootstrap", "ingest_range", OSError("no."), ("stage_failed", "bootstrap.ingest_range", "")),
    ],
)
def test_a_failed_task_raises_an_alert_of_its_kind_with_the_command_that_does_the_same(
    raised: list[Alert], ledger: Ledger, dag_id: str, task_id: str, *, error: Any, expected: tuple[str, str, str]
) -> None:
    alert_on_failure(failed(dag_id, task_id, error))
    (alert,) = raised
    assert (alert.kind, alert.subject, alert.command) == expected
    assert (alert.use_case_name, alert.night) == ("loans", NIGHT)
    assert (alert.what, alert.do) == explain(error if isinstance(error, BaseException) else None)
    assert alert.link.endswith(f"/dags/{dag_id}/runs/manual__1/tasks/{task_id}")
    stage = f"{dag_id.partition('.')[2]}.{task_id}"
    payload = {"what": alert.what, "do": alert.do, "run": "manual__1"}
    assert ledger.recorded == [("stage_failed", "loans", NIGHT, stage, payload)]


def test_a_failed_run_without_a_night_offers_no_command(raised: list[Alert]) -> None:
    alert_on_failure(failed("loans.score", "score", NotReady("no."), key=None))
    assert (raised[0].night, raised[0].command) == (None, "")
