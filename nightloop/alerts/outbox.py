"""The outbox: every alert is a row here before it is sent, beside the ledger and in one transaction with its event.

Two alerts of one trouble are one row. What only waits for a trouble that has an alert is stored and not sent. When the trouble
ends, who was alerted hears of that too.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from nightloop.alerts.alert import Alert, StoredAlert, as_content, digest
from nightloop.alerts.rows import Delivery, alerts_table, deliveries_table, instant, make_tables, stored_alert
from nightloop.ledger import Clock, Ledger
from nightloop.nights import Night, utc_now

NOTICES = (
    "over",
    "test",
    "verdict_failed",
    "retrain_decided",
    "person_asked",
    "approval_asked",
    "champion_changed",
    "alias_moved",
)
"""Kinds for which nothing stands still: no task waits for them, and no success ends them."""
FLOW = ("ingest", "features", "score", "monitor", "report", "train", "bootstrap")
"""Families in the order in which one waits for another."""
CHANNELS = ("email", "slack")
BURST = 3
"""Alerts of one kind that are sent one by one; more of them within GATHERING wait for one message."""
GATHERING = timedelta(minutes=10)


def raise_alert(ledger: Ledger, alert: Alert, clock: Clock = utc_now) -> StoredAlert:
    """Store an alert and record it in the ledger, and return it as stored; ``deliver_due`` sends it.

    While the same trouble lasts, the alert that stands is returned: nobody is alerted twice. Call it from any process.

    Raises:
        StoreUnavailable: the ledger's database cannot be written.
    """
    make_tables(ledger)
    with ledger.transaction() as connection:
        return _open(connection, alert.key) or _store(ledger, connection, alert, clock(), CHANNELS)


def end_trouble(
    ledger: Ledger, use_case_name: str, nights: Container[Night | None], subject: str, clock: Clock = utc_now
) -> list[StoredAlert]:
    """Note that what was wrong with a subject on these nights is over, and return the alerts that end so.

    Who got the alert gets a notice; who did not get it yet gets neither the alarm nor the notice but the alert marked as over.

    Args:
        ledger: beside which the outbox stands.
        use_case_name: whose trouble it was.
        nights: ``[night]``, a range, or ``[None]`` for troubles of no night.
        subject: as in ``ingest.ingest``; the family alone stands for all of its tasks.
        clock: for tests.
    """
    with ledger.reading() as connection:  # nearly always nothing is wrong: do not make other writers wait to learn that
        if not sa.inspect(connection).has_table(alerts_table.name):
            return []
        if not _of_subject(connection, use_case_name, nights, subject):
            return []
    with ledger.transaction() as connection:
        ended = _of_subject(connection, use_case_name, nights, subject)
        for stored in ended:
            _end(ledger, connection, stored, clock())
        return ended


def listed(ledger: Ledger, only: Sequence[str] | None = None) -> list[tuple[StoredAlert, list[Delivery]]]:
    """Return every alert of the outbox, or those of these ids, oldest first, with how far each is on each channel."""
    make_tables(ledger)
    query = sa.select(alerts_table).order_by(alerts_table.c.raised_at, alerts_table.c.id)
    deliveries = sa.select(deliveries_table).order_by(deliveries_table.c.channel)
    if only is not None:
        query, deliveries = query.where(alerts_table.c.id.in_(only)), deliveries.where(deliveries_table.c.alert.in_(only))
    with ledger.reading() as connection:
        alerts = [stored_alert(row) for row in connection.execute(query)]
        by_alert: dict[str, list[Delivery]] = {}
        for row in connection.execute(deliveries):
            due_at = datetime.fromisoformat(row.due_at)
            by_alert.setdefault(row.alert, []).append(Delivery(row.channel, row.state, row.attempts, due_at, row.reason))
    return [(stored, by_alert.get(stored.id, [])) for stored in alerts]


def _open(connection: sa.Connection, key: str) -> StoredAlert | None:
    query = sa.select(alerts_table).where(alerts_table.c.key == key, alerts_table.c.ended_at.is_(None))
    row = connection.execute(query).first()
    return stored_alert(row) if row else None


def _of_subject(
    connection: sa.Connection, use_case_name: str, nights: Container[Night | None], subject: str
) -> list[StoredAlert]:
    """Return the open alerts of a subject, or of all subjects of a family."""
    rows = alerts_table
    query = sa.select(rows).where(
        rows.c.use_case == use_case_name,
        rows.c.ended_at.is_(None),
        rows.c.kind.not_in(NOTICES),
        sa.or_(rows.c.subject == subject, rows.c.subject.startswith(f"{subject}.", autoescape=True)),
    )
    opened = [stored_alert(row) for row in connection.execute(query.order_by(rows.c.raised_at))]
    return [stored for stored in opened if stored.alert.night in nights]


def _store(ledger: Ledger, connection: sa.Connection, alert: Alert, now: datetime, channels: Sequence[str]) -> StoredAlert:
    """Insert an alert with a delivery a channel, unless another tells its cause; record it."""
    times = sa.select(sa.func.count()).where(alerts_table.c.key == alert.key)
    occurrence = connection.execute(times).scalar_one()
    stored = StoredAlert(digest([alert.key, occurrence]), alert, now, _cause(connection, alert))
    row = {
        "id": stored.id,
        "key": alert.key,
        "raised_at": instant(now),
        "use_case": alert.use_case_name,
        "night": str(alert.night) if alert.night else None,
        "kind": alert.kind,
        "subject": alert.subject,
        "content": as_content(alert),
        "covered_by": stored.covered_by,
    }
    due_at = _due_at(connection, alert, now)
    connection.execute(sa.insert(alerts_table).values(row))
    for channel in () if stored.covered_by else channels:
        connection.execute(
            sa.insert(deliveries_table).values({**_FRESH, "alert": stored.id, "channel": channel, "due_at": due_at})
        )
    if not stored.covered_by:
        payload = {"headline": alert.headline, "what": alert.what, "do": alert.do, "link": alert.link}
        ledger.record("alert_raised", alert.use_case_name, night=alert.night, subject=event_subject(stored), payload=payload)
    return stored


def event_subject(stored: StoredAlert) -> str:
    """Return what the ledger's events about an alert are about."""
    return f"{stored.alert.subject}/{stored.id}"


_FRESH: dict[str, Any] = {
    "state": "pending",
    "attempts": 0,
    "leased_by": "",
    "leased_until": "",
    "message": "",
    "reason": "",
}


def _cause(connection: sa.Connection, alert: Alert) -> str:
    """Return the id of the open alert that says already why this one waits; "" where there is none, or it does not wait."""
    if not alert.is_waiting:
        return ""
    rows = alerts_table
    query = sa.select(rows.c.id, rows.c.night, rows.c.subject).where(
        rows.c.use_case == alert.use_case_name,
        rows.c.kind.not_in(NOTICES),
        rows.c.ended_at.is_(None),
        rows.c.covered_by == "",
        rows.c.night.is_not(None),
    )
    nights = {str(alert.night), *re.findall(r"\d{4}-\d\d-\d\d", alert.what)}
    causes = (row for row in connection.execute(query) if row.night in nights)
    return next((row.id for row in causes if _place(row.subject) <= _place(alert.subject)), "")


def _place(subject: str) -> int:
    """Return where a subject's family stands in FLOW; 0 for one that is not in it."""
    family = subject.partition(".")[0]
    return FLOW.index(family) if family in FLOW else 0


def _due_at(connection: sa.Connection, alert: Alert, now: datetime) -> str:
    """Return when to send: at once, or, in a burst of one kind, when GATHERING has passed since the burst began."""
    rows = alerts_table
    query = sa.select(rows.c.raised_at).where(
        rows.c.kind == alert.kind, rows.c.covered_by == "", rows.c.raised_at > instant(now - GATHERING)
    )
    burst = connection.execute(query.order_by(rows.c.raised_at)).scalars().all()
    if len(burst) < BURST:
        return instant(now)
    return instant(datetime.fromisoformat(burst[0]) + GATHERING)


def _end(ledger: Ledger, connection: sa.Connection, stored: StoredAlert, now: datetime) -> None:
    rows = deliveries_table
    connection.execute(sa.update(alerts_table).where(alerts_table.c.id == stored.id).values(ended_at=instant(now)))
    reached = sa.select(rows.c.channel).where(rows.c.alert == stored.id, rows.c.state == "delivered")
    gave_up_waiting = sa.select(alerts_table).where(alerts_table.c.covered_by == stored.id, alerts_table.c.ended_at.is_(None))
    left = [stored_alert(row) for row in connection.execute(gave_up_waiting.order_by(alerts_table.c.raised_at))]
    if channels := connection.execute(reached.order_by(rows.c.channel)).scalars().all():
        _store(ledger, connection, over(stored, now, left), now, channels)


def over(stored: StoredAlert, now: datetime, left: Sequence[StoredAlert]) -> Alert:
    """Return the notice that a trouble has ended; ``left`` are the tasks that gave up waiting for it meanwhile."""
    alert = stored.alert
    minutes = round((now - stored.raised_at).total_seconds() / 60)
    lasted = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004 - an hour
    failed = ", ".join(f"{item.alert.subject} of {item.alert.night}" for item in left)
    return Alert(
        kind="over",
        use_case_name=alert.use_case_name,
        night=alert.night,
        subject=alert.subject,
        title=f"over: {alert.title}",
        what=f"{alert.subject} has succeeded. What was wrong: {alert.what}",
        do=f"Clear what gave up waiting for it: {failed}." if left else "Nothing.",
        urgency="today" if left else "info",
        means="" if left else "What waited for it goes on by itself.",
        figure=f"It lasted {lasted}.",
        link=alert.link,
        run=stored.id,
    )
