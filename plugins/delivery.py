"""Carry an alert out: e-mail and Slack, through the Airflow connections that the use case names, where they exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.utils import make_msgid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from plugins.alert_text import Alert, html, plain, slack_blocks

if TYPE_CHECKING:
    from nightloop.definitions.use_case import Alerts, UseCase

SECONDS = 15
ATTACHMENT = "alert.txt"
"""The alert in plain text, for a reader without HTML."""


@dataclass(frozen=True)
class Channel:
    """A channel to people: its name in the ledger, and how to send."""

    name: str
    send: Callable[[Alert], None]


def channels(use_case: UseCase) -> tuple[list[Channel], list[str]]:
    """Return the channels that are configured, and for each that is not, why not."""
    alerts = use_case.alerts
    configured: list[Channel] = []
    absent: list[str] = []
    if not alerts.email:
        absent.append("e-mail: alerts.email names nobody")
    elif not connection_exists(alerts.smtp_connection):
        absent.append(f"e-mail: there is no Airflow connection {alerts.smtp_connection}")
    else:
        configured.append(Channel("email", lambda alert: send_email(alert, alerts)))
    if connection_exists(alerts.slack_connection):
        configured.append(Channel("slack", lambda alert: send_slack(alert, alerts)))
    else:
        absent.append(f"Slack: there is no Airflow connection {alerts.slack_connection}")
    return configured, absent


def connection_exists(name: str) -> bool:
    """Tell whether Airflow knows a connection of this name."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return False
    return True


def send_email(alert: Alert, alerts: Alerts) -> None:
    """Send the alert to everybody named: as an HTML page, with its plain text attached.

    The hook opens, secures and authenticates the session as the connection says, and tries again as often as it says.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=alerts.smtp_connection) as hook, TemporaryDirectory() as folder:
        sender = hook.from_email or hook.smtp_user
        if not sender:
            raise ValueError(
                f'connection {alerts.smtp_connection} has no sender: add {{"from_email": "nightloop@…"}} to its extra.'
            )
        attachment = Path(folder) / ATTACHMENT
        attachment.write_text(plain(alert), encoding="utf-8")
        hook.send_email_smtp(
            to=alerts.email,
            from_email=sender,
            subject=alert.headline,
            html_content=html(alert),
            files=[str(attachment)],
            custom_headers={"Message-ID": make_msgid(domain="nightloop"), "X-Nightloop-Alert": alert.key},
        )


def send_slack(alert: Alert, alerts: Alerts) -> None:
    """Post to the incoming webhook; an answer other than 200 is an error."""
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    hook = SlackWebhookHook(slack_webhook_conn_id=alerts.slack_connection, timeout=SECONDS)
    hook.send(text=alert.headline, blocks=slack_blocks(alert))
