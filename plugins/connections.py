"""Addresses of databases, from Airflow's connections first and from the environment else.

A source says ``connection: shop``; the Airflow connection ``nightloop_shop`` holds host, account and password. The prefix is
the permission: a use case can name no connection that was not made for it. The address goes to the stage as a value, and
is masked in every log; it is put into no environment, no XCom and no error.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydantic import SecretStr

from nightloop import settings

if TYPE_CHECKING:
    from airflow.sdk import Connection

PREFIX = "nightloop_"
DRIVERS = {"postgres": "postgresql+psycopg2", "postgresql": "postgresql+psycopg2", "sqlite": "sqlite"}
PASSED_ON = ("sslmode", "sslrootcert", "sslcert", "sslkey", "application_name", "target_session_attrs")
"""What of a connection's extra goes to PostgreSQL; anything else could undo that the session only reads."""


def source_connection(name: str) -> SecretStr:
    """Return the SQLAlchemy address of a source's connection.

    Raises:
        UsageError: neither Airflow nor the environment has it.
    """
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = BaseHook.get_connection(f"{PREFIX}{name}")
    except AirflowNotFoundException:
        return settings.connection(name)
    return address_of(connection)


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
