"""The SQL that turns records of text into the declared columns, on DuckDB.

Each expression is wrapped as ``try(struct_pack(v := …))``: the struct is null when the expression fails on a record, and its
``v`` is null when the expression gives null, so a failure of one record is told apart from a missing value and stops no other.

The text put together here is the use case's own (declared names match [a-z0-9_]+, expressions are code by intent), never data.
"""

from __future__ import annotations

from nightloop.definitions.use_case import Source
from nightloop.expressions.types import ColumnType
from nightloop.sources.text_table import FLAW, ROW

NIGHT = "=night"
FAILED = "!"  # prefix of the flag that a column's expression failed; no declared name begins with it
DATED = "=dated"
TRIED = "?"  # prefix of a column's struct: "=" would make the struct of a column named row the record's position

_SQL_TYPES: dict[ColumnType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


Declared = tuple[str, str, tuple[str, ...]]  # SQL, SQL type, path in the source's YAML


def expressions(source: Source) -> dict[str, Declared]:
    """Return every declared expression by the name it gets."""
    found: dict[str, Declared] = {
        name: (column.expression, _SQL_TYPES[column.type], ("columns", name, "expression"))
        for name, column in source.columns.items()
    }
    if source.event_at:
        found["event_at"] = (source.event_at, "TIMESTAMPTZ", ("event_at",))
    if source.known_at:
        found["known_at"] = (source.known_at, "TIMESTAMPTZ", ("known_at",))
    if source.withdrawn:
        found["withdrawn"] = (source.withdrawn, "BOOLEAN", ("withdrawn",))
    if source.night:
        found[NIGHT] = (source.night, "DATE", ("night",))
    return found


def attempt(sql: str, kind: str) -> str:
    """Wrap an expression so that its failure on one record is a null struct."""
    return f"try(struct_pack(v := CAST(({sql}\n) AS {kind})))"


def snapshot_statement(source: Source) -> str:
    """Return SQL for all records of ``text``: the declared columns and a failure flag for each."""
    tried, shown = _columns(source, skip=())
    return f'SELECT "{ROW}", "{FLAW}"{shown} FROM (SELECT "{ROW}", "{FLAW}"{tried} FROM text) ORDER BY "{ROW}"'  # noqa: S608 - see above


def nightly_statement(source: Source, time_zone: str, where: str) -> str:
    """Return SQL for the records of ``text`` whose night satisfies ``where``.

    The night is computed for every record, the other columns only for those that stay. ``where`` may read ``"=dated"``, a
    struct that is null, or holds a null ``v``, when the night of a record cannot be told.
    """
    found = expressions(source)
    inner = f', {attempt(*found["known_at"][:2])} AS "=known"' if source.known_at else ""
    zone = time_zone.replace("'", "''")
    night = attempt(*found[NIGHT][:2]) if source.night else attempt(f"timezone('{zone}', \"=known\".v)", "DATE")
    tried, shown = _columns(source, skip=(NIGHT, "known_at") if source.known_at else (NIGHT,))
    known = f', "=known".v AS "known_at", "=known" IS NULL AS "{FAILED}known_at"' if source.known_at else ""
    kept = ', "=known"' if source.known_at else ""
    return f"""
        WITH landed AS (SELECT *{inner} FROM text),
        dated AS (SELECT *, {night} AS "{DATED}" FROM landed),
        tried AS (SELECT "{ROW}", "{FLAW}", "{DATED}"{kept}{tried} FROM dated WHERE {where})
        SELECT "{ROW}", "{FLAW}", "{DATED}".v AS "{NIGHT}"{shown}{known} FROM tried ORDER BY "{NIGHT}" NULLS FIRST, "{ROW}"
    """  # noqa: S608 - see above


def _columns(source: Source, skip: tuple[str, ...]) -> tuple[str, str]:
    """Return the select lists that compute the columns, and that show each with its flag."""
    found = {name: item for name, item in expressions(source).items() if name not in skip}
    tried = "".join(f', {attempt(sql, kind)} AS "{TRIED}{name}"' for name, (sql, kind, _) in found.items())
    shown = "".join(f', "{TRIED}{name}".v AS "{name}", "{TRIED}{name}" IS NULL AS "{FAILED}{name}"' for name in found)
    return tried, shown
