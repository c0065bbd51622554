"""Run a source's statement over its text on DuckDB, and explain what is wrong when it does not run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from nightloop.definitions.use_case import Source
from nightloop.definitions.yaml_lines import read_yaml
from nightloop.errors import DefinitionError, NightloopError, SourceDamaged
from nightloop.sources.connector import Delivery
from nightloop.sources.statement import attempt, expressions
from nightloop.sources.text_table import OURS

_MISSING = re.compile(r'Referenced column "([^"]+)" not found')


@dataclass(frozen=True)
class Place:
    """Where a source is declared and where its records come from, for messages."""

    definitions: Path
    use_case: str
    source: str
    delivery: Delivery


def evaluate(source: Source, statement: str, place: Place) -> pa.Table:
    """Return the source's columns, failure flags, ``=row``, ``=flaw`` and (by night) ``=night``, as the statement gives them.

    Raises:
        SourceDamaged: the file lacks a column that an expression reads.
        DefinitionError: an expression does not parse, or calls what does not exist; shown at its line.
    """
    with _session(place.delivery.text) as session:
        try:
            return session.sql(statement).to_arrow_table()
        except duckdb.Error as error:
            raise _explain(session, source, place, error) from error


def _session(text: pa.Table | Path) -> duckdb.DuckDBPyConnection:
    """Open an empty database in UTC that sees the records as ``text``, and no other file."""
    session = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    if isinstance(text, Path):
        folder = str(text.parent).replace("'", "''")
        session.execute(f"SET allowed_directories = ['{folder}/']")
    session.execute("SET enable_external_access = false")
    if isinstance(text, Path):
        session.from_parquet(str(text)).create_view("text")
    else:
        session.register("text", text)
    return session


def _explain(session: duckdb.DuckDBPyConnection, source: Source, place: Place, error: duckdb.Error) -> NightloopError:
    """Find the expression at fault by trying one after the other on no record at all."""
    for name, (sql, kind, path) in expressions(source).items():
        try:
            session.sql(f"SELECT {attempt(sql, kind)} FROM text LIMIT 0").fetchall()  # noqa: S608 - see statement.py
        except duckdb.Error as fault:
            missing = _MISSING.search(str(fault))
            if missing:
                return _column_missing(session, missing[1], name, place.delivery)
            return _wrong(place, path, f"the expression of '{name}' is wrong: {_first_line(fault)}")
    return _wrong(place, (), f"the source cannot be evaluated: {_first_line(error)}")


def _column_missing(session: duckdb.DuckDBPyConnection, column: str, name: str, delivery: Delivery) -> SourceDamaged:
    there = [row[0] for row in session.sql("DESCRIBE text").fetchall() if row[0] not in OURS]
    return SourceDamaged(
        f"the file has no column '{column}', which '{name}' is computed from; its columns: {', '.join(there)}.",
        where=delivery.origin,
        do=f"{delivery.remedy} If the file is as it should be, correct the expression of '{name}' in feature_defs/.",
    )


def _wrong(place: Place, path: tuple[str, ...], what: str) -> DefinitionError:
    file = place.definitions / f"{place.use_case}.yaml"
    line = read_yaml(file.read_text("utf-8"), str(file))[1].of(("sources", place.source, *path)) if file.exists() else 1
    return DefinitionError(
        f"source '{place.source}': {what}",
        where=f"{file.parent.name}/{file.name}:{line}",
        do="Write DuckDB SQL over the columns of the file.",
    )


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]
