"""The SQL that turns records of text into the declared columns: written, run on DuckDB, and explained when it does not run.

Each expression is wrapped as ``try(struct_pack(v := …))``: the struct is null when the expression fails on a record, and its
``v`` is null when the expression gives null, so a failure of one record is told apart from a missing value and stops no other.

The text put together here is the use case's own (declared names match [a-z0-9_]+, expressions are code by intent), never data.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from nightloop.definitions.loading import place_in_definition
from nightloop.definitions.use_case import Source
from nightloop.errors import DefinitionError, NightloopError, SourceDamaged
from nightloop.expressions.types import ColumnType
from nightloop.meaning.carrying import is_carried
from nightloop.sources.connector import Delivery
from nightloop.sources.strict_casts import MACROS, strict
from nightloop.sources.text_table import FLAW, OURS, ROW

NIGHT = "=night"
FAILED = "!"  # prefix of the flag that a column's expression failed; no declared name begins with it
DATED = "=dated"
TRIED = "?"  # prefix of a column's struct: "=" would make the struct of a column named row the record's position

SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}
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
    with open_session(place.delivery.text) as session:
        try:
            return session.sql(statement).to_arrow_table()
        except duckdb.Error as error:
            raise _explain(session, source, place, error) from error


def open_session(text: pa.Table | Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open an empty database in UTC that sees the records as ``text``, if there are any, and no other file."""
    session = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    if isinstance(text, Path):
        folder = str(text.parent).replace("'", "''")
        session.execute(f"SET allowed_directories = ['{folder}/']")
    session.execute("SET enable_external_access = false")
    session.execute("; ".join(MACROS))
    if isinstance(text, Path):
        session.from_parquet(str(text)).create_view("text")
    elif text is not None:
        session.register("text", text)
    return session


def _explain(session: duckdb.DuckDBPyConnection, source: Source, place: Place, error: duckdb.Error) -> NightloopError:
    """Find the expression at fault by trying one after the other on no record at all."""
    for name, (sql, kind, path) in expressions(source).items():
        try:
            session.sql(f"SELECT {attempt(sql, kind)} FROM text LIMIT 0").fetchall()  # noqa: S608 - see above
        except duckdb.Error as fault:
            missing = _MISSING.search(str(fault))
            if missing:
                return _column_missing(session, missing[1], name, place.delivery)
            return wrong(place, path, f"the expression of '{name}' is wrong: {first_line(fault)}")
    return wrong(place, (), f"the source cannot be evaluated: {first_line(error)}")


def _column_missing(session: duckdb.DuckDBPyConnection, column: str, name: str, delivery: Delivery) -> SourceDamaged:
    columns = [row[0] for row in session.sql("DESCRIBE text").fetchall() if row[0] not in OURS]
    split = next((mark for mark in (";", "\t", "|", ",") if len(columns) == 1 and mark in columns[0]), None)
    near = f" It looks like values between {split!r}: declare csv: {{separator: {split!r}}} of its connector." if split else ""
    return SourceDamaged(
        f"the file has no column '{column}', which '{name}' is computed from; its columns: {', '.join(columns)}.{near}",
        where=delivery.origin,
        do=f"{delivery.remedy} If the file is as it should be, correct the expression of '{name}' in feature_defs/.",
    )


def wrong(place: Place, path: tuple[str, ...], what: str) -> DefinitionError:
    """Return the error of an expression, at its line."""
    return DefinitionError(
        f"source '{place.source}': {what}",
        where=place_in_definition(place.use_case, place.definitions, ("sources", place.source, *path)),
        do="Write DuckDB SQL over the columns of the file.",
    )


def first_line(error: duckdb.Error) -> str:
    """Return what DuckDB says, without what it quotes."""
    return str(error).strip().splitlines()[0]


# --- the statements -----------------------------------------------------------------------------------------------------

Declared = tuple[str, str, tuple[str, ...]]  # SQL, SQL type, path in the source's YAML


def expressions(source: Source) -> dict[str, Declared]:
    """Return every declared expression by the name it gets."""
    declared: dict[str, Declared] = {
        name: (column.sql, SQL_TYPES[column.type], ("columns", name, "expression")) for name, column in source.columns.items()
    }
    if source.event_at:
        declared["event_at"] = (source.event_at, "TIMESTAMPTZ", ("event_at",))
    if source.known_at:
        declared["known_at"] = (source.known_at, "TIMESTAMPTZ", ("known_at",))
    if source.withdrawn:
        declared["withdrawn"] = (source.withdrawn, "BOOLEAN", ("withdrawn",))
    if source.night:
        declared[NIGHT] = (source.night, "DATE", ("night",))
    return declared


def attempt(sql: str, kind: str) -> str:
    """Wrap an expression so that its failure on one record is a null struct."""
    return f"try(struct_pack(v := {_cast(sql, kind)}))"


def leniently(sql: str, kind: str) -> str:
    """Wrap the expression of an older meaning: where it fails it is null, for no record of today is set aside by it."""
    return f"struct_pack(v := try({_cast(sql, kind)}))"


def _cast(sql: str, kind: str) -> str:
    return strict(f"CAST(({sql}\n) AS {kind})")


def snapshot_statement(source: Source) -> str:
    """Return SQL for all records of ``text``: the declared columns and a failure flag for each."""
    tried, shown = _columns(source, skip=())
    return f'SELECT "{ROW}", "{FLAW}"{shown} FROM (SELECT "{ROW}", "{FLAW}"{tried} FROM text) ORDER BY "{ROW}"'  # noqa: S608 - see above


def nightly_statement(source: Source, time_zone: str, where: str) -> str:
    """Return SQL for the records of ``text`` whose night satisfies ``where``.

    The night is computed for every record, the other columns only for those that stay. ``where`` may read ``"=dated"``, a
    struct that is null, or holds a null ``v``, when the night of a record is not known.
    """
    declared = expressions(source)
    inner = f', {attempt(*declared["known_at"][:2])} AS "=known"' if source.known_at else ""
    zone = time_zone.replace("'", "''")
    night = attempt(*declared[NIGHT][:2]) if source.night else attempt(f"timezone('{zone}', \"=known\".v)", "DATE")
    tried, shown = _columns(source, skip=(NIGHT, "known_at") if source.known_at else (NIGHT,))
    known = f', "=known".v AS "known_at", "=known" IS NULL AS "{FAILED}known_at"' if source.known_at else ""
    known_struct = ', "=known"' if source.known_at else ""
    return f"""
        WITH landed AS (SELECT *{inner} FROM text),
        dated AS (SELECT *, {night} AS "{DATED}" FROM landed),
        tried AS (SELECT "{ROW}", "{FLAW}", "{DATED}"{known_struct}{tried} FROM dated WHERE {where})
        SELECT "{ROW}", "{FLAW}", "{DATED}".v AS "{NIGHT}"{shown}{known} FROM tried ORDER BY "{NIGHT}" NULLS FIRST, "{ROW}"
    """  # noqa: S608 - see above


def _columns(source: Source, skip: tuple[str, ...]) -> tuple[str, str]:
    """Return the select lists that compute the columns, and that show each with its flag."""
    columns = {name: item for name, item in expressions(source).items() if name not in skip}
    tried = "".join(
        f', {(leniently if is_carried(name) else attempt)(sql, kind)} AS "{TRIED}{name}"'
        for name, (sql, kind, _) in columns.items()
    )
    shown = "".join(f', "{TRIED}{name}".v AS "{name}", "{TRIED}{name}" IS NULL AS "{FAILED}{name}"' for name in columns)
    return tried, shown
