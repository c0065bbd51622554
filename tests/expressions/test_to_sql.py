"""The words of SQL that mean the same on DuckDB and on Spark: each is written out here once, as it must read."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from nightloop.expressions import compile_expression
from nightloop.expressions.to_sql import double, finite, identifier, literal, quoted

COLUMNS = {"i": "integer", "j": "integer", "x": "number", "b": "boolean", "c": "boolean", "s": "string", "d": "date"}
LEFT, RIGHT, HALF = 'cast("i" as double)', 'cast("j" as double)', "cast('0.5' as double)"
X = (
    "nullif(nullif(nullif(cast(\"x\" as double), cast('Infinity' as double)), cast('-Infinity' as double)), "
    "cast('NaN' as double))"
)
ZERO = "cast('0.0' as double)"
DAYS = "date_diff('day', cast('1970-01-05' as date), \"d\")"
SQL = {
    # A small number needs no check; what may overflow is made null where it is not finite.
    "i + j": f"({LEFT} + {RIGHT})",
    "i - j": f"({LEFT} - {RIGHT})",
    "i * j": f"({LEFT} * {RIGHT})",
    "x": X,
    "x + 0.5": finite(f"({X} + {HALF})"),
    "x - 0.5": finite(f"({X} - {HALF})"),
    "x * 0.5": finite(f"({X} * {HALF})"),
    "i / j": finite(f"({LEFT} / nullif({RIGHT}, {ZERO}))"),
    "i % j": f"({LEFT} % nullif({RIGHT}, {ZERO}))",
    "-i": f"(- {LEFT})",
    "abs(i)": f"abs({LEFT})",
    "floor(i)": f"(case when abs({LEFT}) < {double(2.0**52)} then cast(floor({LEFT}) as double) else {LEFT} end)",
    "i = j": f"({LEFT} = {RIGHT})",
    "i <> j": f"({LEFT} <> {RIGHT})",
    "i < j": f"({LEFT} < {RIGHT})",
    "i <= j": f"({LEFT} <= {RIGHT})",
    "i > j": f"({LEFT} > {RIGHT})",
    "i >= j": f"({LEFT} >= {RIGHT})",
    "b and c": '("b" and "c")',
    "b or c": '("b" or "c")',
    "not b": '(not "b")',
    "b is null": '("b" is null)',
    "cast(b as number)": 'cast("b" as double)',
    "i in (1, 2, 3)": f"(({LEFT} = {double(1.0)}) or ({LEFT} = {double(2.0)}) or ({LEFT} = {double(3.0)}))",
    "i between 1 and 2": f"(({LEFT} >= {double(1.0)}) and ({LEFT} <= {double(2.0)}))",
    "coalesce(i, 0)": f"coalesce({LEFT}, {ZERO})",
    "nullif(i, 0)": f"nullif({LEFT}, {ZERO})",
    "least(i, j, 0)": f"least({LEFT}, {RIGHT}, {ZERO})",
    "greatest(i, j, 0)": f"greatest({LEFT}, {RIGHT}, {ZERO})",
    "case when b then i when c then j else 0 end": f'(case when "b" then {LEFT} when "c" then {RIGHT} else {ZERO} end)',
    "case when b then i end": f'(case when "b" then {LEFT} else null end)',
    "weekday(d)": f"cast((({DAYS} % 7) + 7) % 7 + 1 as double)",
    "year(d)": 'cast(year("d") as double)',
    "month(d)": 'cast(month("d") as double)',
    "day(d)": 'cast(day("d") as double)',
    "s = 'it''s'": "(\"s\" = 'it''s')",
    "d = date '2012-02-29'": "(\"d\" = cast('2012-02-29' as date))",
    "b = true": '("b" = true)',
    "b = false": '("b" = false)',
}


@pytest.mark.parametrize("text", SQL)
def test_an_expression_reads_so_in_sql(text):
    assert compile_expression(text, COLUMNS).sql() == SQL[text]


def test_columns_are_qualified_by_the_table_at_every_depth():
    sql = compile_expression("case when b then abs(i) else x + 1 end", COLUMNS).sql("t")
    assert 't."b"' in sql
    assert 't."i"' in sql
    assert 't."x"' in sql
    assert '("b"' not in sql
    assert identifier("month") == '"month"'
    assert identifier("month", "t") == 't."month"'


@pytest.mark.parametrize(
    ("value", "sql"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        (1.0, "cast('1.0' as double)"),
        (0.1, "cast('0.1' as double)"),
        (-2.5, "cast('-2.5' as double)"),
        (1e-07, "cast('1e-07' as double)"),
        ("a", "'a'"),
        ("it's", "'it''s'"),
        ("back\\slash", "'back\\slash'"),
        (date(2012, 2, 29), "cast('2012-02-29' as date)"),
    ],
)
def test_a_constant_is_written_exactly(value, sql):
    assert literal(value) == sql
    assert duckdb.sql(f"select {sql}").fetchall() == [(value,)]


@pytest.mark.parametrize("value", [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.3, 2.0**53])
def test_a_double_is_read_back_to_the_last_bit(value):
    assert duckdb.sql(f"select {double(value)}").fetchall() == [(value,)]


@pytest.mark.parametrize("text", ["a", "", "'", "''", "a'b'c", "back\\slash", "ü|%", "a\nb"])
def test_a_text_is_read_back_as_it_is(text):
    assert duckdb.sql(f"select {quoted(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize(
    ("word", "value"), [("Infinity", None), ("-Infinity", None), ("NaN", None), ("1e308", 1e308), ("0", 0.0)]
)
def test_what_is_not_finite_becomes_null(word, value):
    assert duckdb.sql(f"select {finite(f'''cast('{word}' as double)''')}").fetchall() == [(value,)]
