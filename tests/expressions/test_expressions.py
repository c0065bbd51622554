"""An expression means one thing: to DuckDB, to NumPy, and to a person with a pencil."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from nightloop.errors import DefinitionError
from nightloop.expressions import compile_expression
from nightloop.expressions.to_numpy import Column
from tests.expressions.expression_examples import ARROW, TYPES, expressions, plain, rows

DATABASE = duckdb.connect()


def as_table(sample: list[dict]) -> pa.Table:
    return pa.table(
        {name: pa.array([row[name] for row in sample], ARROW[kind], from_pandas=False) for name, kind in TYPES.items()}
    )


def by_duckdb(expression, sample: list[dict]) -> list:
    DATABASE.register("rows", as_table(sample))
    return [row[0] for row in DATABASE.execute(f"select {expression.sql()} from rows").fetchall()]


def by_numpy(expression, sample: list[dict]) -> list:
    columns = {name: Column.of([row[name] for row in sample], kind) for name, kind in TYPES.items()}
    found = expression.numpy()(columns, len(sample))
    return [value if present else None for value, present in zip(found.values.tolist(), found.present.tolist(), strict=True)]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=expressions, sample=rows)
def test_duckdb_and_numpy_and_plain_python_agree_to_the_last_bit(text, sample):
    try:
        expression = compile_expression(text, TYPES)
    except DefinitionError as error:
        assert "null" in error.what, f"{text} is in the subset, but: {error}"
        return
    wanted = [plain(expression.node, row) for row in sample]
    assert by_numpy(expression, sample) == wanted
    assert by_duckdb(expression, sample) == wanted


@pytest.mark.parametrize(
    "text", ["x / 0", "x % 0", "1e200 * 1e200", "x - x / 0", "nullif(x, x)", "case when x > 100 then 1 end"]
)
def test_what_has_no_finite_value_is_null(text):
    expression = compile_expression(text, TYPES)
    sample = [dict.fromkeys(TYPES) | {"x": 7.0}]
    assert by_duckdb(expression, sample) == by_numpy(expression, sample) == [None]


def test_weekday_counts_from_monday():
    expression = compile_expression("weekday(d)", TYPES)
    sample = [dict.fromkeys(TYPES) | {"d": date(2013, 4, 1) + timedelta(days=i)} for i in range(7)]
    assert by_duckdb(expression, sample) == by_numpy(expression, sample) == [1, 2, 3, 4, 5, 6, 7]


def test_a_column_may_be_called_like_a_word_of_sql():
    expression = compile_expression("month + year", {"month": "integer", "year": "integer"})
    assert expression.columns == ("month", "year")
    assert expression.sql("e") == '(cast(e."month" as double) + cast(e."year" as double))'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be read"),
        ("i +", "cannot be read"),
        ("i; drop table raw", "outside the subset"),
        ("(select 1)", "outside the subset"),
        ("count(*)", "outside the subset"),
        ("random()", "outside the subset"),
        ("ln(x)", "outside the subset"),
        ("i // 2", "outside the subset"),
        ("s like 'a%'", "outside the subset"),
        ("case i when 1 then 2 end", "outside the subset"),
        ("floor(x, 2)", "outside the subset"),
        ("cast(s as integer)", "is a cast from string"),
        ("cast(x as text)", "is a cast from number"),
        ("z + 1", "unknown column 'z'"),
        ("t.x", "unknown column 't.x'"),
        ("i + s", "'+' in 'i + s' is applied to a string"),
        ("i = s", "mixes a number and a string"),
        ("s < t", "is applied to a string"),
        ("i and b", "'and' in 'i and b' is applied to a number"),
        ("i = null", "compares with null"),
        ("i in (1, null)", "compares with null"),
        ("null", "is always null"),
        ("1e999", "too large"),
        ("date '2013-02-30' = d", "is no date"),
        ("case when i then 1 end", "is applied to a number"),
        ("coalesce(i, s)", "mixes a number and a string"),
    ],
)
def test_what_is_outside_the_subset_is_refused_in_words(text, said):
    with pytest.raises(DefinitionError) as error:
        compile_expression(text, TYPES)
    assert said in str(error.value)
    assert error.value.do
