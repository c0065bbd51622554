"""Connections that can only read: to a SQLite file or a PostgreSQL server, named in the environment.

The password of an address is in no message.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from nightloop.errors import SetupError, SourceDamaged, SourceUnavailable, UsageError

SECONDS = 10


@contextmanager
def read_only_connection(name: str, address: SecretStr) -> Iterator[sa.Connection]:
    """Open a connection that sees one state of the database and cannot change it.

    Args:
        name: of the connection, for messages.
        address: SQLAlchemy address, with its password.

    Raises:
        UsageError: the address cannot be read, or names another database than SQLite or PostgreSQL.
        SourceUnavailable: the database does not answer.
        SourceDamaged: it answers with an error.
    """
    url = _parsed(name, address)
    with _database_errors(name, url):
        engine = _sqlite(name, url) if url.get_backend_name() == "sqlite" else _postgresql(url)
        with engine.connect() as connection:
            yield connection


def _parsed(name: str, address: SecretStr) -> sa.URL:
    try:
        url = sa.make_url(address.get_secret_value())
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):
        backend = "not an address"
    if backend not in ("sqlite", "postgresql"):
        raise UsageError(
            f"the connection '{name}' names {backend}; a source is on SQLite or PostgreSQL.",
            do=f"Write {_address_place(name)} as sqlite:////folder/shop.db or postgresql+psycopg2://reader:password@host/database.",
        )
    return url


def _address_place(name: str) -> str:
    """Say where a person finds the address of a connection."""
    return f"NIGHTLOOP_CONNECTION_{name.upper()} (or Airflow's connection nightloop_{name})"


def _sqlite(name: str, url: sa.URL) -> sa.Engine:
    """Open the file itself as read-only; a file that is not there is not made."""
    path = Path(url.database or "").absolute()
    if not path.is_file():
        raise SourceDamaged(
            f"the database of the connection '{name}' does not exist.",
            where=str(path),
            do=f"Put it there, or correct {_address_place(name)}.",
        )

    def connect() -> sqlite3.Connection:
        opened = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=SECONDS, isolation_level=None)
        opened.execute("PRAGMA query_only = ON")
        return opened

    engine = sa.create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _postgresql(url: sa.URL) -> sa.Engine:
    """Make every transaction of the session read-only, of one state, in UTC."""
    options = (
        "-c default_transaction_read_only=on -c timezone=UTC -c datestyle=ISO -c bytea_output=hex -c intervalstyle=iso_8601"
    )
    try:
        engine = sa.create_engine(
            url,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={"connect_timeout": SECONDS, "options": options, "client_encoding": "utf8"},
        )
    except (ImportError, NoSuchModuleError) as error:
        raise SetupError(f"the database driver is missing ({error}).", do="Install psycopg2-binary.") from error
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def _database_errors(name: str, url: sa.URL) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())[:300]
        for secret in (url.password, *(value for values in url.normalized_query.values() for value in values)):
            if secret:
                reason = reason.replace(str(secret), "***")
        where = url.set(query={}).render_as_string(hide_password=True)
        silent = "locked" in reason if url.get_backend_name() == "sqlite" else isinstance(error, OperationalError)
        if silent:
            raise SourceUnavailable(
                f"the database does not answer ({reason}).",
                where=where,
                do=f"Check {_address_place(name)} and that the database runs, then run the stage again.",
            ) from None
        raise SourceDamaged(
            f"the database refuses to read ({reason}).", where=where, do="Check the rights of the account and the table."
        ) from None
