"""Read JSON Lines into text columns: a number keeps its digits, a list or object is its JSON text."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

CHUNK = 10_000


class NotJsonLines(Exception):
    """A line that is no JSON object, said with its number."""


def json_lines(content: bytes) -> pa.Table:
    """Return one row a line; a key that a line lacks is null. Columns are in the order they are first met.

    Raises:
        NotJsonLines: a line is no object, has a key twice, or is not UTF-8.
    """
    chunks: list[pa.Table] = []
    records: list[dict[str, str | None]] = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            records.append(_record(line, number))
        if len(records) == CHUNK:
            chunks.append(_table(records))
            records = []
    return pa.concat_tables([*chunks, _table(records)], promote_options="default")


def _table(records: list[dict[str, str | None]]) -> pa.Table:
    names = dict.fromkeys(name for record in records for name in record)
    return pa.table({name: pa.array([record.get(name) for record in records], pa.string()) for name in names})


def _record(line: bytes, number: int) -> dict[str, str | None]:
    try:
        text = line.decode("utf-8")
        fields = json.loads(text, parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_object)
        if not isinstance(fields, dict):
            raise ValueError("it is no object")
        nested = any(isinstance(value, dict | list) for value in fields.values())
        exact = json.loads(text) if nested else {}
        record = {name: value if type(value) is str else _text(value, exact.get(name)) for name, value in fields.items()}
        if b"\\u" in line:  # half of a surrogate pair is no text
            "".join(each or "" for each in (*record, *record.values())).encode()
        return record
    except (ValueError, RecursionError) as error:
        raise NotJsonLines(f"line {number}: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key '{next(name for name in names if names.count(name) > 1)}' is there twice")
    return fields


def _text(value: Any, exact: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(exact, ensure_ascii=False, separators=(",", ":"))
    return None if value is None else str(value)
