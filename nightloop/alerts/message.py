"""What goes out at once: one alert, or many of one kind in one message that lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from nightloop.alerts.alert import URGENCIES, StoredAlert, digest

LISTED_FROM = 3
"""Alerts of one kind that become one message; fewer are sent as they are."""
LISTED_AT_MOST = 100


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        id: the same for the same content, however often it is sent: mail programs show a Message-ID once.
        alerts: what it says, oldest first; of one kind and urgency.
    """

    id: str
    alerts: tuple[StoredAlert, ...]

    @property
    def headline(self) -> str:
        """The subject of the mail."""
        return f"[nightloop] {self.soon}{self.heading}"

    @property
    def soon(self) -> str:
        """How soon to act, as a beginning of the headline; "over: " where every trouble ended before it could be said."""
        if all(stored.ended_at for stored in self.alerts):
            return "over: "
        urgency = self.alerts[0].alert.urgency
        return "" if urgency == "info" else f"{URGENCIES[urgency].lower()}: "

    @property
    def heading(self) -> str:
        """What happened, in one line."""
        alert = self.alerts[0].alert
        if len(self.alerts) == 1:
            return f"{alert.where}: {alert.title}{self._nights}"
        names = ", ".join(sorted({stored.alert.where for stored in self.alerts}))
        return f"{len(self.alerts)} times {alert.kind.replace('_', ' ')}: {shortened(names, 60)}{self._nights}"

    @property
    def _nights(self) -> str:
        nights = sorted(str(item.alert.night) for item in self.alerts if item.alert.night)
        if not nights:
            return ""
        return f", night {nights[0]}" if nights[0] == nights[-1] else f", nights {nights[0]} to {nights[-1]}"


def messages_of(alerts: Sequence[StoredAlert], channel: str) -> Iterator[Message]:
    """Divide alerts for the same readers into messages: many of one kind and urgency into one."""

    def sort(stored: StoredAlert) -> tuple[str, str]:
        return (stored.alert.kind, stored.alert.urgency)

    for _, equal in groupby(sorted(alerts, key=sort), sort):
        group = sorted(equal, key=lambda stored: (stored.raised_at, stored.id))
        size = LISTED_AT_MOST if len(group) >= LISTED_FROM else 1
        for start in range(0, len(group), size):
            part = tuple(group[start : start + size])
            yield Message(message_id(part, channel), part)


def message_id(alerts: Sequence[StoredAlert], channel: str) -> str:
    """Return the name of the message that says these alerts, in this channel."""
    if len(alerts) == 1:
        return f"{alerts[0].id}.{channel}"
    return f"{digest([stored.id for stored in alerts])}.{len(alerts)}.{channel}"


def shortened(text: str, most: int) -> str:
    """Return a text of at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
