"""What tests of the outbox share: a clock to turn, alerts to raise, and ways to the servers on loopback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from nightloop.alerts import Alert, listed
from nightloop.alerts.message import Message
from nightloop.alerts.senders import EmailSender, NotSent, Sender, SlackSender, SmtpServer
from nightloop.ledger import Ledger

NIGHT = date(2013, 4, 3)
START = datetime(2013, 4, 4, 2, 0, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands until it is turned."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **step: float) -> None:
        self.now += timedelta(**step)


def alert(subject: str = "ingest.ingest", **changes: Any) -> Alert:
    """An alert to a failed task."""
    values: dict[str, Any] = {
        "kind": "stage_failed",
        "use_case_name": "loans",
        "night": NIGHT,
        "subject": subject,
        "title": f"{subject} failed",
        "what": f"{subject} broke.",
        "do": "Mend it.",
        "urgency": "now",
    }
    return Alert(**{**values, **changes})


@dataclass
class Recorder:
    """A way to people that keeps what it is given, or refuses it."""

    server: str = "recorder"
    readers: str = "ops"
    error: Exception | None = None
    messages: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> str:
        if self.error is not None:
            raise self.error
        self.messages.append(message)
        return ""

    @property
    def subjects(self) -> list[list[str]]:
        return [[stored.alert.subject for stored in message.alerts] for message in self.messages]


def by(**ways: Sender | str) -> Any:
    """The same channels for every use case; slack has none unless it is given."""
    return lambda _: {"slack": "Slack: none", **ways}


def loopback(mail_port: int, webhook_url: str, seconds: float = 5.0) -> Mapping[str, Sender]:
    """Both channels, to the servers of the test."""
    smtp = SmtpServer("127.0.0.1", mail_port, "nightloop@example.com", tls="none", seconds=seconds)
    return {"email": EmailSender(smtp, ("ops@example.com",)), "slack": SlackSender(SecretStr(webhook_url), seconds=seconds)}


def states(ledger: Ledger) -> list[tuple[str, dict[str, str]]]:
    """Subject and state by channel of every alert."""
    return [
        (stored.alert.subject, {delivery.channel: delivery.state for delivery in deliveries})
        for stored, deliveries in listed(ledger)
    ]


__all__ = ["NIGHT", "START", "Clock", "NotSent", "Recorder", "alert", "by", "loopback", "states"]
