"""Columns of values and of presence, and what NumPy makes of them: what stands at an absent place never shows."""

from __future__ import annotations

import math
from datetime import date, datetime

import numpy as np
import pytest

from nightloop.expressions import compile_expression
from nightloop.expressions.to_numpy import Column

DAY, TIME = date(2012, 2, 29), datetime(2024, 2, 29, 12, 30, 15, 999999)  # noqa: DTZ001 - UTC without a zone


@pytest.mark.parametrize(
    ("kind", "values", "dtype", "present"),
    [
        ("number", [1.5, None, 0.0], "float64", [True, False, True]),
        ("number", [math.nan, math.inf, -math.inf, 1.0], "float64", [False, False, False, True]),
        ("integer", [1, None, 2**53 + 1], "float64", [True, False, True]),
        ("boolean", [True, None, False], "bool", [True, False, True]),
        ("string", ["a", None, ""], "object", [True, False, True]),
        ("date", [DAY, None], "datetime64[D]", [True, False]),
        ("timestamp", [TIME, None], "datetime64[us]", [True, False]),
        ("number", [], "float64", []),
        ("string", [None], "object", [False]),
    ],
)
def test_a_column_holds_values_of_its_type_and_knows_which_are_there(kind, values, dtype, present):
    column = Column.of(values, kind)
    assert column.values.dtype == np.dtype(dtype)
    assert column.present.dtype == np.bool_
    assert column.present.tolist() == present
    there = [value for value, is_there in zip(values, present, strict=True) if is_there]
    assert column.values[column.present].tolist() == there or kind == "integer"


def test_a_column_is_built_from_an_iterator_too():
    assert Column.of((value for value in (1.0, None)), "number").present.tolist() == [True, False]


def test_doubles_have_nan_for_null_and_one_for_true():
    floats = Column.of([True, False, None], "boolean").as_floats()
    assert floats.dtype == np.float64
    assert floats[:2].tolist() == [1.0, 0.0]
    assert math.isnan(floats[2])
    floats = Column.of([2.5, None, math.inf], "number").as_floats()
    assert floats[0] == 2.5
    assert np.isnan(floats[1:]).all()


TYPES = {"x": "number", "y": "number", "b": "boolean", "c": "boolean", "s": "string", "t": "string", "d": "date", "e": "date"}
GARBAGE = {
    "number": np.array([math.nan, math.inf, 1e308, -7.0]),
    "boolean": np.array([True, False, True, False]),
    "string": np.array(["what", "ever", "stands", "here"], dtype=object),
    "date": np.array(["2012-02-29", "9999-12-31", "1900-01-01", "1970-01-01"], dtype="datetime64[D]"),
}


@pytest.mark.parametrize(
    "text",
    [
        "x + y",
        "x / y",
        "x % y",
        "-x",
        "abs(x)",
        "floor(x)",
        "x < y",
        "x = y",
        "s = t",
        "d <= e",
        "not b",
        "b and c",
        "b or c",
        "cast(b as number)",
        "coalesce(x, y)",
        "coalesce(s, t)",
        "nullif(x, y)",
        "nullif(s, t)",
        "least(x, y)",
        "greatest(d, e)",
        "weekday(d)",
        "year(d)",
        "month(d)",
        "day(d)",
        "case when b then x else y end",
        "case when b then s end",
        "x in (1, y)",
        "x between y and 1",
    ],
)
def test_what_stands_at_an_absent_place_never_shows(text):
    expression = compile_expression(text, TYPES)
    absent = {name: Column(GARBAGE[kind], np.zeros(4, dtype=np.bool_)) for name, kind in TYPES.items()}
    assert not expression.numpy()(absent, 4).present.any()


def test_a_null_of_no_type_takes_the_type_of_its_neighbours():
    columns = {
        "s": Column.of(["a", None], "string"),
        "d": Column.of([DAY, None], "date"),
        "b": Column.of([True, False], "boolean"),
    }
    types = {"s": "string", "d": "date", "b": "boolean"}
    for text, dtype in {
        "coalesce(null, s)": "object",
        "case when b then null else s end": "object",
        "case when b then d end": "datetime64[D]",
        "coalesce(null, d)": "datetime64[D]",
        "case when b then b end": "bool",
    }.items():
        assert compile_expression(text, types).numpy()(columns, 2).values.dtype == np.dtype(dtype), text


def test_values_of_one_row_do_not_depend_on_the_rows_beside_it():
    expression = compile_expression("case when x > 0 then least(x, y) else coalesce(y, x) / x end", TYPES)
    xs, ys = [1.0, None, -2.0, 0.0, 5.0, None], [None, 3.0, 4.0, 1.0, 2.0, None]
    together = expression.numpy()({"x": Column.of(xs, "number"), "y": Column.of(ys, "number")}, 6)
    for place, (x, y) in enumerate(zip(xs, ys, strict=True)):
        alone = expression.numpy()({"x": Column.of([x], "number"), "y": Column.of([y], "number")}, 1)
        assert alone.present[0] == together.present[place]
        assert not alone.present[0] or alone.values[0] == together.values[place]


def test_computing_warns_of_nothing_and_changes_no_setting_of_numpy():
    before = np.geterr()
    columns = {"x": Column.of([1e308, 0.0, None], "number"), "y": Column.of([1e308, 0.0, 1.0], "number")}
    with np.errstate(all="raise"):
        answer = compile_expression("x * y + x / y + x % y", TYPES).numpy()(columns, 3)
    assert not answer.present.any()
    assert np.geterr() == before
