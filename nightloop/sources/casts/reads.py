"""What the expressions of a source read of a column: its text, or a value that is the same from text and as it is stored.

An expression that casts a column at once (``amount::double``) sees the same value, or fails on the same records, whichever it
is given, for the pairs of kind and type in ``SAME``. What else is done with the value afterwards does not matter. Any other
reading of a column (``trim(x)``, ``x = 'a'``) sees text. A column that is nothing but cast to the type it is stored in need not
be computed at all. tests/sources/casts/test_typed_is_text.py holds both ways equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nightloop.sources.casts.stored import Kind, kind_of
from nightloop.sources.casts.strict import parsed

_NAMES = {
    "INT8": "BIGINT", "LONG": "BIGINT", "INT4": "INTEGER", "INT": "INTEGER", "INT2": "SMALLINT", "SHORT": "SMALLINT",
    "INT1": "TINYINT", "FLOAT8": "DOUBLE", "TEXT": "VARCHAR", "STRING": "VARCHAR", "BOOL": "BOOLEAN", "LOGICAL": "BOOLEAN",
    "DATETIME": "TIMESTAMP", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
}  # fmt: skip
_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64}
_IS_NULL = "IS NULL"
SAME: Mapping[Kind, frozenset[str]] = {
    "integer": frozenset((*_BITS, "DOUBLE", "VARCHAR", _IS_NULL)),
    "number": frozenset(("DOUBLE", _IS_NULL)),
    "boolean": frozenset(("BOOLEAN", "VARCHAR", _IS_NULL)),
    "date": frozenset(("DATE", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR", _IS_NULL)),
    "local": frozenset(("DATE", "TIMESTAMP", "TIMESTAMPTZ", _IS_NULL)),
    "instant": frozenset(("TIMESTAMPTZ", _IS_NULL)),
    "decimal": frozenset(("DOUBLE", _IS_NULL)),
}
"""The types to which a cast of the stored value gives what a cast of its text gives."""

_UNCHANGED: Mapping[Kind, frozenset[str]] = {
    "text": frozenset(("VARCHAR",)),
    "number": frozenset(("DOUBLE",)),
    "boolean": frozenset(("BOOLEAN",)),
    "date": frozenset(("DATE",)),
    "local": frozenset(("TIMESTAMP", "TIMESTAMPTZ")),
    "instant": frozenset(("TIMESTAMPTZ",)),
}

Tree = dict[str, Any]


def columns_read_as_text(expressions: Mapping[str, str], records: pa.Table) -> set[str]:
    """Return the columns whose text some of the expressions reads.

    Args:
        expressions: SQL by the name of what it gives, with the cast to its declared type.
        records: as they were read.
    """
    names = {name.casefold(): name for name in records.column_names}
    as_text: set[str] = set()
    for sql in expressions.values():
        for name, read_as in _reads(tree) if (tree := parsed(sql)) is not None else [(None, "")]:
            column = names.get(name) if name is not None else None
            if column is None:  # the row as a whole, perhaps
                return set(names.values())
            kind = kind_of(records.schema.field(column).type)
            if kind is None or read_as not in SAME.get(kind, ()):
                as_text.add(column)
    return as_text


def columns_taken(expressions: Mapping[str, str], records: pa.Table) -> dict[str, str]:
    """Return the expressions that give a column as it is stored: name -> column.

    Args:
        expressions: SQL by the name of what it gives, with the cast to its declared type.
        records: as they were read.
    """
    names = {name.casefold(): name for name in records.column_names}
    taken = {}
    for name, sql in expressions.items():
        tree = parsed(sql)
        read, casts = _chain(_root(tree)) if tree is not None else (None, [])
        if read in names and _leaves_unchanged(records.column(names[read]), casts):
            taken[name] = names[read]
    return taken


def _root(tree: Tree) -> Tree:
    root: Tree = tree["statements"][0]["node"]["select_list"][0]
    return root


def _chain(node: Tree) -> tuple[str | None, list[str]]:
    """Return the column that is cast, and the types it is cast to, last one first; None where something else is done."""
    casts = []
    while node.get("type") == "OPERATOR_CAST" and not node["try_cast"]:
        casts.append(_type(node))
        node = node["child"]
    return _column(node), casts


def _leaves_unchanged(column: pa.ChunkedArray, casts: list[str]) -> bool:
    kind = kind_of(column.type)
    if kind == "integer":
        return set(casts) == {"DOUBLE"} or all(_fits(column, cast) for cast in casts)
    return kind is not None and _UNCHANGED.get(kind, frozenset()).issuperset(casts)


def _fits(column: pa.ChunkedArray, cast: str) -> bool:
    bits = _BITS.get(cast, 0)
    if bits >= 64 or not bits:  # noqa: PLR2004 - the widest
        return bool(bits)
    limits = pc.min_max(column).as_py()
    return limits["min"] is None or (limits["min"] >= -(2 ** (bits - 1)) and limits["max"] < 2 ** (bits - 1))


def _reads(node: object) -> Iterator[tuple[str | None, str]]:
    """Yield each column that is read (None: perhaps all of them), and as what: a type, ``IS NULL``, or "" for text."""
    if isinstance(node, list):
        for item in node:
            yield from _reads(item)
    if not isinstance(node, dict):
        return
    if node.get("type") == "OPERATOR_CAST" and (column := _column(node["child"])) is not None:
        yield column, _type(node)
    elif node.get("type") in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL") and (column := _column(node["children"][0])):
        yield column, _IS_NULL
    elif node.get("type") == "COLUMN_REF":
        yield _column(node), ""
    elif node.get("type") == "POSITIONAL_REFERENCE":
        yield None, ""
    else:
        yield from _reads(list(node.values()))


def _column(node: Tree) -> str | None:
    """Return the column that a node names, in small letters; None for a node of another kind, or of several parts."""
    names = node["column_names"] if node.get("type") == "COLUMN_REF" else []
    return str(names[0]).casefold() if len(names) == 1 else None


def _type(cast: Tree) -> str:
    """Return DuckDB's name of the type that is cast to; "" for one with parameters, or of several words of its own."""
    of = cast["type_expr"]
    name = str(of.get("type_name", "")).upper()
    return "" if of.get("children") else _NAMES.get(name, name)
