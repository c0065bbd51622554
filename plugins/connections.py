"""Addresses of databases and of Spark, from Airflow's connections.

A source says ``connection: shop``; the Airflow connection ``nightloop_shop`` holds host, account and password. The prefix is
the permission: a use case can name no connection that was not made for it. The address goes to the stage as a value, and
is masked in every log; it is put into no environment, no XCom and no error. The environment is asked where Airflow has none.

Spark is the other way round: its connection counts where the environment does not say where Spark is.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from pydantic import SecretStr

from nightloop import settings
from nightloop.errors import UsageError

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from nightloop.settings import Settings

PREFIX = "nightloop_"
DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2", "sqlite": "sqlite"}
PASSED_ON = ("sslmode", "sslrootcert", "sslcert", "sslkey", "application_name", "target_session_attrs")
"""What of a connection's extra goes to PostgreSQL; anything else could undo that the session only reads."""

SPARK = f"{PREFIX}spark"
"""The Airflow connection of Spark Connect: of the type ``spark_connect``, or of any other with a host and a port."""
SPARK_PORT = 15002


def find_connection(name: str) -> Connection | None:
    """Return an Airflow connection; None where Airflow has none of this name."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None


def with_spark(given: Settings) -> Settings:
    """Return the settings with Spark's address of the Airflow connection, where the settings do not give one and there is one.

    Raises:
        UsageError: the connection names no host, or a path.
    """
    if "spark_url" in given.model_fields_set or (connection := find_connection(SPARK)) is None:
        return given
    return given.model_copy(update={"spark_url": spark_address(connection)})


def spark_address(connection: Connection) -> str:
    """Write an Airflow connection as Spark Connect wants it, ``sc://host:port/;user_id=…;token=…;use_ssl=…``.

    Login is the user, password the token (masked in this task's log), ``use_ssl`` of the extra says whether TLS is used: as in
    the type ``spark_connect`` of Airflow's Spark provider.

    Raises:
        UsageError: the connection names no host, or a path.
    """
    from airflow.sdk.log import mask_secret

    host = str(connection.host or "").partition("://")[2] or str(connection.host or "")
    if not host or "/" in host:
        raise UsageError(
            f"the Airflow connection {SPARK} has the host '{connection.host or ''}'.",
            do="Give the host of the Spark Connect server and its port, without a path, or set NIGHTLOOP_SPARK_URL.",
        )
    extra = json.loads(connection.extra) if connection.extra else {}
    given = {"user_id": connection.login, "token": connection.password, "use_ssl": extra.get("use_ssl")}
    parameters = [f"{name}={quote(str(value), safe='')}" for name, value in given.items() if value not in (None, "")]
    if connection.password:
        mask_secret(connection.password)
        mask_secret(quote(connection.password, safe=""))
    port = "" if ":" in host else f":{connection.port or SPARK_PORT}"
    return f"sc://{host}{port}" + (f"/;{';'.join(parameters)}" if parameters else "")


def source_connection(name: str) -> SecretStr:
    """Return the SQLAlchemy address of a source's connection.

    Raises:
        UsageError: neither Airflow nor the environment has it.
    """
    connection = find_connection(f"{PREFIX}{name}")
    return settings.connection(name) if connection is None else address_of(connection)


def address_of(connection: Connection) -> SecretStr:
    """Write an Airflow connection as a SQLAlchemy address, and mask it and its password in this task's log."""
    import sqlalchemy as sa
    from airflow.sdk.log import mask_secret

    conn_type = str(connection.conn_type or "")
    is_file = conn_type == "sqlite"
    extra = json.loads(connection.extra) if connection.extra else {}
    address = sa.URL.create(
        DRIVERS.get(conn_type, conn_type or "unknown"),
        username=None if is_file else connection.login,
        password=None if is_file else connection.password,
        host=None if is_file else connection.host,
        port=None if is_file else connection.port,
        database=(connection.host or connection.schema) if is_file else connection.schema,
        query={key: str(extra[key]) for key in PASSED_ON if key in extra},
    ).render_as_string(hide_password=False)
    if connection.password:
        mask_secret(connection.password)
        mask_secret(address)
    return SecretStr(address)
