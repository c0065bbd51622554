"""Let DuckDB bind the expressions of a source on a table without a record, so that a mistake shows before anything is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from nightloop.definitions.use_case import Source, UseCase
from nightloop.errors import DefinitionError
from nightloop.sources.casts.strict import nodes, parsed
from nightloop.sources.connector import Delivery
from nightloop.sources.evaluation import Place, attempt, expressions, first_line, open_session, wrong


def expression_mistakes(use_case: UseCase, definitions: Path) -> list[DefinitionError]:
    """Return what DuckDB will not compute: functions that do not exist, types that do not go together, bad grammar.

    The columns of a file are not known here: whatever name an expression reads is taken to be one.

    Args:
        use_case: declares the sources.
        definitions: folder of its file, whose lines the mistakes name.
    """
    return [mistake for name, source in use_case.sources.items() for mistake in _of_source(name, source, use_case, definitions)]


def _of_source(name: str, source: Source, use_case: UseCase, definitions: Path) -> Iterator[DefinitionError]:
    declared = expressions(source)
    names = {column.casefold(): column for sql, _, _ in declared.values() for column in _columns(sql)}
    place = Place(definitions, use_case.use_case, name, Delivery(pa.table({}), "", ""))
    quoted = (column.replace('"', '""') for column in names.values())
    columns = ", ".join(f'"{column}" VARCHAR' for column in quoted) or "none VARCHAR"
    with open_session() as session:
        session.execute(f"CREATE TABLE text ({columns})")  # an Arrow table would make DuckDB import pandas
        if _binds(session, ", ".join(attempt(sql, kind) for sql, kind, _ in declared.values())):
            return
        for column, (sql, kind, path) in declared.items():
            try:
                session.execute(f"SELECT {attempt(sql, kind)} FROM text").fetchall()  # noqa: S608 - the definition's own
            except duckdb.Error as error:
                yield wrong(place, path, f"the expression of '{column}' is wrong: {first_line(error)}")


def _binds(session: duckdb.DuckDBPyConnection, expressions: str) -> bool:
    """Whether all expressions bind together: then each does, and one statement has told it."""
    try:
        session.execute(f"SELECT {expressions} FROM text").fetchall()  # noqa: S608 - the definition's own
    except duckdb.Error:
        return False
    return True


def _columns(sql: str) -> Iterator[str]:
    for node in nodes(parsed(sql)):
        if node.get("type") == "COLUMN_REF":
            yield str(node["column_names"][-1])
