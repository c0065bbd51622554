"""Rules and small tables, for tests that need no suite file and no Great Expectations."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from nightloop.contracts.results import Result
from nightloop.contracts.suite import Contract, Rule
from nightloop.contracts.suite_checks import SPANS, OnBreach


def rule(kind: str, on_breach: OnBreach = "warn", refers_to: tuple[str, str] | None = None, **kwargs: Any) -> Rule:
    """Return a rule as a suite would declare it; ``kind`` is without ``expect_``."""
    columns = [value for key, value in kwargs.items() if key.startswith("column") and isinstance(value, str)]
    return Rule(f"{kind}({', '.join(columns)})", f"expect_{kind}", kwargs, on_breach, "A rule.", "suite:1", refers_to)


def suite(*rules: Rule, limit: float = 1.0, recent: tuple[float, float] | None = None) -> Contract:
    """Return a contract of these rules."""
    weekday = SPANS["rows_against_same_weekdays"]
    return Contract("things", "things.yaml", rules, limit, recent or SPANS["rows_against_recent_nights"], weekday)


def column(name: str, values: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    """Return a table of one column."""
    return pa.table({name: pa.array(values, kind)})


def answer(result: Result | None) -> tuple[bool, tuple[int, ...]]:
    """Return verdict and breaking rows of a result that the fast path must have given."""
    assert result is not None, "the fast path left it to Great Expectations"
    return result.success, result.rows
