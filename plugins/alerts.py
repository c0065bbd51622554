"""Alerts of Airflow's tasks: to a failure, from its callback; to the end of one, when the same task succeeds.

The outbox (nightloop/alerts) holds every alert before it is sent. What cannot be sent now is sent by a later round: of a task
that alerts, of ``deliver_due_alerts``, or of ``python -m jobs alerts``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightloop.alerts import Alert, Sent
    from nightloop.workspace import Workspace

log = logging.getLogger("nightloop.alerts")


def raise_alert(alert: Alert, workspace: Workspace) -> dict[str, str]:
    """Store an alert, send what is due, and return how far this one is: channel -> state.

    Nothing that a mail server or a webhook does is raised: it is logged, stays in the outbox, and is tried again.
    """
    from nightloop import alerts

    stored = alerts.raise_alert(workspace.ledger, alert, workspace.clock)
    if stored.covered_by:
        log.info("%s: no message of its own, for alert %s says why", alert.headline, stored.covered_by)
        return {}
    deliver_due_alerts(workspace)
    ((_, deliveries),) = alerts.listed(workspace.ledger, [stored.id])
    if all(delivery.state == "no channel" for delivery in deliveries):
        log.warning("%s: nobody was told: %s", alert.headline, "; ".join(delivery.reason for delivery in deliveries))
    return {delivery.channel: delivery.state for delivery in deliveries}


def deliver_due_alerts(workspace: Workspace) -> Sent:
    """Send what is due in the outbox, through Airflow's connections or the environment's addresses.

    Any number of processes may call it at any time: an alert is sent by one of them. Cheap where nothing is due (one read).
    """
    from nightloop.alerts import deliver_due
    from nightloop.alerts.addresses import channels_of
    from plugins.delivery import airflow_addresses

    settings = workspace.settings
    channels = channels_of(settings.definitions, airflow_addresses(settings))
    return deliver_due(workspace.ledger, channels, clock=workspace.clock)


def alert_on_failure(context: Mapping[str, Any]) -> None:
    """Record and alert to a task, or a run, that has failed for good (an ``on_failure_callback``)."""
    from nightloop.workspace import Workspace
    from plugins.failures import alert_to, failure_of, is_ones_own_mistake

    workspace = Workspace.open()
    failure = failure_of(context, workspace.ledger)
    if failure is None:
        log.info("no alert goes out: this failure has one already")
        return
    workspace.ledger.record(
        "stage_failed", failure.use_case_name, night=failure.night, subject=failure.subject, payload=failure.payload
    )
    if is_ones_own_mistake(failure):
        log.warning("no alert goes out: who asked for this run reads here what was wrong with the request: %s", failure.what)
        return
    raise_alert(alert_to(failure, workspace.ledger), workspace)


def alert_on_success(context: Mapping[str, Any]) -> None:
    """Note that what was wrong with a task is over, where something was (an ``on_success_callback``)."""
    from nightloop.alerts import end_trouble
    from nightloop.workspace import Workspace
    from plugins.failures import night_of, subject_of

    workspace = Workspace.open()
    use_case_name, subject = subject_of(context)
    if end_trouble(workspace.ledger, use_case_name, [night_of(context)], subject, workspace.clock):
        deliver_due_alerts(workspace)
