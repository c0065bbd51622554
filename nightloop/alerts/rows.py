"""The outbox's tables, beside the ledger's, and what their rows hold."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from nightloop.alerts.alert import StoredAlert, alert_of
from nightloop.ledger import Ledger

State = Literal["pending", "delivered", "given up", "no channel"]

metadata = sa.MetaData()
alerts_table = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, index=True),
    sa.Column("raised_at", sa.Text, nullable=False, index=True),
    sa.Column("use_case", sa.Text, nullable=False),
    sa.Column("night", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("covered_by", sa.Text, nullable=False),
    sa.Column("ended_at", sa.Text),
)
deliveries_table = sa.Table(
    "alert_deliveries",
    metadata,
    sa.Column("alert", sa.Text, sa.ForeignKey("alerts.id"), primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", sa.Text, nullable=False),
    sa.Column("leased_by", sa.Text, nullable=False),
    sa.Column("leased_until", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("delivered_at", sa.Text),
)
servers_table = sa.Table(
    "alert_servers",
    metadata,
    sa.Column("server", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("not_before", sa.Text, nullable=False),
)


@dataclass(frozen=True)
class Delivery:
    """How far an alert is on one channel.

    Attributes:
        channel: ``email`` or ``slack``.
        state: ``pending``, ``delivered``, ``given up`` or ``no channel``.
        attempts: tries that failed.
        due_at: instant (UTC) before which it is not tried.
        reason: why it is not delivered, or who refused it.
    """

    channel: str
    state: State
    attempts: int
    due_at: datetime
    reason: str


def instant(moment: datetime) -> str:
    """Write an instant so that texts sort as instants do."""
    return moment.isoformat(timespec="microseconds")


def stored_alert(row: Any) -> StoredAlert:
    """Return the alert that a row holds."""
    ended_at = datetime.fromisoformat(row.ended_at) if row.ended_at else None
    return StoredAlert(row.id, alert_of(row.content), datetime.fromisoformat(row.raised_at), row.covered_by, ended_at)


def make_tables(ledger: Ledger) -> None:
    """Make the outbox's tables in the ledger's database, where they are not there."""
    with ledger.reading() as connection:
        if sa.inspect(connection).has_table(servers_table.name):
            return
    with ledger.transaction() as connection:
        metadata.create_all(connection)
