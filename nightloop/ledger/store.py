"""The database under the ledger: one append-only table on SQLite or PostgreSQL, one writer at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from nightloop.atomic_file import make_private
from nightloop.errors import SetupError, StoreUnavailable, UsageError

BUSY_SECONDS = 60
# Any number will do, as long as every writer of ledgers in this database takes the same.
ADVISORY_LOCK = 0x4E49474854

metadata = sa.MetaData()
events_table = sa.Table(
    "ledger_events",
    metadata,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("recorded_at", sa.Text, nullable=False),
    sa.Column("use_case", sa.Text, nullable=False),
    sa.Column("night", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False, unique=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Index("ledger_events_by_kind", "use_case", "kind", "night"),
)

_APPEND_ONLY = {
    "sqlite": [
        f"CREATE TRIGGER IF NOT EXISTS ledger_events_no_{what} BEFORE {what} ON ledger_events "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for what in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION ledger_events_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
        "CREATE OR REPLACE TRIGGER ledger_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_events_refuse()",
    ],
}


class LedgerStore:
    """Connections to the ledger's table, for reading or for writing alone."""

    def __init__(self, url: str) -> None:
        parsed = _parse(url)
        self._url = parsed
        self.place = parsed.render_as_string(hide_password=True)
        self._dialect = parsed.get_backend_name()
        if self._dialect == "sqlite":
            self._make_file(Path(parsed.database or ""))
        self._engine = _engine(parsed)
        self._make_table()

    def label(self, home: Path) -> str:
        """Return a name for files about this ledger in ``home``: it moves with the folder where the ledger lies in it."""
        database = self._url.database or ""
        if self._dialect == "sqlite":
            within = Path(database).absolute()
            database = str(within.relative_to(home.absolute()) if within.is_relative_to(home.absolute()) else within)
        parts = (self._url.host, self._url.port, database)
        return re.sub(r"[^\w.]+", "-", " ".join(str(part) for part in parts if part)).strip("-")

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Open a connection that sees one state."""
        with self._database_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that no other writer is in; it commits at the end, or not at all."""
        with self._database_errors(), self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            if self._dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            yield connection

    def _make_table(self) -> None:
        with self.reading() as connection:
            if sa.inspect(connection).has_table(events_table.name):
                return
        if self._dialect == "sqlite":
            self._allow_readers_beside_a_writer()
        with self.writing() as connection:
            if sa.inspect(connection).has_table(events_table.name):
                return
            metadata.create_all(connection, checkfirst=False)
            for statement in _APPEND_ONLY[self._dialect]:
                connection.exec_driver_sql(statement)

    def _allow_readers_beside_a_writer(self) -> None:
        """Switch SQLite to its write-ahead log; the file remembers. The switch itself does not wait for locks, so we do."""
        give_up = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                with self._database_errors(), self._engine.connect() as connection:
                    connection.connection.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
                return
            except StoreUnavailable as error:
                if time.monotonic() > give_up or "locked" not in str(error):
                    raise
                time.sleep(0.05)

    def _make_file(self, path: Path) -> None:
        try:
            make_private(path)
        except OSError as error:
            raise self._unavailable(error.strerror or str(error)) from error

    @contextmanager
    def _database_errors(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            raise self._unavailable(str(error.orig).strip()) from error.orig
        except DBAPIError as error:
            raise self._unavailable(f"{type(error.orig).__name__}: {str(error.orig).strip()}") from error.orig

    def _unavailable(self, reason: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"the ledger cannot be read or written ({' '.join(reason.split())}).",
            where=self.place,
            do="Check NIGHTLOOP_LEDGER_URL and that the database runs and may be written, then run the stage again.",
        )


def _parse(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        backend = "not an address"
    if backend not in _APPEND_ONLY:
        raise UsageError(
            f"NIGHTLOOP_LEDGER_URL names {backend}; a ledger is on SQLite or PostgreSQL.",
            do="Write it as sqlite:////folder/ledger.db or postgresql+psycopg2://user:password@host/database.",
        )
    return parsed


def _engine(parsed: sa.URL) -> sa.Engine:
    """Make the engine; a connection per use, for stages are short processes and forked ones must share none."""
    sqlite = parsed.get_backend_name() == "sqlite"
    arguments: dict[str, Any] = {"timeout": BUSY_SECONDS} if sqlite else {"connect_timeout": 5}
    try:
        engine = sa.create_engine(parsed, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    except (ImportError, NoSuchModuleError) as error:
        raise SetupError(f"the ledger's database driver is missing ({error}).", do="Install psycopg2-binary.") from error
    if sqlite:
        sa.event.listen(engine, "connect", _begin_ourselves)
        sa.event.listen(engine, "begin", _begin)
    return engine


def _begin_ourselves(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _begin(connection: sa.Connection) -> None:
    """Take SQLite's write lock at the start: a read that turns into a write could not wait for it."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
