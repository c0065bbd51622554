"""The commands alerts list, test and resend: what was raised and how far it is, whether the channels work, and once more."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from rich.table import Table

from jobs.console import output
from nightloop.alerts import Alert, Delivery, StoredAlert, deliver_due, listed, raise_alert
from nightloop.alerts.addresses import channels_of, from_settings
from nightloop.definitions import load_use_case
from nightloop.errors import StoreUnavailable, UsageError, command
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

Item = tuple[StoredAlert, list[Delivery]]
OPEN = ("pending", "given up")
STYLES = {"delivered": "green", "pending": "yellow", "given up": "red", "no channel": "red"}


def run(options: argparse.Namespace) -> int:
    """Do what is asked: ``list``, ``test`` or ``resend``."""
    workspace = Workspace.open(load_settings())
    actions = {"list": _list, "test": _test, "resend": _resend}
    return actions[options.action](options, workspace)


def _list(options: argparse.Namespace, workspace: Workspace) -> int:
    items = [item for item in listed(workspace.ledger) if not options.undelivered or is_undelivered(item)]
    if options.json:
        print(json.dumps({"alerts": [as_json(item) for item in items]}))  # noqa: T201 - the command's answer
    elif items:
        output.print(_table(items))
    else:
        output.print("every alert was delivered" if options.undelivered else "no alert was raised")
    return 0


def _test(options: argparse.Namespace, workspace: Workspace) -> int:
    """Raise a test alert, and send it.

    Raises:
        UsageError: no channel is configured.
        StoreUnavailable: a server refused it.
    """
    if options.use_case:
        load_use_case(options.use_case, workspace.settings.definitions)
    raised = raise_alert(workspace.ledger, test_alert(options.use_case or ""))
    (item,) = _send(workspace, [raised.id])
    _print(options, [item])
    reasons = [delivery.reason for delivery in item[1]]
    if all(delivery.state == "no channel" for delivery in item[1]):
        do = "Name people in alerts.email of a use case, and set NIGHTLOOP_SMTP_URL or NIGHTLOOP_SLACK_URL (docs/settings.md)."
        raise UsageError(f"there is no channel to people: {'; '.join(reasons)}.", do=do)
    _refuse_where_refused([item], "Mend the address or the server, and test again.")
    return 0


def _resend(options: argparse.Namespace, workspace: Workspace) -> int:
    """Send again, now, what was not delivered: these alerts, or all.

    Raises:
        UsageError: no alert has such an id.
        StoreUnavailable: a server refused one.
    """
    items = {item[0].id: item for item in listed(workspace.ledger)}
    if unknown := [alert_id for alert_id in options.alerts if alert_id not in items]:
        raise UsageError(f"there is no alert {', '.join(unknown)}.", do=f"See their ids: {command('alerts', 'list')}")
    ids = options.alerts or [alert_id for alert_id, item in items.items() if is_undelivered(item)]
    sent = _send(workspace, ids) if ids else []
    _print(options, sent)
    _refuse_where_refused(sent, "It stays in the outbox and is tried again; mend the address or the server.")
    return 0


def test_alert(use_case_name: str) -> Alert:
    """Return an alert that says that it is none."""
    now = datetime.now(UTC)
    return Alert(
        "test",
        use_case_name,
        None,
        "test",
        title="a test of the alerts",
        what=f"Somebody asked for this test at {now:%Y-%m-%d %H:%M:%S} UTC.",
        do="Nothing: that you read it is what was tested.",
        urgency="info",
        means="Alerts reach you here.",
        command=command("alerts", "test", *([use_case_name] if use_case_name else [])),
        run=now.isoformat(),
    )


def is_undelivered(item: Item) -> bool:
    """Tell whether people were not told: a channel still has it or gave it up, or there is no channel at all."""
    states = [delivery.state for delivery in item[1]]
    return any(state in OPEN for state in states) or (bool(states) and all(state == "no channel" for state in states))


def as_json(item: Item) -> Mapping[str, object]:
    """Return plain values for ``--json``."""
    stored, deliveries = item
    return {
        "id": stored.id,
        "raised_at": stored.raised_at.isoformat(),
        "ended_at": stored.ended_at.isoformat() if stored.ended_at else None,
        "kind": stored.alert.kind,
        "use_case": stored.alert.use_case_name,
        "night": str(stored.alert.night) if stored.alert.night else None,
        "subject": stored.alert.subject,
        "urgency": stored.alert.urgency,
        "headline": stored.alert.headline,
        "what": stored.alert.what,
        "covered_by": stored.covered_by or None,
        "channels": {
            item.channel: {
                "state": item.state,
                "attempts": item.attempts,
                "due_at": item.due_at.isoformat(),
                "reason": item.reason,
            }
            for item in deliveries
        },
    }


def _send(workspace: Workspace, ids: Sequence[str]) -> list[Item]:
    settings = workspace.settings
    deliver_due(workspace.ledger, channels_of(settings.definitions, from_settings(settings)), only=ids)
    return listed(workspace.ledger, ids)


def _refuse_where_refused(items: Sequence[Item], do: str) -> None:
    reasons = {delivery.reason for _, deliveries in items for delivery in deliveries if delivery.state in OPEN}
    if reasons:
        raise StoreUnavailable(f"an alert was not delivered: {'; '.join(sorted(reasons))}.", do=do)


def _print(options: argparse.Namespace, items: Sequence[Item]) -> None:
    if options.json:
        print(json.dumps({"alerts": [as_json(item) for item in items]}))  # noqa: T201 - the command's answer
        return
    if not items:
        output.print("nothing to send: every alert was delivered")
    for stored, deliveries in items:
        for delivery in deliveries:
            reason = f": {delivery.reason}" if delivery.reason else ""
            output.print(f"{stored.id}  {delivery.channel:<6} {delivery.state}{reason}", markup=False)


def _table(items: Sequence[Item]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("alert", "raised (UTC)", "what", "e-mail", "Slack"):
        table.add_column(column, no_wrap=column in ("alert", "raised (UTC)"))
    for stored, deliveries in items:
        by_channel = {delivery.channel: _state(delivery) for delivery in deliveries}
        shared = f"see {stored.covered_by}" if stored.covered_by else "-"
        over = " (over)" if stored.ended_at else ""
        cells = (by_channel.get("email", shared), by_channel.get("slack", shared))
        table.add_row(stored.id, f"{stored.raised_at:%Y-%m-%d %H:%M}", f"{stored.alert.headline}{over}", *cells)
    return table


def _state(delivery: Delivery) -> str:
    text = f"{delivery.state} ({delivery.attempts} tries)" if delivery.state in OPEN and delivery.attempts else delivery.state
    return f"[{STYLES[delivery.state]}]{text}[/]"
