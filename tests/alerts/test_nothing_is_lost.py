"""A broken mail server and a broken webhook lose nothing, and nothing is shown twice: real sockets, both channels."""

from __future__ import annotations

import re
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen

import pytest

from nightloop.alerts import deliver_due, listed, raise_alert
from nightloop.alerts.queue import LEASE
from nightloop.ledger import Ledger
from nightloop.settings import REPOSITORY
from tests.alerts.outboxes import START, Clock, alert, by, loopback, states
from tests.fixtures_alerts import MailServer, Webhook

ALERTS = 500
MODES = ("down", "slow", "refusing", "breaking", "losing", "busy", "up", "refusing", "breaking", "down")
TOKEN = re.compile(r"broke-\d{3}")


def switch(servers: tuple[MailServer, Webhook], mode: str) -> None:
    for server in servers:
        server.stop()
        server.mode = mode
        if mode != "down":
            server.start()


def shown(mail_server: MailServer) -> Counter[str]:
    """How often a reader sees each alert: a mail program shows a Message-ID once."""
    return Counter(token for mail in mail_server.shown for token in set(TOKEN.findall(mail.get_body(("plain",)).get_content())))


def posted(webhook: Webhook) -> Counter[str]:
    """How often each alert is in the room, a post that came twice counted once."""
    posts = {str(post): post for post in webhook.posts}
    return Counter(token for post in posts for token in set(TOKEN.findall(post)))


def open_deliveries(ledger: Ledger) -> int:
    return sum(state == "pending" for _, by_channel in states(ledger) for state in by_channel.values())


def test_five_hundred_alerts_raised_while_servers_break_in_every_way_arrive_once(
    tmp_path: Path, mail_server: MailServer, webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    clock, ledger = Clock(), Ledger(f"sqlite:///{tmp_path}/ledger.db")
    channels = by(**loopback(mail_server.port, webhook.url, seconds=0.1))
    for turn in range(ALERTS):
        if turn % (ALERTS // len(MODES)) == 0:
            switch((mail_server, webhook), MODES[turn * len(MODES) // ALERTS])
        raise_alert(ledger, alert(f"ingest.task{turn % 7}", what=f"broke-{turn:03d}"), clock)
        clock.turn(minutes=2)
        if turn % 5 == 0:
            deliver_due(ledger, channels, clock=clock)
    switch((mail_server, webhook), "up")
    while open_deliveries(ledger) and clock.now < START + timedelta(days=2):
        clock.turn(hours=1)
        deliver_due(ledger, channels, clock=clock)
    for reason in (
        "smtp .*Connection refused",
        "smtp .*timed out",
        "554",
        "451",
        "SMTPServerDisconnected",
        "slack .*TimeoutError",
    ):
        assert re.search(reason, caplog.text), f"the servers never broke in this way: {reason}"
    everything = {f"broke-{turn:03d}": 1 for turn in range(ALERTS)}
    assert shown(mail_server) == everything
    assert posted(webhook) == everything
    assert {state for _, by_channel in states(ledger) for state in by_channel.values()} == {"delivered"}
    kinds = Counter(event.kind for event in ledger.events())
    assert kinds == {"alert_raised": ALERTS, "alert_delivered": 2 * ALERTS}
    assert len(mail_server.shown) < ALERTS / 2, "what repeats shares a message"


def send_at_once(url: str, senders: int, mail_server: MailServer, webhook: Webhook) -> None:
    """Let several senders work on one outbox at the same time, each with its own connections."""
    channels = by(**loopback(mail_server.port, webhook.url))
    begin = threading.Barrier(senders)

    def work() -> None:
        ledger = Ledger(url)
        begin.wait()
        for _ in range(4):
            deliver_due(ledger, channels)

    threads = [threading.Thread(target=work) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database of each kind."""
    return f"sqlite:///{tmp_path}/ledger.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


def test_senders_at_work_at_once_send_every_alert_once(url: str, mail_server: MailServer, webhook: Webhook) -> None:
    ledger = Ledger(url)
    an_hour_ago = Clock(datetime.now(UTC) - timedelta(hours=1))
    for turn in range(24):
        raise_alert(ledger, alert(kind=f"kind {turn // 2}", what=f"broke-{turn:03d}"), an_hour_ago)
    send_at_once(url, 4, mail_server, webhook)
    assert len(mail_server.messages) == len(webhook.posts) == 24
    assert set(shown(mail_server).values()) == set(posted(webhook).values()) == {1}
    assert len(shown(mail_server)) == 24


SENDER = """
import sys
from nightloop.alerts import deliver_due
from nightloop.ledger import Ledger
from tests.alerts.outboxes import by, loopback
way = loopback(int(sys.argv[2]), "http://127.0.0.1:9/", seconds=60)["email"]
deliver_due(Ledger(sys.argv[1]), by(email=way))
"""


def test_what_a_killed_sender_held_is_sent_by_another_when_its_lease_ends(tmp_path: Path, mail_server: MailServer) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger, clock = Ledger(url), Clock(datetime.now(UTC))
    raise_alert(ledger, alert(what="broke-001"))
    mail_server.mode, mail_server.delay = "slow", 60
    sender = Popen([sys.executable, "-c", SENDER, url, str(mail_server.port)], cwd=REPOSITORY)
    assert mail_server.received.wait(30), "the sender never came to the message"
    sender.kill()
    assert sender.wait() == -9
    mail_server.mode = "up"
    way = loopback(mail_server.port, "http://127.0.0.1:9/")["email"]
    clock.now = datetime.now(UTC) + LEASE / 2
    assert deliver_due(ledger, by(email=way), clock=clock).messages == 0, "it is held"
    clock.turn(seconds=LEASE.total_seconds())
    assert deliver_due(ledger, by(email=way), clock=clock).messages == 1
    assert len(mail_server.messages) == 2, "the killed sender had handed it over"
    assert shown(mail_server) == {"broke-001": 1}
    ((_, deliveries),) = listed(ledger)
    assert deliveries[0].state == "delivered"
