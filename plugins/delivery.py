"""Carry an alert out: e-mail and Slack, through the Airflow connections that the use case names, where they exist."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING

from plugins.alert_text import Alert, html, plain, slack_blocks

if TYPE_CHECKING:
    import smtplib

    from nightloop.definitions.use_case import Alerts, UseCase

SECONDS = 15


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
    """Send a message with a plain and an HTML body to everybody named.

    The hook opens, secures and authenticates the session as the connection says. Its public ``send_email_smtp`` knows HTML
    bodies only and would make the plain text an attachment, so the message goes through the session it opened.
    """
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=alerts.smtp_connection) as hook:
        sender = hook.from_email or hook.smtp_user
        if not sender:
            raise ValueError(
                f'connection {alerts.smtp_connection} has no sender: add {{"from_email": "nightloop@…"}} to its extra.'
            )
        session: smtplib.SMTP = hook._smtp_client  # opened by entering the block
        session.send_message(email_message(alert, sender, alerts.email))


def email_message(alert: Alert, sender: str, recipients: list[str]) -> EmailMessage:
    """Compose the message."""
    message = EmailMessage()
    message["Subject"] = alert.headline
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain="nightloop")
    message["X-Nightloop-Alert"] = alert.key
    message.set_content(plain(alert))
    message.add_alternative(html(alert), subtype="html")
    return message


def send_slack(alert: Alert, alerts: Alerts) -> None:
    """Post to the incoming webhook; an answer other than 200 is an error."""
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    hook = SlackWebhookHook(slack_webhook_conn_id=alerts.slack_connection, timeout=SECONDS)
    hook.send(text=alert.headline, blocks=slack_blocks(alert))
