"""Where alerts go from a task: the Airflow connections that the use case names, else what the environment says."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from nightloop.alerts.addresses import Addresses, from_settings
from nightloop.alerts.senders import SECONDS, SmtpServer
from plugins.connections import find_connection

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from nightloop.settings import Settings

SLACK = "https://hooks.slack.com/services"
SMTP_PORT, SMTPS_PORT = 587, 465


def airflow_addresses(settings: Settings) -> Addresses:
    """Return the servers that Airflow's connections name, or, where there is no such connection, the environment."""
    environment = from_settings(settings)
    return Addresses(partial(_smtp, environment), partial(_slack, environment))


def _smtp(environment: Addresses, name: str) -> SmtpServer | str:
    connection = find_connection(name)
    return _or_reason(name, environment.smtp(name)) if connection is None else smtp_server(connection)


def _slack(environment: Addresses, name: str) -> SecretStr | str:
    connection = find_connection(name)
    return _or_reason(name, environment.slack(name)) if connection is None else slack_url(connection)


def _or_reason(name: str, address: Any) -> Any:
    return f"there is no Airflow connection {name}, and {address}" if isinstance(address, str) else address


def smtp_server(connection: Connection) -> SmtpServer | str:
    """Read a connection of the type ``smtp`` as Airflow's own hook does, or return what it lacks."""
    extra = connection.extra_dejson
    sender = extra.get("from_email") or connection.login
    if not connection.host:
        return f"connection {connection.conn_id} names no host"
    if not sender:
        return f'connection {connection.conn_id} has no sender: add {{"from_email": "nightloop@…"}} to its extra'
    if extra.get("auth_type", "basic") != "basic":
        return f"connection {connection.conn_id} asks for {extra['auth_type']}: give a login and a password"
    tls = "starttls" if not _is_set(extra, "disable_tls") else "none"
    tls = "implicit" if not _is_set(extra, "disable_ssl") else tls
    return SmtpServer(
        connection.host,
        connection.port or (SMTPS_PORT if tls == "implicit" else SMTP_PORT),
        sender,
        user=connection.login or "",
        password=SecretStr(connection.password or ""),
        tls=tls,
        verify=extra.get("ssl_context") != "none",
        seconds=min(float(extra.get("timeout") or SECONDS), SECONDS),
    )


def _is_set(extra: dict[str, Any], key: str) -> bool:
    return str(extra.get(key, False)).lower() in ("true", "1")


def slack_url(connection: Connection) -> SecretStr:
    """Return the webhook of a connection of the type ``slackwebhook``: its password is the address, or the end of it."""
    token = (connection.password or "").strip()
    if "://" in token:
        return SecretStr(token)
    host = connection.host or SLACK
    base = host if "://" in host else f"{connection.schema or 'https'}://{host}"
    return SecretStr(f"{base.rstrip('/')}/{token.lstrip('/')}".rstrip("/"))
