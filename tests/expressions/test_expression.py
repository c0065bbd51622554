"""The face of the language: a text is compiled once, checked, and asked for its type, its columns, its SQL and its values."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nightloop.errors import DefinitionError
from nightloop.expressions import Expression, compile_expression
from nightloop.expressions.to_numpy import Column
from nightloop.settings import REPOSITORY

COLUMNS = {"i": "integer", "x": "number", "b": "boolean", "s": "string", "d": "date", "u": "timestamp"}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("i", "number"),
        ("x", "number"),
        ("b", "boolean"),
        ("s", "string"),
        ("d", "date"),
        ("u", "timestamp"),
        ("i > 1", "boolean"),
    ],
)
def test_an_expression_says_what_it_yields(text, kind):
    assert compile_expression(text, COLUMNS).type == kind


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("1 + 2", ()),
        ("x", ("x",)),
        ("x + x * x", ("x",)),
        ("x + i", ("i", "x")),
        ("case when b then i else x end", ("b", "i", "x")),
        ("s in ('s', 'd') and d is null", ("d", "s")),
    ],
)
def test_an_expression_names_each_column_once_in_order(text, columns):
    assert compile_expression(text, COLUMNS).columns == columns


def test_an_expression_keeps_its_text():
    assert compile_expression("x  +  1", COLUMNS).text == "x  +  1"


@pytest.mark.parametrize(
    ("text", "must_be", "what", "do"),
    [
        ("x", ("boolean",), "'x' yields a number.", "It must yield a boolean."),
        ("s", ("number", "boolean"), "'s' yields a string.", "It must yield a number or a boolean."),
        ("d", ("number", "boolean", "string"), "'d' yields a date.", "It must yield a number or a boolean or a string."),
    ],
)
def test_an_expression_that_yields_something_else_is_refused(text, must_be, what, do):
    with pytest.raises(DefinitionError) as refused:
        compile_expression(text, COLUMNS, must_be=must_be)
    assert (refused.value.what, refused.value.do) == (what, do)


@pytest.mark.parametrize(("text", "must_be"), [("x", ("number",)), ("b", ("number", "boolean")), ("s", ()), ("d", ())])
def test_an_expression_that_yields_what_it_must_is_taken(text, must_be):
    assert isinstance(compile_expression(text, COLUMNS, must_be=must_be), Expression)


def test_a_text_is_compiled_once_for_the_same_columns_and_again_for_others():
    assert compile_expression("x + 1", COLUMNS) is compile_expression("x + 1", dict(COLUMNS))
    assert compile_expression("x = x", {"x": "number"}) != compile_expression("x = x", {"x": "string"})


def test_a_column_may_be_called_like_a_word_of_sql():
    expression = compile_expression("month + year", {"month": "integer", "year": "integer"})
    assert expression.columns == ("month", "year")
    assert expression.sql("e") == '(cast(e."month" as double) + cast(e."year" as double))'
    assert expression.sql() == '(cast("month" as double) + cast("year" as double))'


def test_numpy_computes_as_many_rows_as_are_asked_for():
    constant = compile_expression("1 + 2", COLUMNS).numpy()
    assert constant({}, 3).values.tolist() == [3.0, 3.0, 3.0]
    assert constant({}, 0).values.tolist() == []
    column = compile_expression("x + 1", COLUMNS).numpy()({"x": Column.of([1.0, None], "number")}, 2)
    assert column.values[column.present].tolist() == [2.0]


def test_checking_an_expression_does_not_import_numpy():
    code = (
        "import sys; from nightloop.expressions import compile_expression; "
        "print(compile_expression('x + 1', {'x': 'number'}).sql(), 'numpy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert answer.stdout.strip().endswith("False")
