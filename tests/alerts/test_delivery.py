"""Who sends what, when: leases, waiting longer and longer, giving up, and servers that are left in peace."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from nightloop.alerts import Sent, deliver_due, listed, raise_alert
from nightloop.alerts.message import Message
from nightloop.alerts.queue import GIVE_UP_AFTER, KEPT_FOR, LEASE, Queue, wait_after
from nightloop.ledger import Ledger
from tests.alerts.outboxes import NIGHT, Clock, NotSent, Recorder, alert, by, states

REFUSED = NotSent("554 no", is_servers=False)
DOWN = NotSent("refused")
BROKEN = NotSent("reset", is_uncertain=True)


def email(ledger: Ledger) -> list[tuple[str, int, str]]:
    """State, attempts and reason of each alert's e-mail."""
    return [
        (item.state, item.attempts, item.reason) for _, items in listed(ledger) for item in items if item.channel == "email"
    ]


def kinds(ledger: Ledger) -> list[str]:
    return [event.kind for event in ledger.events()]


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60), (5000, 60)])
def test_waiting_doubles_up_to_an_hour(failures: int, minutes: int) -> None:
    assert wait_after(failures) == timedelta(minutes=minutes)


def test_a_delivered_alert_is_recorded_and_never_sent_again(ledger: Ledger, clock: Clock) -> None:
    recorder = Recorder()
    stored = raise_alert(ledger, alert(), clock)
    assert deliver_due(ledger, by(email=recorder), clock=clock) == Sent(1, 1, {})
    assert deliver_due(ledger, by(email=recorder), clock=clock, only=[stored.id]) == Sent(0, 0, {})
    (event,) = ledger.events("loans", kind="alert_delivered", night=NIGHT)
    assert event.subject == f"ingest.ingest/{stored.id}/email"
    assert states(ledger) == [("ingest.ingest", {"email": "delivered", "slack": "no channel"})]


def test_a_remark_of_the_server_is_kept(ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recorder, "send", lambda *_: "refused for b@x")
    raise_alert(ledger, alert(), clock)
    deliver_due(ledger, by(email=Recorder()), clock=clock)
    assert email(ledger) == [("delivered", 0, "refused for b@x")]
    assert ledger.events(kind="alert_delivered")[0].payload == {"remark": "refused for b@x"}


def test_a_refused_alert_is_tried_again_later_and_later_and_others_go_meanwhile(ledger: Ledger, clock: Clock) -> None:
    recorder = Recorder(error=REFUSED)
    raise_alert(ledger, alert(), clock)
    assert deliver_due(ledger, by(email=recorder), clock=clock).failed == {"recorder": "554 no"}
    recorder.error = None
    raise_alert(ledger, alert("score.score"), clock)
    clock.turn(seconds=59)
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert recorder.subjects == [["score.score"]] and email(ledger)[0] == ("pending", 1, "554 no")
    clock.turn(seconds=1)
    recorder.error = REFUSED
    deliver_due(ledger, by(email=recorder), clock=clock)
    recorder.error = None
    clock.turn(seconds=119)
    assert deliver_due(ledger, by(email=recorder), clock=clock).messages == 0
    clock.turn(seconds=1)
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert recorder.subjects[1:] == [["ingest.ingest"]]
    assert "alert_undelivered" not in [event.kind for event in ledger.events(night=NIGHT) if "email" in event.subject]


def test_a_server_that_does_not_answer_is_asked_once_a_round_and_left_in_peace(ledger: Ledger, clock: Clock) -> None:
    tries: list[Message] = []

    class Down(Recorder):
        def send(self, message: Message) -> str:
            tries.append(message)
            raise DOWN

    for turn in range(3):
        raise_alert(ledger, alert(kind=f"kind {turn}"), clock)
    deliver_due(ledger, by(email=Down()), clock=clock)
    assert len(tries) == 1
    assert sorted(email(ledger)) == [("pending", 0, "refused"), ("pending", 0, "refused"), ("pending", 1, "refused")]
    clock.turn(seconds=59)
    deliver_due(ledger, by(email=Down()), clock=clock)
    assert len(tries) == 1
    clock.turn(seconds=1)
    deliver_due(ledger, by(email=Down()), clock=clock)
    clock.turn(seconds=119)
    deliver_due(ledger, by(email=Down()), clock=clock)
    assert len(tries) == 2
    clock.turn(seconds=1)
    recorder = Recorder()
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert len(recorder.messages) == 3, "when it answers, everything goes"
    raise_alert(ledger, alert("x"), clock)
    deliver_due(ledger, by(email=Recorder(error=DOWN)), clock=clock)
    clock.turn(minutes=1)
    assert deliver_due(ledger, by(email=recorder), clock=clock).messages == 1, "its failures are counted anew"


def test_one_server_that_is_down_keeps_nothing_from_the_other(ledger: Ledger, clock: Clock) -> None:
    slack = Recorder("slack")
    raise_alert(ledger, alert(), clock)
    deliver_due(ledger, by(email=Recorder(error=DOWN), slack=slack), clock=clock)
    assert states(ledger) == [("ingest.ingest", {"email": "pending", "slack": "delivered"})]


def test_a_message_that_may_have_arrived_keeps_its_name_and_its_alerts(ledger: Ledger, clock: Clock) -> None:
    names: list[str] = []

    class Breaking(Recorder):
        def send(self, message: Message) -> str:
            names.append(message.id)
            raise BROKEN if len(names) != 2 else REFUSED

    for turn in range(6):
        if turn == 3:
            deliver_due(ledger, by(email=Breaking()), clock=clock)
            clock.turn(minutes=30)
        raise_alert(ledger, alert(f"ingest.{turn}"), clock)
        clock.turn(microseconds=1)
    deliver_due(ledger, by(email=Breaking()), clock=clock)
    clock.turn(hours=1)
    recorder = Recorder()
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert sorted(recorder.subjects) == [["ingest.0", "ingest.1", "ingest.2"], ["ingest.3", "ingest.4", "ingest.5"]]
    assert names[0] in [message.id for message in recorder.messages], "a refusal later does not say that it never arrived"


def test_what_surely_did_not_arrive_shares_the_next_message(ledger: Ledger, clock: Clock) -> None:
    for turn in range(3):
        raise_alert(ledger, alert(f"ingest.{turn}"), clock)
        deliver_due(ledger, by(email=Recorder(error=DOWN)), clock=clock)
        clock.turn(minutes=5)
    recorder = Recorder()
    clock.turn(hours=1)
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert recorder.subjects == [["ingest.0", "ingest.1", "ingest.2"]]


@pytest.mark.parametrize(("past", "state"), [(timedelta(0), "delivered"), (timedelta(microseconds=1), "given up")])
def test_what_cannot_be_delivered_is_given_up_after_three_days(
    ledger: Ledger, clock: Clock, past: timedelta, state: str
) -> None:
    stored = raise_alert(ledger, alert(), clock)
    deliver_due(ledger, by(email=Recorder(error=REFUSED)), clock=clock)
    clock.now += GIVE_UP_AFTER + past
    deliver_due(ledger, by(email=Recorder()), clock=clock)
    assert [item[0] for item in email(ledger)] == [state]
    undelivered = [event for event in ledger.events(kind="alert_undelivered") if event.subject.endswith("/email")]
    assert [event.payload for event in undelivered] == ([{"reason": "554 no"}] if state == "given up" else [])
    deliver_due(ledger, by(email=Recorder()), only=[stored.id], clock=clock)
    assert [item[0] for item in email(ledger)] == ["delivered"], "asked for by id, it is sent all the same"


def test_where_nobody_can_be_told_that_is_recorded_once_and_who_can_within_days_still_sends(
    ledger: Ledger, clock: Clock
) -> None:
    raise_alert(ledger, alert(), clock)
    for _ in range(2):
        assert deliver_due(ledger, by(email="e-mail: names nobody"), clock=clock) == Sent(0, 0, {})
    assert kinds(ledger) == ["alert_raised", "alert_undelivered"]
    assert ledger.events()[-1].payload == {"reason": "nobody was told: e-mail: names nobody; Slack: none"}
    recorder = Recorder()
    deliver_due(ledger, by(email=recorder), clock=clock)
    assert states(ledger) == [("ingest.ingest", {"email": "delivered", "slack": "no channel"})]


def test_after_three_days_a_new_channel_sends_no_old_alerts(ledger: Ledger, clock: Clock) -> None:
    raise_alert(ledger, alert(), clock)
    deliver_due(ledger, by(email="e-mail: names nobody"), clock=clock)
    clock.now += GIVE_UP_AFTER + timedelta(microseconds=1)
    assert deliver_due(ledger, by(email=Recorder()), clock=clock).messages == 0
    assert states(ledger) == [("ingest.ingest", {"email": "no channel", "slack": "no channel"})]


def test_a_channel_that_one_process_lacks_is_no_reason_where_another_channel_exists(ledger: Ledger, clock: Clock) -> None:
    raise_alert(ledger, alert(), clock)
    deliver_due(ledger, by(email=Recorder(error=DOWN)), clock=clock)
    assert kinds(ledger) == ["alert_raised"]


def test_rows_go_after_ninety_days_and_the_ledger_stays(ledger: Ledger, clock: Clock) -> None:
    raise_alert(ledger, alert(), clock)
    deliver_due(ledger, by(email=Recorder()), clock=clock)
    clock.now += KEPT_FOR
    deliver_due(ledger, by(), clock=clock)
    assert len(listed(ledger)) == 1
    clock.turn(seconds=1)
    deliver_due(ledger, by(), clock=clock)
    assert (listed(ledger) == [] and kinds(ledger)[:2] == ["alert_raised", "alert_undelivered"]) or kinds(ledger)


def test_readers_of_one_address_share_a_message_and_others_do_not(ledger: Ledger, clock: Clock) -> None:
    ways = {"loans": Recorder(readers="a"), "churn": Recorder(readers="a"), "fraud": Recorder(readers="b")}
    for name in ("loans", "churn", "fraud"):
        for turn in range(2):
            raise_alert(ledger, alert(f"ingest.{turn}", use_case_name=name), clock)
    clock.turn(minutes=10)
    deliver_due(ledger, lambda name: {"email": ways[name], "slack": "none"}, clock=clock)
    sent = [message for way in ways.values() for message in way.messages]
    by_use_case = [sorted(stored.alert.use_case_name for stored in message.alerts) for message in sent]
    assert sorted(by_use_case) == [["churn", "churn", "loans", "loans"], ["fraud"], ["fraud"]]


def test_a_lease_holds_until_its_end(ledger: Ledger, clock: Clock) -> None:
    raise_alert(ledger, alert(), clock)
    routes = [("loans", "email")]
    slow, quick = Queue(ledger, clock), Queue(ledger, clock)
    claimed = slow.claim(routes)
    assert len(claimed) == 1 and quick.claim(routes) == [] and quick.routes(None) == [("loans", "slack")]
    clock.now += LEASE - timedelta(microseconds=1)
    assert quick.claim(routes) == []
    clock.turn(microseconds=1)
    taken = quick.claim(routes)
    assert len(taken) == 1
    message = Message("m", tuple(item.stored for item in claimed))
    assert not slow.hold(message, claimed), "who was too slow must not send"
    assert quick.hold(message, taken)
    slow.failed(claimed, DOWN)
    slow.release(claimed, "late")
    assert email(ledger) == [("pending", 0, "")], "nor change what another holds"


def test_who_lost_a_part_of_a_message_lets_go_of_the_rest(ledger: Ledger, clock: Clock) -> None:
    for turn in range(3):
        raise_alert(ledger, alert(f"ingest.{turn}"), clock)
    slow, quick = Queue(ledger, clock), Queue(ledger, clock)
    claimed = slow.claim([("loans", "email")])
    clock.now += LEASE
    assert quick.hold(Message("n", ()), quick.claim([("loans", "email")], only=[claimed[0].stored.id]))
    assert not slow.hold(Message("m", tuple(item.stored for item in claimed)), claimed)
    assert [item.stored.id for item in quick.claim([("loans", "email")])] == [item.stored.id for item in claimed[1:]]


def test_a_mistake_of_ours_in_one_message_keeps_no_other_from_people(
    ledger: Ledger, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder()

    class Faulty(Recorder):
        def send(self, message: Message) -> str:
            if message.alerts[0].alert.subject == "bad":
                raise KeyError("x")
            return recorder.send(message)

    raise_alert(ledger, alert("bad"), clock)
    raise_alert(ledger, alert("good"), replace(clock, now=clock.now + timedelta(seconds=1)))
    clock.turn(seconds=2)
    deliver_due(ledger, by(email=Faulty()), clock=clock)
    assert recorder.subjects == [["good"]] and email(ledger)[0] == ("pending", 1, "KeyError: 'x'")
    assert logging.ERROR in [record.levelno for record in caplog.records]


def test_a_channel_of_an_unknown_name_is_no_channel(ledger: Ledger, clock: Clock) -> None:
    raise_alert(ledger, alert(), clock)
    deliver_due(ledger, lambda _: {}, clock=clock)
    assert email(ledger) == [("no channel", 0, "email: there is no such channel")]
