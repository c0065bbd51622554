"""Where alerts go: people from the use cases, servers from the environment or from who has another place for secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from nightloop.alerts.delivery import Channels
from nightloop.alerts.senders import EmailSender, Sender, SlackSender, SmtpServer
from nightloop.errors import NightloopError, UsageError

if TYPE_CHECKING:
    from nightloop.settings import Settings

Address = TypeVar("Address", SmtpServer, SecretStr)
PORTS = {"smtp": 587, "smtps": 465}
EXAMPLE = "smtp://user:password@mail.example.com:587?from=nightloop@example.com"


@dataclass(frozen=True)
class Addresses:
    """Where the servers of an installation are: a use case's name for a connection -> the server, or why there is none."""

    smtp: Callable[[str], SmtpServer | str]
    slack: Callable[[str], SecretStr | str]


def from_settings(settings: Settings) -> Addresses:
    """Return the servers that NIGHTLOOP_SMTP_URL and NIGHTLOOP_SLACK_URL name, for every use case the same.

    An address that cannot be read is a reason and no error: the other channel is still there.
    """
    smtp = _read(smtp_server, settings.smtp_url, "NIGHTLOOP_SMTP_URL")
    slack = _read(slack_url, settings.slack_url, "NIGHTLOOP_SLACK_URL")
    return Addresses(lambda _: smtp, lambda _: slack)


def _read(reader: Callable[[SecretStr], Address], url: SecretStr | None, variable: str) -> Address | str:
    if url is None or not url.get_secret_value():
        return f"{variable} is not set"
    try:
        return reader(url)
    except UsageError as error:
        return str(error)


def smtp_server(url: SecretStr) -> SmtpServer:
    """Read the address of a mail server.

    Raises:
        UsageError: it is not one; no part of it is in the message, for it may hold a password.
    """
    try:
        parts = urlsplit(url.get_secret_value())
        query = {key: values[-1] for key, values in parse_qs(parts.query, strict_parsing=bool(parts.query)).items()}
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise _unreadable("it is no address") from error
    user = unquote(parts.username or "")
    sender = query.pop("from", user)
    starttls = query.pop("starttls", "always")
    if parts.scheme not in PORTS:
        raise _unreadable("it begins with neither smtp:// nor smtps://")
    if not parts.hostname:
        raise _unreadable("it names no host")
    if starttls not in ("always", "never"):
        raise _unreadable("starttls is always or never")
    if query:
        raise _unreadable(f"it has {', '.join(sorted(query))}, and only from and starttls are known")
    if "@" not in sender:
        raise _unreadable("it names no sender: add ?from=nightloop@…")
    tls = "implicit" if parts.scheme == "smtps" else {"always": "starttls", "never": "none"}[starttls]
    password = SecretStr(unquote(parts.password or ""))
    return SmtpServer(parts.hostname, port, sender, user=user, password=password, tls=tls)


def slack_url(url: SecretStr) -> SecretStr:
    """Check the address of a webhook, and return it.

    Raises:
        UsageError: it is not one; it is not in the message, for it is a secret.
    """
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UsageError(
            "NIGHTLOOP_SLACK_URL cannot be read: it is no http address.",
            do="Copy the webhook's address from Slack: https://hooks.slack.com/services/…",
        )
    return url


def _unreadable(why: str) -> UsageError:
    return UsageError(f"NIGHTLOOP_SMTP_URL cannot be read: {why}.", do=f"Write it as {EXAMPLE}")


def channels_of(definitions: Path, addresses: Addresses) -> Channels:
    """Return who sends for a use case; for "", everybody whom any use case names.

    A use case that cannot be read has no channel for as long as it cannot be.
    """
    from nightloop.definitions import load_use_case, use_case_names

    @cache
    def channels(use_case_name: str) -> Mapping[str, Sender | str]:
        names = [use_case_name] if use_case_name else use_case_names(definitions)
        try:
            declared = [load_use_case(name, definitions).alerts for name in names]
        except NightloopError as error:
            reason = f"the use case cannot be read ({error.what})"
            return {"email": f"e-mail: {reason}", "slack": f"Slack: {reason}"}
        recipients = tuple(sorted({address for alerts in declared for address in alerts.email}))
        smtp = addresses.smtp(declared[0].smtp_connection) if declared else "no use case is declared"
        slack = addresses.slack(declared[0].slack_connection) if declared else "no use case is declared"
        return {"email": _email(smtp, recipients), "slack": f"Slack: {slack}" if isinstance(slack, str) else SlackSender(slack)}

    return channels


def _email(smtp: SmtpServer | str, recipients: tuple[str, ...]) -> Sender | str:
    if not recipients:
        return "e-mail: alerts.email names nobody"
    return f"e-mail: {smtp}" if isinstance(smtp, str) else EmailSender(smtp, recipients)
