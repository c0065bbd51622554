"""Judge a table by rules: the common ones at a first look, the others by Great Expectations, whose verdicts are remembered.

Kept in HOME/cache/verdicts, one file by the digest of everything a verdict depends on: the rules, the night's parameters,
the rows in their order, and the versions of the libraries. Re-runs and unchanged snapshots then need no import of the library.
Safe to delete at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from nightloop.atomic_file import write_atomically
from nightloop.contracts import great_expectations_engine
from nightloop.contracts.fast_path import look
from nightloop.contracts.results import Result
from nightloop.contracts.suite import Rule

_FORMAT = "verdicts-2"  # part of the key: raise it when Result or the conversion to pandas changes


def results(rules: Sequence[Rule], table: pa.Table, cache: Path) -> list[Result]:
    """Return what each rule, its parameters in place, finds in a table."""
    found = [look(rule, table) for rule in rules]
    left = [i for i, result in enumerate(found) if result is None]
    for i, result in zip(left, _by_library([rules[i] for i in left], table, cache), strict=True):
        found[i] = result
    return [result for result in found if result is not None]


def _by_library(rules: Sequence[Rule], table: pa.Table, cache: Path) -> list[Result]:
    """Return the results of ``great_expectations_engine.run``, from the cache where the very same question was asked before."""
    if not rules:
        return []
    file = cache / f"{_key(rules, table)}.json"
    if file.exists():
        return [Result(item["success"], tuple(item["rows"]), item["observed"]) for item in json.loads(file.read_text("utf-8"))]
    for rule in rules:
        great_expectations_engine.check(rule)
    found = great_expectations_engine.run(rules, table)
    _keep(file, found)
    return found


def _key(rules: Sequence[Rule], table: pa.Table) -> str:
    asked = [_FORMAT, great_expectations_engine.version(), [(rule.type, rule.kwargs) for rule in rules]]
    digest = hashlib.blake2b(json.dumps(asked, sort_keys=True, default=str).encode(), digest_size=16)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    digest.update(sink.getvalue())
    return digest.hexdigest()


def _keep(file: Path, found: Sequence[Result]) -> None:
    """Write atomically: a reader sees a whole verdict or none."""
    verdicts = [{"success": item.success, "rows": item.rows, "observed": item.observed} for item in found]
    write_atomically(file, json.dumps(verdicts))
