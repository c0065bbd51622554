"""Casts of text that lose nothing: 2.5 and 0x10 are no whole numbers, and 23:30-05:00 is the instant it names.

DuckDB's ``text::bigint`` rounds, and its ``text::timestamp`` drops an offset. In the expressions of a source such casts of a
text are replaced: a value that would lose something fails, so that its record is set aside, and an offset is honoured. A cast
of anything else (``round(x::double)::bigint``) does as it says. DuckDB itself parses the expression and writes it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import duckdb

_WHOLE = "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT INT1 INT2 INT4 INT8 SHORT LONG"
_EXACT = frozenset((*_WHOLE.split(), "DECIMAL"))
_TIMES = frozenset(("TIMESTAMP", "DATETIME"))
_OFFSET = r"(?i):\d{2}(\.\d+)?\s*(z|utc|[a-z]+/[a-z_/]+|[+-]\d{2}(:?\d{2}){0,2})\s*$"

CURRENCY = "[$€£¥₹]|EUR|USD|GBP|CHF|kr|zł"
"""Signs of currencies that amounts are read without."""

MACROS = (
    r"""CREATE MACRO number_in(v, thousands, decimals) AS CASE
         WHEN regexp_full_match(v, concat('[+-]?(\d{1,3}([', thousands, ']\d{3})+|\d+)([', decimals, ']\d+)?'))
         THEN translate(translate(v, thousands, ''), decimals, '..')::DOUBLE
         WHEN v IS NOT NULL THEN concat(v, ' is no such number')::DOUBLE END""",
    rf"""CREATE MACRO amount_in(v, thousands, decimals) AS number_in(regexp_replace(regexp_replace(regexp_replace(v,
         '^(-?)({CURRENCY})? ?(-?)([0-9.,]+-?) ?({CURRENCY})?$', '\1\3\4'),
         '^\(({CURRENCY})? ?([0-9.,]+) ?({CURRENCY})?\)$', '-\2'), '^([0-9.,]+)-$', '-\1'), thousands, decimals)""",
    r"""CREATE MACRO day_in(v, months) AS CASE WHEN v IS NOT NULL THEN strptime(concat_ws('-', regexp_extract(v, '\d{4}'),
         list_position(string_split(months, ' '), lower(regexp_extract(v, '\d\.?( de)? (\pL+)', 2))),
         regexp_extract(v, '^\d+')), '%Y-%m-%d')::DATE END""",
    # ``lost`` is a cast that fails: error() is volatile, and try() takes no volatile function.
    # Doubles tell a value from its cast up to 2^53; beyond, a point is what a whole number cannot have.
    """CREATE MACRO "=exact"(v, n, lost) AS CASE
         WHEN typeof(v) <> 'VARCHAR' OR v IS NULL THEN n
         WHEN v::VARCHAR::DOUBLE = n::DOUBLE AND (abs(n::DOUBLE) < 9007199254740992 OR NOT contains(v::VARCHAR, '.')) THEN n
         ELSE lost END""",
    """CREATE MACRO "=instant"(v, n) AS
         CASE WHEN typeof(v) = 'VARCHAR' THEN timezone('UTC', v::VARCHAR::TIMESTAMPTZ) ELSE n END""",
    f"""CREATE MACRO "=local"(v, n) AS CASE
         WHEN typeof(v) = 'VARCHAR' AND regexp_matches(v::VARCHAR, '{_OFFSET}') THEN v::VARCHAR::TIMESTAMPTZ ELSE n END""",
)
"""What a session must know to run what ``strict`` returns: the text, and what DuckDB makes of it."""


@lru_cache(maxsize=4096)
def strict(sql: str) -> str:
    """Return an expression with its casts of text made strict; as it is where none is, or where it does not parse."""
    tree = parsed(sql)
    if tree is None:
        return sql
    changed = _strict(tree["statements"][0]["node"]["select_list"][0])
    if changed is None:
        return sql
    tree["statements"][0]["node"]["select_list"] = [changed]
    written = _parser().cursor().execute("SELECT json_deserialize_sql(?::JSON)", [json.dumps(tree)]).fetchall()[0][0]
    return str(written).removeprefix("SELECT ")


def parsed(sql: str) -> dict[str, Any] | None:
    """Return DuckDB's tree of one expression; None where it does not parse, or is not one."""
    try:
        rows = _parser().cursor().execute("SELECT json_serialize_sql(?::VARCHAR)", [f"SELECT ({sql}\n)"]).fetchall()
    except duckdb.Error:
        return None
    tree: dict[str, Any] = json.loads(rows[0][0])
    return None if tree["error"] or len(tree["statements"]) != 1 else tree


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"autoinstall_known_extensions": "false"})


def nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Yield every node of DuckDB's tree of an expression, outer ones first."""
    if isinstance(tree, dict):
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from nodes(child)


def _strict(node: object) -> Any | None:
    """Return the node with its casts replaced, or None when nothing was."""
    if isinstance(node, list):
        items = [_strict(item) for item in node]
        return [new or old for new, old in zip(items, node, strict=True)] if any(items) else None
    if not isinstance(node, dict):
        return None
    if node.get("function_name") == "timezone" and _is_cast(_argument(node, -1), _TIMES):
        cast = _argument(node, -1)
        return _call("=local", _strict(cast["child"]) or cast["child"], _with_strict_children(cast, node))
    inner = {key: new for key, value in node.items() if (new := _strict(value)) is not None}
    whole = {**node, **inner}
    if _is_cast(node, _EXACT):
        lost = {**whole, "child": _call("concat", whole["child"], _expression("' loses something'"))}
        return _call("=exact", whole["child"], whole, lost)
    if _is_cast(node, _TIMES):
        return _call("=instant", whole["child"], whole)
    return whole if inner else None


def _with_strict_children(cast: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Return a call of timezone whose cast is as it was, but for what is cast."""
    child = {**cast, "child": _strict(cast["child"]) or cast["child"]}
    return {**node, "arguments": [*node["arguments"][:-1], {**node["arguments"][-1], "expression": child}]}


def _argument(node: dict[str, Any], place: int) -> dict[str, Any]:
    expression: dict[str, Any] = node["arguments"][place]["expression"]
    return expression


def _is_cast(node: dict[str, Any], types: frozenset[str]) -> bool:
    if node.get("type") != "OPERATOR_CAST" or node["try_cast"]:
        return False
    return str(node["type_expr"].get("type_name", "")).upper() in types


def _call(name: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    call = _expression(f'"{name}"({", ".join("0" for _ in arguments)})')
    given = [{**place, "expression": argument} for place, argument in zip(call["arguments"], arguments, strict=True)]
    return {**call, "arguments": given}


@cache
def _expression(sql: str) -> dict[str, Any]:
    tree = parsed(sql)
    assert tree is not None  # noqa: S101 - it is written here
    expression: dict[str, Any] = tree["statements"][0]["node"]["select_list"][0]
    return expression
