"""Remember what Great Expectations found for a table, so that the same table is not judged twice.

Kept in HOME/cache/verdicts, one file by the digest of everything a verdict depends on: the rules, the night's parameters,
the rows in their order, and the versions of the libraries. Re-runs and unchanged snapshots then need no import of the library.
Safe to delete at any time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from nightloop.contracts import library
from nightloop.contracts.library import Result
from nightloop.contracts.limits import Parameter
from nightloop.contracts.suite import Rule

_FORMAT = "verdicts-1"  # part of the key: raise it when Result or the conversion to pandas changes


def results(rules: Sequence[Rule], table: pa.Table, numbers: Mapping[str, Parameter], cache: Path) -> list[Result]:
    """Return the results of ``library.run``, from the cache where the very same question was asked before."""
    if not rules:
        return []
    used = {name: numbers[name] for rule in rules for name in rule.parameters}
    file = cache / f"{_key(rules, table, used)}.json"
    if file.exists():
        return [Result(item["success"], tuple(item["rows"]), item["observed"]) for item in json.loads(file.read_text("utf-8"))]
    for rule in rules:
        library.check(rule)
    found = library.run(rules, table, used)
    _keep(file, found)
    return found


def _key(rules: Sequence[Rule], table: pa.Table, used: Mapping[str, Parameter]) -> str:
    asked = [_FORMAT, library.version(), [(rule.type, rule.kwargs) for rule in rules], {k: str(v) for k, v in used.items()}]
    digest = hashlib.blake2b(json.dumps(asked, sort_keys=True, default=str).encode(), digest_size=16)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    digest.update(sink.getvalue())
    return digest.hexdigest()


def _keep(file: Path, found: Sequence[Result]) -> None:
    """Write atomically: a reader sees a whole verdict or none."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".partial")
    with os.fdopen(handle, "w", encoding="utf-8") as partial:
        json.dump([{"success": item.success, "rows": item.rows, "observed": item.observed} for item in found], partial)
    Path(name).replace(file)
