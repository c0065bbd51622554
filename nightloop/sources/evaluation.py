"""The SQL that turns records into the declared columns: written, run on DuckDB, and explained when it does not run.

Each expression is wrapped as ``try(struct_pack(v := …))``: the struct is null when the expression fails on a record, and its
``v`` is null when the expression gives null, so a failure of one record is told apart from a missing value and stops no other.
An expression that gives a column as it is stored is not computed: the column itself is taken (see casts/).

The text put together here is the use case's own (declared names match [a-z0-9_]+, expressions are code by intent), never data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from nightloop.definitions.loading import place_in_definition
from nightloop.definitions.use_case import Source
from nightloop.errors import DefinitionError, NightloopError, SourceDamaged
from nightloop.expressions.types import ColumnType
from nightloop.meaning.carrying import is_carried
from nightloop.sources.arrivals import TYPES
from nightloop.sources.casts.reads import columns_read_as_text, columns_taken
from nightloop.sources.casts.stored import as_text, in_type
from nightloop.sources.casts.strict import MACROS, strict
from nightloop.sources.connector import Delivery
from nightloop.sources.text_table import FLAW, OURS, PREFIX, ROW

NIGHT = f"{PREFIX}night"
FAILED = "!"  # prefix of the flag that a column's expression failed; no declared name begins with it
DATED, KNOWN = f"{PREFIX}dated", f"{PREFIX}known"
TRIED = "?"  # prefix of a column's struct: "=" would make the struct of a column named row the record's position

SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}
_ARROW_TYPES = {sql: TYPES[of] for of, sql in SQL_TYPES.items()}
_MISSING = re.compile(r'Referenced column "([^"]+)" not found')


@dataclass(frozen=True)
class Place:
    """Where a source is declared and where its records come from, for messages."""

    definitions: Path
    use_case: str
    source: str
    delivery: Delivery


def taken(source: Source, records: pa.Table | Path) -> dict[str, str]:
    """Return the declared columns that the records hold as they are, by name: which column of the records each is."""
    if isinstance(records, Path):
        return {}
    skip = (NIGHT, "known_at")
    casts = {name: _plain_cast(sql, kind) for name, (sql, kind, _) in expressions(source).items() if name not in skip}
    return columns_taken(casts, records)


def evaluate(source: Source, statement: str, place: Place, held: Mapping[str, str] = {}) -> pa.Table:
    """Return the source's columns, failure flags, ``=nl:row``, ``=nl:flaw`` and (by night) ``=nl:night`` by the statement.

    Args:
        source: what is declared.
        statement: gives the columns that are computed.
        place: of the source, and its records.
        held: the columns that the statement leaves out, as ``taken`` names them.

    Raises:
        SourceDamaged: the file lacks a column that an expression reads.
        DefinitionError: an expression does not parse, or calls what does not exist; shown at its line.
    """
    records = place.delivery.records
    with open_session(_as_read(source, records, held)) as session:
        try:
            rows = session.sql(statement).to_arrow_table()
        except duckdb.Error as error:
            raise _explain(session, source, place, error) from error
    return _with_taken(rows, records, held, source) if isinstance(records, pa.Table) else rows


def _as_read(source: Source, records: pa.Table | Path, held: Collection[str]) -> pa.Table | Path:
    """Return the records with the text of each column that an expression reads as text."""
    if isinstance(records, Path):
        if all(field.type == pa.string() for field in pq.read_schema(records) if field.name != ROW):
            return records
        records = pq.read_table(records)
    casts = {name: _plain_cast(sql, kind) for name, (sql, kind, _) in expressions(source).items() if name not in held}
    return as_text(records, columns_read_as_text(casts, records.drop_columns(list(OURS))))


def _with_taken(rows: pa.Table, records: pa.Table, held: Mapping[str, str], source: Source) -> pa.Table:
    """Append the columns that are taken from the records as they are, of the rows that the statement gave."""
    at, declared = rows.column(ROW), expressions(source)
    all_in_order = len(at) == records.num_rows and bool(np.array_equal(at, np.arange(len(at))))
    for name, column in held.items():
        values = records.column(column) if all_in_order else records.column(column).take(at)
        rows = rows.append_column(name, in_type(values, _ARROW_TYPES[declared[name][1]]))
    return rows


def open_session(text: pa.Table | Path | None = None) -> duckdb.DuckDBPyConnection:
    """Open an empty database in UTC that sees the records as ``text``, if there are any, and no other file."""
    session = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    if isinstance(text, Path):
        folder = str(text.parent).replace("'", "''")
        session.execute(f"SET allowed_directories = ['{folder}/']")
    session.execute("SET enable_external_access = false")
    # What two expressions share would be computed before them, outside of their try(): one record would fail the night.
    session.execute("SET disabled_optimizers = 'common_subexpressions'")
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
    return strict(_plain_cast(sql, kind))


def _plain_cast(sql: str, kind: str) -> str:
    return f"CAST(({sql}\n) AS {kind})"


def snapshot_statement(source: Source, held: Collection[str] = ()) -> str:
    """Return SQL for all records of ``text``: the declared columns but those ``held``, and a failure flag for each."""
    tried, shown = _columns(source, skip=held)
    return f'SELECT "{ROW}", "{FLAW}"{shown} FROM (SELECT "{ROW}", "{FLAW}"{tried} FROM text)'  # noqa: S608 - see above


def nightly_statement(source: Source, time_zone: str, where: str | None, held: Collection[str] = ()) -> str:
    """Return SQL for the records of ``text`` whose night satisfies ``where``, by night; without ``where``, for all of them.

    It leaves out the columns that are ``held``.

    The night is computed for every record, the other columns only for those that stay. ``where`` may read ``"=nl:dated"``, a
    struct that is null, or holds a null ``v``, when the night of a record is not known.
    """
    declared = expressions(source)
    inner = f', {attempt(*declared["known_at"][:2])} AS "{KNOWN}"' if source.known_at else ""
    zone = time_zone.replace("'", "''")
    night = attempt(*declared[NIGHT][:2]) if source.night else attempt(f"timezone('{zone}', \"{KNOWN}\".v)", "DATE")
    tried, shown = _columns(source, skip=(*held, NIGHT, *(["known_at"] if source.known_at else [])))
    order = f' ORDER BY "{NIGHT}" NULLS FIRST, "{ROW}"' if where else ""  # DuckDB gives records in their order by itself
    known = f', "{KNOWN}".v AS "known_at", "{KNOWN}" IS NULL AS "{FAILED}known_at"' if source.known_at else ""
    known_struct = f', "{KNOWN}"' if source.known_at else ""
    return f"""
        WITH landed AS (SELECT *{inner} FROM text),
        dated AS (SELECT *, {night} AS "{DATED}" FROM landed),
        tried AS (SELECT "{ROW}", "{FLAW}", "{DATED}"{known_struct}{tried} FROM dated WHERE {where or "true"})
        SELECT "{ROW}", "{FLAW}", "{DATED}".v AS "{NIGHT}"{shown}{known} FROM tried{order}
    """  # noqa: S608 - see above


def _columns(source: Source, skip: Collection[str]) -> tuple[str, str]:
    """Return the select lists that compute the columns, and that show each with its flag."""
    columns = {name: item for name, item in expressions(source).items() if name not in skip}
    tried = "".join(
        f', {(leniently if is_carried(name) else attempt)(sql, kind)} AS "{TRIED}{name}"'
        for name, (sql, kind, _) in columns.items()
    )
    shown = "".join(f', "{TRIED}{name}".v AS "{name}", "{TRIED}{name}" IS NULL AS "{FAILED}{name}"' for name in columns)
    return tried, shown
