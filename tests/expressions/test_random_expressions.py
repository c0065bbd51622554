"""An expression means one thing: to DuckDB, to NumPy and to a person with a pencil, whatever operators it is made of."""

from __future__ import annotations

from collections import Counter
from statistics import median

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightloop.errors import DefinitionError
from nightloop.expressions import compile_expression, to_numpy
from nightloop.expressions.to_numpy import Column
from tests.expressions.random_expressions import ARROW, ROOTED, TYPES, drawn, operations, plain, rows

DATABASE = duckdb.connect()


def by_duckdb(expression, sample: list[dict]) -> list:
    arrays = {name: pa.array([row[name] for row in sample], ARROW[kind]) for name, kind in TYPES.items()}
    DATABASE.register("rows", pa.table(arrays))
    return [row[0] for row in DATABASE.execute(f"select {expression.sql()} from rows").fetchall()]


def by_numpy(expression, sample: list[dict]) -> list:
    columns = {name: Column.of([row[name] for row in sample], kind) for name, kind in TYPES.items()}
    answer = expression.numpy()(columns, len(sample))
    return [value if present else None for value, present in zip(answer.values.tolist(), answer.present.tolist(), strict=True)]


@pytest.mark.parametrize("root", ROOTED)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), sample=rows)
def test_duckdb_and_numpy_and_plain_python_agree_to_the_last_bit(root, data, sample):
    text = data.draw(ROOTED[root], label="expression")
    try:
        expression = compile_expression(text, TYPES)
    except DefinitionError as error:
        assert "null" in error.what, f"{text} is in the subset, but: {error}"
        return
    expected = [plain(expression.node, row) for row in sample]
    assert by_numpy(expression, sample) == expected
    assert by_duckdb(expression, sample) == expected


def test_every_operator_is_drawn_and_none_is_rare():
    nodes = [compile_expression(text, TYPES).node for strategy in ROOTED.values() for text in drawn(strategy, 4)]
    times = Counter(op for node in nodes for op in operations(node))
    every = {*to_numpy._OPERATIONS, *to_numpy._CHOICES}
    assert every <= set(times)
    typical = median(times[op] for op in every)
    assert {op: times[op] for op in every if times[op] < typical / 3} == {}
