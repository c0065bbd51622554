"""An alert is a row before it is sent: once for a trouble, quiet where another tells the cause, and over when it ends."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from nightloop.alerts import deliver_due, end_trouble, listed, raise_alert
from nightloop.alerts.alert import alert_of, as_content
from nightloop.alerts.outbox import BURST, GATHERING
from nightloop.ledger import Ledger
from nightloop.nights import Nights
from tests.alerts.outboxes import NIGHT, START, Clock, Recorder, alert, by, states

NEXT = NIGHT + timedelta(days=1)


def kinds(ledger: Ledger) -> list[str]:
    return [event.kind for event in ledger.events()]


def test_an_alert_is_stored_with_its_event_before_anything_is_sent(ledger: Ledger, clock: Clock) -> None:
    stored = raise_alert(ledger, alert(link="http://x", figure="3 of 4"), clock)
    ((found, deliveries),) = listed(ledger)
    assert found == stored and found.raised_at == START and found.alert.figure == "3 of 4"
    assert [(delivery.channel, delivery.state, delivery.attempts) for delivery in deliveries] == [
        ("email", "pending", 0),
        ("slack", "pending", 0),
    ]
    (event,) = ledger.events("loans", kind="alert_raised", night=NIGHT)
    assert event.subject == f"ingest.ingest/{stored.id}"
    assert event.payload == {
        "headline": "loans: ingest.ingest failed, night 2013-04-03", "what": "ingest.ingest broke.", "do": "Mend it.", "link": "http://x",
    }  # fmt: skip


def test_what_cannot_be_recorded_is_not_stored_either(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    raise_alert(ledger, alert("score.score"))
    monkeypatch.setattr(Ledger, "record", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        raise_alert(ledger, alert())
    assert [stored.alert.subject for stored, _ in listed(ledger)] == ["score.score"]


def test_the_same_trouble_is_one_alert_while_it_lasts(ledger: Ledger, clock: Clock) -> None:
    first = raise_alert(ledger, alert(), clock)
    clock.turn(hours=5)
    assert raise_alert(ledger, alert(do="Do.", link="http://y", run="r2"), clock) == first
    assert kinds(ledger) == ["alert_raised"]


@pytest.mark.parametrize(
    "changes",
    [
        {"night": NEXT},
        {"night": None},
        {"kind": "gate_failed"},
        {"subject": "score.score"},
        {"what": "else."},
        {"use_case_name": "x"},
    ],
)
def test_another_trouble_is_another_alert(ledger: Ledger, changes: dict[str, object]) -> None:
    assert raise_alert(ledger, alert(**changes)).id != raise_alert(ledger, alert()).id


def test_of_no_night_each_run_is_a_trouble_of_its_own(ledger: Ledger) -> None:
    runs = [raise_alert(ledger, alert(night=None, run=run)).id for run in ("r1", "r1", "r2")]
    assert runs[0] == runs[1] != runs[2]


def test_an_alert_comes_back_from_its_row_whole_and_of_a_newer_version_what_is_known() -> None:
    whole = alert(figure="1", is_waiting=True, night=None)
    assert alert_of(as_content(whole)) == whole
    assert alert_of(as_content(alert()).replace("{", '{"new": 1, ', 1)) == alert()


# --- quiet ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("waiting", "is_quiet"),
    [
        (alert("features.features", is_waiting=True), True),
        (alert("features.features", is_waiting=True, night=NEXT, what="night 2013-04-03 is missing."), True),
        (alert("features.features", is_waiting=True, night=NEXT, what="night 2013-04-02 is missing."), False),
        (alert("features.features", is_waiting=False), False),
        (alert("features.features", is_waiting=True, use_case_name="churn"), False),
        (alert("features.features", is_waiting=True, night=None, what="nothing."), False),
    ],
)
def test_what_waits_for_a_night_that_stands_still_is_quiet(ledger: Ledger, waiting: object, is_quiet: bool) -> None:
    cause = raise_alert(ledger, alert())
    stored = raise_alert(ledger, waiting)  # type: ignore[arg-type]
    assert stored.covered_by == (cause.id if is_quiet else "")
    assert kinds(ledger).count("alert_raised") == (1 if is_quiet else 2)
    assert [deliveries for found, deliveries in listed(ledger) if found == stored and is_quiet] in ([], [[]])


@pytest.mark.parametrize(
    ("cause", "waiting", "is_quiet"),
    [
        ("ingest.ingest", "score.score", True),
        ("score.score", "score.score", True),
        ("score.score", "features.features", False),
        ("train.fit", "features.features", False),
        ("train.gate_fairness", "bootstrap.train", True),
        ("elsewhere", "ingest.ingest", True),
    ],
)
def test_only_what_comes_before_is_a_cause(ledger: Ledger, cause: str, waiting: str, is_quiet: bool) -> None:
    raise_alert(ledger, alert(cause))
    assert bool(raise_alert(ledger, alert(waiting, is_waiting=True, what="it waits.")).covered_by) is is_quiet


@pytest.mark.parametrize("kind", ["verdict_failed", "retrain_decided", "test"])
def test_a_notice_is_no_cause_to_wait(ledger: Ledger, kind: str) -> None:
    raise_alert(ledger, alert("drift", kind=kind))
    assert raise_alert(ledger, alert("features.features", is_waiting=True)).covered_by == ""


def test_when_the_cause_is_over_waiting_is_a_trouble_again(ledger: Ledger) -> None:
    raise_alert(ledger, alert())
    end_trouble(ledger, "loans", [NIGHT], "ingest.ingest")
    assert raise_alert(ledger, alert("features.features", is_waiting=True)).covered_by == ""


# --- over -------------------------------------------------------------------------------------------------------------


def test_who_was_alerted_hears_that_it_is_over_and_how_long_it_lasted(ledger: Ledger, clock: Clock) -> None:
    recorder = Recorder()
    raise_alert(ledger, alert(link="http://x"), clock)
    deliver_due(ledger, by(email=recorder), clock=clock)
    clock.turn(minutes=209)
    (ended,) = end_trouble(ledger, "loans", [NIGHT], "ingest.ingest", clock)
    assert ended.alert == alert(link="http://x")
    deliver_due(ledger, by(email=recorder), clock=clock)
    (notice,) = [stored.alert for stored in recorder.messages[-1].alerts]
    assert (notice.kind, notice.urgency, notice.night, notice.link) == ("over", "info", NIGHT, "http://x")
    assert notice.headline == "loans: over: ingest.ingest failed, night 2013-04-03"
    assert notice.figure == "It lasted 3 h 29 min." and "ingest.ingest broke." in notice.what and notice.do == "Nothing."
    assert end_trouble(ledger, "loans", [NIGHT], "ingest.ingest", clock) == []
    assert states(ledger)[-1] == ("ingest.ingest", {"email": "delivered"}), "Slack had no alarm, so it has no notice"


@pytest.mark.parametrize(("minutes", "lasted"), [(0, "0 min"), (59, "59 min"), (60, "1 h 0 min"), (61, "1 h 1 min")])
def test_the_notice_says_how_long(ledger: Ledger, clock: Clock, minutes: int, lasted: str) -> None:
    recorder = Recorder()
    raise_alert(ledger, alert(), clock)
    deliver_due(ledger, by(email=recorder), clock=clock)
    clock.turn(minutes=minutes)
    end_trouble(ledger, "loans", [NIGHT], "ingest.ingest", clock)
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert recorder.messages[-1].alerts[0].alert.figure == f"It lasted {lasted}."


def test_who_was_not_alerted_yet_gets_one_message_that_says_it_is_over(ledger: Ledger, clock: Clock) -> None:
    raise_alert(ledger, alert(), clock)
    end_trouble(ledger, "loans", [NIGHT], "ingest.ingest", clock)
    recorder = Recorder()
    deliver_due(ledger, by(email=recorder), clock=clock)
    (message,) = recorder.messages
    assert message.headline == "[nightloop] over: loans: ingest.ingest failed, night 2013-04-03"


@pytest.mark.parametrize(
    "other",
    [
        ("churn", NIGHT, "ingest.ingest"),
        ("loans", NEXT, "ingest.ingest"),
        ("loans", None, "ingest.ingest"),
        ("loans", NIGHT, "score.score"),
    ],
)
def test_another_success_ends_nothing(ledger: Ledger, other: tuple[str, date | None, str]) -> None:
    raise_alert(ledger, alert())
    use_case_name, night, subject = other
    assert end_trouble(ledger, use_case_name, [night], subject) == []


@pytest.mark.parametrize(
    ("nights", "subject", "ended"),
    [
        (Nights(NIGHT, NIGHT), "ingest", ["ingest.ingest", "ingest.wait_for_x"]),
        (Nights(date(2013, 1, 1), date(2013, 12, 31)), "ingest", ["ingest.ingest", "ingest.wait_for_x", "ingest.ingest"]),
        ([NEXT], "ingest.ingest", ["ingest.ingest"]),
        ([NIGHT], "ing", []),
        ([NIGHT], "ingest_", []),
    ],
)
def test_a_family_stands_for_its_tasks_and_a_range_for_its_nights(
    ledger: Ledger, clock: Clock, nights: Any, subject: str, ended: list[str]
) -> None:
    for of, night in (("ingest.ingest", NIGHT), ("ingest.wait_for_x", NIGHT), ("ingest.ingest", NEXT), ("ingestion.x", NIGHT)):
        raise_alert(ledger, alert(of, night=night), clock)
        clock.turn(seconds=1)
    assert [stored.alert.subject for stored in end_trouble(ledger, "loans", nights, subject)] == ended


def test_a_success_where_nothing_was_ever_wrong_writes_nothing(ledger: Ledger) -> None:
    assert end_trouble(ledger, "loans", [NIGHT], "ingest.ingest") == []
    with ledger.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["ledger_events"]


def test_a_trouble_that_comes_back_is_told_again(ledger: Ledger, clock: Clock) -> None:
    first = raise_alert(ledger, alert(), clock)
    end_trouble(ledger, "loans", [NIGHT], "ingest.ingest", clock)
    second = raise_alert(ledger, alert(), clock)
    assert second.id != first.id and kinds(ledger) == ["alert_raised", "alert_raised"]


def test_the_notice_names_what_gave_up_waiting_meanwhile(ledger: Ledger, clock: Clock) -> None:
    recorder = Recorder()
    raise_alert(ledger, alert(), clock)
    raise_alert(ledger, alert("features.features", is_waiting=True, night=NEXT, what="night 2013-04-03 is missing."), clock)
    raise_alert(ledger, alert("monitor.monitor", is_waiting=True), clock)
    deliver_due(ledger, by(email=recorder), clock=clock)
    end_trouble(ledger, "loans", [NIGHT], "monitor.monitor", clock)
    end_trouble(ledger, "loans", [NIGHT], "ingest.ingest", clock)
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert recorder.subjects == [["ingest.ingest"], ["ingest.ingest"]]
    notice = recorder.messages[-1].alerts[0].alert
    assert notice.do == "Clear what gave up waiting for it: features.features of 2013-04-04." and notice.urgency == "today"


# --- a burst ----------------------------------------------------------------------------------------------------------


def test_the_first_of_a_kind_go_at_once_and_the_rest_of_a_burst_in_one_message(ledger: Ledger, clock: Clock) -> None:
    recorder = Recorder()
    for turn in range(BURST + 4):
        raise_alert(ledger, alert(f"ingest.{turn}"), clock)
        deliver_due(ledger, by(email=recorder), clock=clock)
        clock.turn(seconds=1)
    assert recorder.subjects == [["ingest.0"], ["ingest.1"], ["ingest.2"]]
    raise_alert(ledger, alert("gate", kind="gate_failed"), clock)
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert recorder.subjects[-1] == ["gate"], "another kind is no part of the burst"
    clock.now = START + GATHERING - timedelta(seconds=1)
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert len(recorder.messages) == 4
    clock.turn(seconds=1)
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert recorder.subjects[-1] == ["ingest.3", "ingest.4", "ingest.5", "ingest.6"]


def test_after_a_burst_has_passed_the_next_goes_at_once(ledger: Ledger, clock: Clock) -> None:
    for turn in range(BURST):
        raise_alert(ledger, alert(f"ingest.{turn}"), clock)
    clock.now = START + GATHERING
    raise_alert(ledger, alert("ingest.later"), clock)
    ((_, deliveries),) = [item for item in listed(ledger) if item[0].alert.subject == "ingest.later"]
    assert {delivery.due_at for delivery in deliveries} == {clock.now}
