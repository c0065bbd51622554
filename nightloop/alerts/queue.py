"""Who sends what, when: rows of the outbox are claimed for a while, tried, and tried again later and later.

A claim is a lease: a sender that is killed loses it when it ends, and another goes on. A message whose end is not known (the
connection broke after it was handed over) keeps its rows and its name, so that who got it twice sees it once.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from nightloop.alerts.alert import StoredAlert
from nightloop.alerts.message import Message
from nightloop.alerts.outbox import event_subject
from nightloop.alerts.rows import State, alerts_table, deliveries_table, instant, make_tables, servers_table, stored_alert
from nightloop.alerts.senders import NotSent
from nightloop.ledger import Clock, Ledger

LEASE = timedelta(minutes=5)
"""Longer than any message takes to send: an SMTP session of eight answers, 30 seconds each at most."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(days=3)
KEPT_FOR = timedelta(days=90)

_RELEASED = {"leased_by": "", "leased_until": ""}

Route = tuple[str, str]
"""Use case and channel."""


@dataclass(frozen=True)
class Claimed:
    """A delivery that this sender holds; ``message`` names the message it went into whose end is not known, else ""."""

    stored: StoredAlert
    route: Route
    message: str


def wait_after(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: 1, 2, 4, … minutes, an hour at most."""
    doubled: int = 2 ** min(failures - 1, 10)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)


class Queue:
    """The deliveries of the outbox, as one sender works on them."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        make_tables(ledger)
        self._ledger = ledger
        self._clock = clock
        self._sender = uuid.uuid4().hex

    def routes(self, only: Sequence[str] | None) -> list[Route]:
        """Return the use cases and channels for which something is due."""
        rows = deliveries_table
        query = sa.select(alerts_table.c.use_case, rows.c.channel).distinct().join_from(alerts_table, rows)
        with self._ledger.reading() as connection:
            return sorted((row.use_case, row.channel) for row in connection.execute(query.where(self._is_due(only))))

    def claim(
        self, routes: Sequence[Route], only: Sequence[str] | None = None, states: Sequence[State] | None = None
    ) -> list[Claimed]:
        """Take what is due on these routes, in these states, and nobody else holds, oldest first."""
        rows = deliveries_table
        query = sa.select(alerts_table, rows.c.channel, rows.c.message).join_from(alerts_table, rows)
        on_route = sa.tuple_(alerts_table.c.use_case, rows.c.channel).in_(routes)
        with self._ledger.transaction() as connection:
            is_due = sa.and_(self._is_due(only), on_route, rows.c.state.in_(states) if states else sa.true())
            due = connection.execute(query.where(is_due).order_by(alerts_table.c.raised_at, alerts_table.c.id)).all()
            claimed = [Claimed(stored_alert(row), (row.use_case, row.channel), row.message) for row in due]
            connection.execute(sa.update(rows).where(_are(claimed)).values(self._lease()))
        return claimed

    def hold(self, message: Message, claimed: Sequence[Claimed]) -> bool:
        """Before it is sent: note the message's name and prolong the lease; False where another sender took a part of it."""
        with self._ledger.transaction() as connection:
            if connection.execute(self._held(claimed).values({**self._lease(), "message": message.id})).rowcount == len(
                claimed
            ):
                return True
            for item in claimed:
                connection.execute(self._held([item]).values({**_RELEASED, "message": item.message}))
            return False

    def delivered(self, claimed: Sequence[Claimed], remark: str) -> None:
        """Note that a message arrived, in the ledger too."""
        fresh = {"state": "delivered", "delivered_at": instant(self._clock()), "reason": remark, **_RELEASED}
        with self._ledger.transaction() as connection:
            connection.execute(sa.update(deliveries_table).where(_are(claimed)).values(fresh))
            for item in claimed:
                self._record("alert_delivered", item.stored, item.route[1], {"remark": remark} if remark else {})

    def failed(self, claimed: Sequence[Claimed], error: NotSent) -> None:
        """Note that a message was not sent, and why.

        It keeps its name where it may have arrived, now or in an earlier try, and its alerts stay together: all are due at the
        same time. It waits by itself only where it was refused itself: a server that does not answer rests, and whatever waits
        for it goes when it answers again.
        """
        with self._ledger.transaction() as connection:
            most = sa.select(sa.func.max(deliveries_table.c.attempts)).where(_are(claimed))
            attempts = connection.execute(most).scalar_one() + 1
            fresh = {**_RELEASED, "state": "pending", "attempts": attempts, "reason": error.reason}
            if not error.is_servers:
                fresh["due_at"] = instant(self._clock() + wait_after(attempts))
            if not error.is_uncertain and not any(item.message for item in claimed):
                fresh["message"] = ""
            connection.execute(self._held(claimed).values(fresh))

    def release(self, claimed: Sequence[Claimed], reason: str) -> None:
        """Give back what was not tried."""
        if claimed:
            with self._ledger.transaction() as connection:
                connection.execute(self._held(claimed).values({**_RELEASED, "state": "pending", "reason": reason}))

    def has_no_channel(self, routes: Mapping[Route, str], only: Sequence[str] | None = None) -> None:
        """Note why there is nobody to send to; a process that has a channel within GIVE_UP_AFTER still sends it."""
        claimed = self.claim(list(routes), only, ("pending",)) if routes else []
        for item in claimed:
            with self._ledger.transaction() as connection:
                fresh = {**_RELEASED, "state": "no channel", "reason": routes[item.route]}
                connection.execute(self._held([item]).values(fresh))
                reasons = _reasons_where_none_is_left(connection, item.stored.id)
                if reasons:
                    payload = {"reason": f"nobody was told: {'; '.join(reasons)}"}
                    self._record("alert_undelivered", item.stored, "none", payload)

    def is_resting(self, server: str) -> bool:
        """Tell whether a server that did not answer is left in peace still."""
        rows = servers_table
        query = sa.select(rows.c.server).where(rows.c.server == server, rows.c.not_before > instant(self._clock()))
        with self._ledger.reading() as connection:
            return connection.execute(query).first() is not None

    def rest(self, server: str, *, answers: bool) -> None:
        """Note whether a server answers; one that does not is tried again later and later, whatever there is to send."""
        rows = servers_table
        failed_before = sa.select(rows.c.failures).where(rows.c.server == server)
        with self._ledger.reading() as connection:
            if answers and connection.execute(failed_before).scalar() is None:
                return
        with self._ledger.transaction() as connection:
            failures = connection.execute(failed_before).scalar() or 0
            connection.execute(sa.delete(rows).where(rows.c.server == server))
            if not answers:
                not_before = instant(self._clock() + wait_after(failures + 1))
                connection.execute(sa.insert(rows).values(server=server, failures=failures + 1, not_before=not_before))

    def tidy(self) -> None:
        """Give up what could not be delivered for days, which the ledger records; forget what is long over."""
        now, rows = self._clock(), deliveries_table
        in_vain = sa.and_(
            rows.c.state == "pending",
            alerts_table.c.raised_at < instant(now - GIVE_UP_AFTER),
            rows.c.due_at <= instant(now),
            rows.c.leased_until <= instant(now),
        )
        query = sa.select(alerts_table, rows.c.channel, rows.c.reason).join_from(alerts_table, rows).where(in_vain)
        forgotten = sa.select(alerts_table.c.id).where(alerts_table.c.raised_at < instant(now - KEPT_FOR))
        with self._ledger.reading() as connection:
            if not any(connection.execute(each).first() for each in (query, forgotten)):
                return
        with self._ledger.transaction() as connection:
            for row in connection.execute(query).all():
                item = Claimed(stored_alert(row), (row.use_case, row.channel), "")
                connection.execute(sa.update(rows).where(_are([item])).values(state="given up"))
                self._record("alert_undelivered", item.stored, row.channel, {"reason": row.reason})
            connection.execute(sa.delete(rows).where(rows.c.alert.in_(forgotten)))
            connection.execute(sa.delete(alerts_table).where(alerts_table.c.raised_at < instant(now - KEPT_FOR)))

    def _is_due(self, only: Sequence[str] | None) -> sa.ColumnElement[bool]:
        """Say what may be claimed: what waits and has its time; of alerts asked for by id, whatever was not delivered."""
        rows, now = deliveries_table, self._clock()
        is_free = rows.c.leased_until <= instant(now)
        if only is not None:
            return sa.and_(is_free, rows.c.state != "delivered", rows.c.alert.in_(only))
        waits = rows.c.state.in_(("pending", "no channel"))
        return sa.and_(is_free, waits, rows.c.due_at <= instant(now), alerts_table.c.raised_at >= instant(now - GIVE_UP_AFTER))

    def _lease(self) -> dict[str, str]:
        return {"leased_by": self._sender, "leased_until": instant(self._clock() + LEASE)}

    def _held(self, claimed: Sequence[Claimed]) -> sa.Update:
        """Begin a change of deliveries that this sender still holds; what another took meanwhile stays as it is."""
        return sa.update(deliveries_table).where(_are(claimed), deliveries_table.c.leased_by == self._sender)

    def _record(self, kind: str, stored: StoredAlert, channel: str, payload: Mapping[str, Any]) -> None:
        subject = f"{event_subject(stored)}/{channel}"
        self._ledger.record(
            kind, stored.alert.use_case_name, night=stored.alert.night, subject=subject, payload=payload, once=True
        )


def _are(claimed: Sequence[Claimed]) -> sa.ColumnElement[bool]:
    """Say which rows these deliveries are."""
    by_channel: dict[str, list[str]] = {}
    for item in claimed:
        by_channel.setdefault(item.route[1], []).append(item.stored.id)
    rows = deliveries_table
    return sa.or_(
        sa.false(), *(sa.and_(rows.c.channel == channel, rows.c.alert.in_(ids)) for channel, ids in by_channel.items())
    )


def _reasons_where_none_is_left(connection: sa.Connection, alert_id: str) -> list[str]:
    """Return why no channel of an alert exists; nothing while one may still deliver it."""
    rows = deliveries_table
    query = sa.select(rows.c.state, rows.c.reason).where(rows.c.alert == alert_id).order_by(rows.c.channel)
    states = connection.execute(query).all()
    return [row.reason for row in states] if all(row.state == "no channel" for row in states) else []
