"""The connector to a database table: rows as text, a night at a time, in a transaction that can only read.

Values become text by one rule per database: PostgreSQL casts them (session in UTC), SQLite's are written so that nothing is
lost (a number with all its digits, bytes as ``\\x…``). No value that a table holds is ever part of a statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError

from nightloop.definitions.connectors import SqlConnector
from nightloop.errors import SourceDamaged, suggest
from nightloop.nights import Night
from nightloop.sources.connector import Delivery, SourceContext
from nightloop.sources.sql_night import Clock, Statement, clock_of
from nightloop.sources.sql_session import read_only_connection
from nightloop.sources.text_table import check_names, damaged, finished
from nightloop.sources.unpacking import Allowance, TooLarge

ROWS = 10_000
REMEDY = "Mend the table, and run the stage again."


@dataclass(frozen=True)
class Database:
    """One table of a database."""

    declared: SqlConnector
    context: SourceContext

    @property
    def origin(self) -> str:
        """Connection, schema and table."""
        schema = f"{self.declared.schema_}." if self.declared.schema_ else ""
        return f"{self.declared.connection}: {schema}{self.declared.table}"

    def read(self, night: Night | None) -> Delivery | None:
        """Return the rows written in the night, or the whole table.

        Rows whose time of writing cannot be told come with the use case's first night: they are nowhere else.

        Raises:
            UsageError: the connection is not set, or no address.
            SourceDamaged: no such table or column; a value or the whole is larger than allowed.
            SourceUnavailable: the database does not answer.
        """
        with read_only_connection(self.declared.connection, self.context.connection(self.declared.connection)) as connection:
            columns = self._columns(connection)
            names = [str(column["name"]) for column in columns]
            clock = self._clock(connection, columns) if night is not None else None
            statement = self._statement(connection, names)
            if clock and night:
                statement = clock.restrict(statement, night, with_unknown=night == self.context.first_night)
            text = self._text(connection, statement, names, clock, night)
        return Delivery(finished(text, self.declared.maximum_cell_bytes), self.origin, REMEDY) if text.num_rows else None

    def _columns(self, connection: sa.Connection) -> Sequence[Any]:
        inspector, declared = sa.inspect(connection), self.declared
        try:
            columns = inspector.get_columns(declared.table, schema=declared.schema_)
        except NoSuchTableError as error:
            tables = inspector.get_table_names(declared.schema_) + inspector.get_view_names(declared.schema_)
            raise SourceDamaged(
                f"there is no table or view '{declared.table}'.",
                where=self.origin,
                do=suggest(declared.table, tables, "Tables and views"),
            ) from error
        check_names([str(column["name"]) for column in columns], self.origin, REMEDY)
        return columns

    def _clock(self, connection: sa.Connection, columns: Sequence[Any]) -> Clock:
        types = {str(column["name"]): column["type"] for column in columns}
        name = self.declared.incremental or ""
        if name not in types:
            raise SourceDamaged(
                f"the table has no column '{name}', which is declared as incremental.",
                where=self.origin,
                do=suggest(name, types, "Its columns"),
            )
        clock = clock_of(name, types[name], connection.dialect.name, self.context.time_zone)
        if clock is None:
            raise SourceDamaged(
                f"the incremental column '{name}' is of type {types[name]!r} and tells no time.",
                where=self.origin,
                do="Name a column of timestamps, dates, or ISO 8601 texts.",
            )
        return clock

    def _statement(self, connection: sa.Connection, names: Sequence[str]) -> Statement:
        """Name every column of the table, quoted as an identifier whatever its name."""
        columns = [_column(name) for name in names]
        table = sa.table(
            sa.quoted_name(self.declared.table, quote=True),
            *columns,
            schema=sa.quoted_name(self.declared.schema_, quote=True) if self.declared.schema_ else None,
        )
        if connection.dialect.name == "postgresql":
            return sa.select(*(sa.cast(column, sa.Text).label(None) for column in table.c)).select_from(table)
        return sa.select(*table.c).select_from(table)

    def _text(
        self, connection: sa.Connection, statement: Statement, names: list[str], clock: Clock | None, night: Night | None
    ) -> pa.Table:
        """Read the rows in pieces, and bring them in an order of their own: a database promises none."""
        allowance = Allowance(self.declared.maximum_bytes)
        schema = pa.schema([(name, pa.string()) for name in names])
        pieces = []
        for rows in _pieces(connection.execution_options(yield_per=ROWS).execute(statement)):
            records = [row for row in rows if clock is None or night is None or self._belongs(clock, row, names, night)]
            try:
                allowance.take(sum(len(value) for row in records for value in row if value is not None))
            except TooLarge as error:
                raise damaged(self.origin, str(error), "Declare a larger maximum_bytes.") from error
            columns = zip(*records, strict=True) if records else ([] for _ in names)
            pieces.append(pa.record_batch([pa.array(column, pa.string()) for column in columns], schema=schema))
        table = pa.Table.from_batches(pieces, schema)
        return table.sort_by([(name, "ascending") for name in names]) if table.num_rows else table

    def _belongs(self, clock: Clock, row: Sequence[str | None], names: list[str], night: Night) -> bool:
        return clock.belongs(row[names.index(clock.name)], night, self.context.first_night)


def _column(name: str) -> sa.ColumnClause[Any]:
    return sa.column(sa.quoted_name(name, quote=True))


def _pieces(result: sa.CursorResult[Any]) -> Iterator[list[list[str | None]]]:
    for rows in result.partitions():
        yield [[_text(value) for value in row] for row in rows]


def _text(value: Any) -> str | None:
    """Write a value of SQLite as text; what comes from PostgreSQL is text already."""
    if value is None or isinstance(value, str):
        return value
    return "\\x" + value.hex() if isinstance(value, bytes) else repr(value)
