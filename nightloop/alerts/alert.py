"""One thing that a person should hear of: what happened, what it means, what to do, and how soon."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

from nightloop.nights import Night, parse_night

Urgency = Literal["now", "today", "info"]

URGENCIES: dict[Urgency, str] = {"now": "Act now", "today": "Act today", "info": "For information"}
"""``now``: scores will be late or wrong. ``today``: nothing is wrong yet. ``info``: nobody has to do anything."""


@dataclass(frozen=True)
class Alert:
    """What is raised.

    Attributes:
        kind: what alerts of its sort have in common, for example ``stage_failed``; those of one kind share a message.
        use_case_name: whose trouble it is; "" where it is the whole installation's.
        night: the night it is about, if it is about one.
        subject: what it happened to, for example the task ``ingest.ingest``; a success of the same ends the trouble.
        title: what happened, in a few words: the subject of the mail.
        what: what happened, in full.
        do: what to do about it.
        urgency: how soon, by what it means for people.
        means: what follows for scores and for people.
        figure: the figure behind it, with its unit and limit, if there is one.
        link: address of the page to look at (a task, a page, a form).
        command: the same by hand.
        run: tells troubles of no night apart.
        is_waiting: what failed only waited for something that is not there: quiet where that has an alert already.
    """

    kind: str
    use_case_name: str
    night: Night | None
    subject: str
    title: str
    what: str
    do: str
    urgency: Urgency
    means: str = ""
    figure: str = ""
    link: str = ""
    command: str = ""
    run: str = ""
    is_waiting: bool = False

    @property
    def key(self) -> str:
        """The same for the same trouble of the same night, and for nothing else."""
        parts = [self.use_case_name, str(self.night), self.kind, self.subject, self.what, "" if self.night else self.run]
        return digest(parts)

    @property
    def headline(self) -> str:
        """What happened, in one line."""
        return f"{self.where}: {self.title}{f', night {self.night}' if self.night else ''}"

    @property
    def where(self) -> str:
        """The use case, or the installation."""
        return self.use_case_name or "Nightloop"


@dataclass(frozen=True)
class StoredAlert:
    """An alert as the outbox holds it.

    Attributes:
        id: its name for people and in the ledger; the Message-ID of its mail comes from it.
        alert: what was raised.
        raised_at: instant (UTC) at which it was.
        covered_by: id of the open alert that told the cause already; "" where it is sent itself.
        ended_at: instant (UTC) at which the trouble ended; None while it lasts.
    """

    id: str
    alert: Alert
    raised_at: datetime
    covered_by: str = ""
    ended_at: datetime | None = None


def digest(parts: object) -> str:
    """Return 16 hexadecimal digits that depend on every part."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def as_content(alert: Alert) -> str:
    """Return an alert as JSON."""
    return json.dumps({**asdict(alert), "night": str(alert.night) if alert.night else None})


def alert_of(content: str) -> Alert:
    """Return the alert that ``as_content`` wrote; what a newer version added and this one does not know is left out."""
    values: Mapping[str, Any] = json.loads(content)
    known = {field.name for field in fields(Alert)}
    night = parse_night(values["night"]) if values["night"] else None
    return Alert(**{**{name: value for name, value in values.items() if name in known}, "night": night})
