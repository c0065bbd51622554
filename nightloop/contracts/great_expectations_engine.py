"""Run rules with Great Expectations, on its pandas engine, in this process.

The library takes about five seconds to import and 0.1 s to judge a small night. It is imported at the first judgement a process
really needs (fast_path.py answers the common rules); docs/decisions/0032 and 0036 have the figures and why the pandas engine.

Its verdicts are cached in HOME/cache/verdicts, one file by the digest of everything a verdict depends on: the rules, the
night's parameters, the rows in their order, and the versions of the libraries. Re-runs and unchanged snapshots then need no
import of the library. Safe to delete at any time.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nightloop.atomic_file import write_atomically
from nightloop.contracts.results import PASSED, Result, observed_rows, plain
from nightloop.contracts.suite import Rule
from nightloop.errors import DefinitionError

_FORMAT = "verdicts-2"  # part of the key: raise it when Result or the conversion to pandas changes
SHOWN = 20
"""Values of a list that a page shows."""


def cached_results(rules: Sequence[Rule], table: pa.Table, folder: Path) -> list[Result]:
    """Return the results of ``run``, from the cache where the very same question was asked before."""
    if not rules:
        return []
    file = folder / f"{_key(rules, table)}.json"
    if file.exists():
        return [Result(item["success"], tuple(item["rows"]), item["observed"]) for item in json.loads(file.read_text("utf-8"))]
    for rule in rules:
        check(rule)
    results = run(rules, table)
    _write(file, results)
    return results


def _key(rules: Sequence[Rule], table: pa.Table) -> str:
    question = [_FORMAT, version(), [(rule.type, rule.kwargs) for rule in rules]]
    digest = hashlib.blake2b(json.dumps(question, sort_keys=True, default=str).encode(), digest_size=16)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    digest.update(sink.getvalue())
    return digest.hexdigest()


def _write(file: Path, results: Sequence[Result]) -> None:
    """Write atomically: a reader sees a whole verdict or none."""
    verdicts = [{"success": item.success, "rows": item.rows, "observed": item.observed} for item in results]
    write_atomically(file, json.dumps(verdicts))


def run(rules: Sequence[Rule], table: pa.Table) -> list[Result]:
    """Judge a table by rules whose parameters are in place.

    Raises:
        DefinitionError: the library refuses a rule, or fails on it; shown at its line.
    """
    frame = _frame(table)
    # Asking for yes or no first costs half: which rows break a rule is asked only where some may.
    answers = _validate(rules, frame, "BOOLEAN_ONLY").results
    doubtful = [i for i, item in enumerate(answers) if not item.success or "mostly" in rules[i].kwargs]
    details = _validate([rules[i] for i in doubtful], frame, "COMPLETE").results if doubtful else []
    results = {i: _result(item) for i, item in zip(doubtful, details, strict=True)}
    return [results.get(i, PASSED) for i in range(len(rules))]


def _validate(rules: Sequence[Rule], frame: Any, detail: str) -> Any:
    """Return the library's result, its ``results`` in the order of the rules; one without a verdict is an error."""
    suite = as_suite("judged", rules)
    batch = _batch_definition().get_batch({"dataframe": frame})
    validation = batch.validate(suite, result_format={"result_format": detail})
    by_position = {item.expectation_config.meta["position"]: item for item in validation.results}
    for i, rule in enumerate(rules):
        failure = _failure(by_position.get(i))
        if failure is not None:
            raise DefinitionError(
                f"the rule {rule.name} cannot be judged: {failure}.", where=rule.place, do="Correct its arguments."
            )
    validation.results = [by_position[i] for i in range(len(rules))]
    return validation


def validate_in_full(rules: Sequence[Rule], table: pa.Table, *, shows_values: bool) -> Any:
    """Return the library's own result for its pages, with examples of breaking values where they may be shown."""
    detail = {"result_format": "SUMMARY", "exclude_unexpected_values": not shows_values}
    validation = (
        _batch_definition().get_batch({"dataframe": _frame(table)}).validate(as_suite("judged", rules), result_format=detail)
    )
    for item in validation.results:  # its pages stumble over values of pandas and NumPy
        item.result = simple(item.result)
        item.expectation_config["kwargs"] = simple(item.expectation_config["kwargs"])
    return validation


def simple(value: Any) -> Any:
    """Return plain values, of a long list the beginning."""
    if isinstance(value, dict):
        return {key: simple(item) for key, item in value.items()}
    if isinstance(value, list | tuple | pa.Array):
        shown = [simple(item) for item in list(value[:SHOWN])]
        return [*shown, f"... {len(value):,} values in all"] if len(value) > SHOWN else shown
    if isinstance(value, pa.Scalar):
        return value.as_py()
    if hasattr(value, "item"):  # a NumPy scalar
        return value.item()
    return value if isinstance(value, str | int | float | date | None) and value == value else None  # noqa: PLR0124 - not NaN, NaT


def as_suite(name: str, rules: Sequence[Rule]) -> Any:
    """Return rules as a suite of the library, in their order."""
    _batch_definition()
    import great_expectations as gx

    return gx.ExpectationSuite(name=name, expectations=[as_configuration(rule, i) for i, rule in enumerate(rules)])


def as_configuration(rule: Rule, position: int) -> dict[str, Any]:
    """Write a rule as the library reads it; values of another source become a list."""
    kwargs = {key: value.to_pylist() if isinstance(value, pa.Array) else value for key, value in rule.kwargs.items()}
    return {"type": rule.type, "kwargs": kwargs, "meta": {"position": position}}


def check(rule: Rule) -> None:
    """Build one rule: it must exist, and take these arguments.

    Raises:
        DefinitionError: it does not; a suite drops such a rule without a word, so it is tried by itself first.
    """
    _batch_definition()
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    try:
        ExpectationConfiguration(type=rule.type, kwargs=rule.kwargs).to_domain_obj()
    except (GreatExpectationsError, ValueError, TypeError) as error:  # pydantic's ValidationError is a ValueError
        problem = "; ".join(line.strip() for line in str(error).splitlines())
        raise DefinitionError(
            f"'{rule.type}' is refused: {problem}.",
            where=rule.place,
            do="See the gallery of Great Expectations for its name and arguments.",
        ) from error


def version() -> str:
    """Return the installed version without importing the library."""
    from importlib.metadata import version as installed

    return f"{installed('great_expectations')}/{installed('pandas')}"


@cache
def _batch_definition() -> Any:
    """Import the library, once a process, and open what it calls a context: in memory, nothing kept, nothing sent."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    collects = gc.isenabled()
    gc.disable()  # a tenth of the import is the collector looking at classes that stay
    try:
        import great_expectations as gx
    finally:
        if collects:
            gc.enable()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("nightloop").add_dataframe_asset("night")
    return asset.add_batch_definition_whole_dataframe("whole")


def _frame(table: pa.Table) -> Any:
    """Convert to pandas with nullable types, so that an integer column with a gap stays one of integers.

    Dates beyond Python's, ``infinity`` among them, are its first and last: no limit can be written that tells them apart.
    """
    import pandas as pd

    types = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    for place, field in enumerate(table.schema):
        if pa.types.is_date(field.type):
            within = pc.max_element_wise(
                pc.min_element_wise(table[place], date.max, skip_nulls=False), date.min, skip_nulls=False
            )
            table = table.set_column(place, field, within.cast(field.type))
    return table.to_pandas(types_mapper=types.get, date_as_object=True)


def _result(outcome: Any) -> Result:
    rows = tuple(int(row) for row in outcome.result.get("unexpected_index_list") or ())
    return Result(bool(outcome.success), rows, _observed(outcome.result, rows))


def _failure(outcome: Any) -> str | None:
    """Return why a rule gave no verdict; Great Expectations reports an exception as a result."""
    if outcome is None:
        return "Great Expectations gave no result"
    information = dict(outcome.exception_info or {})
    for item in [information, *(value for value in information.values() if isinstance(value, dict))]:
        if item.get("raised_exception"):
            return str(item.get("exception_message")).strip().rstrip(".")
    return None


def _observed(result: Mapping[str, Any], rows: Sequence[int]) -> str:
    if "observed_value" in result:
        return plain(result["observed_value"])
    return observed_rows(len(rows), result.get("element_count"), result.get("partial_unexpected_list") or ())
