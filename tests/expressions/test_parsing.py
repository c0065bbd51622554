"""What is in the subset of SQL becomes the tree that it means; all else is refused, with what was read and what is allowed."""

from __future__ import annotations

from datetime import date

import pytest

from nightloop.errors import DefinitionError
from nightloop.expressions.parsing import FUNCTIONS, build
from nightloop.expressions.tree import UNBOUNDED, Node

COLUMNS = {"i": "integer", "x": "number", "y": "number", "b": "boolean", "s": "string", "d": "date", "u": "timestamp"}


def shown(node: Node) -> str:
    """The tree as text: op(args), columns and constants as they are."""
    if node.op in ("column", "integer_column"):
        return str(node.value)
    if node.op == "literal":
        return repr(node.value)
    return f"{node.op}({', '.join(map(shown, node.args))})"


TREES = {
    "x + y * 2": "add(x, mul(y, 2.0))",
    "(x + y) * 2": "mul(add(x, y), 2.0)",
    "x - y - 1": "sub(sub(x, y), 1.0)",
    "x / y % 2": "mod(div(x, y), 2.0)",
    "-x": "neg(x)",
    "x = y": "eq(x, y)",
    "x == y": "eq(x, y)",
    "x <> y": "ne(x, y)",
    "x != y": "ne(x, y)",
    "x < y": "lt(x, y)",
    "x <= y": "le(x, y)",
    "x > y": "gt(x, y)",
    "x >= y": "ge(x, y)",
    "b and x > 1 or x < 0": "or(and(b, gt(x, 1.0)), lt(x, 0.0))",
    "not b and b": "and(not(b), b)",
    "not x = y": "not(eq(x, y))",
    "x in (1)": "eq(x, 1.0)",
    "x in (1, y, 3)": "or(eq(x, 1.0), eq(x, y), eq(x, 3.0))",
    "x not in (1, 2)": "not(or(eq(x, 1.0), eq(x, 2.0)))",
    "x between y and 3": "and(ge(x, y), le(x, 3.0))",
    "x not between y and 3": "not(and(ge(x, y), le(x, 3.0)))",
    "x between asymmetric y and 3": "and(ge(x, y), le(x, 3.0))",
    "x is null": "is_null(x)",
    "x isnull": "is_null(x)",
    "b is null = true": "eq(is_null(b), True)",
    "x is not null": "not(is_null(x))",
    "case when b then x end": "case(b, x, None)",
    "case when b then x else y end": "case(b, x, y)",
    "case when b then 1 when x > 2 then 2 else y end": "case(b, 1.0, gt(x, 2.0), 2.0, y)",
    "coalesce(x, y, 0)": "coalesce(x, y, 0.0)",
    "ifnull(x, y)": "coalesce(x, y)",
    "nullif(x, y)": "nullif(x, y)",
    "least(x, y, 1)": "least(x, y, 1.0)",
    "greatest(x, y, 1)": "greatest(x, y, 1.0)",
    "abs(x)": "abs(x)",
    "ABS(x)": "abs(x)",
    "floor(x)": "floor(x)",
    "weekday(d)": "weekday(d)",
    "WeekDay(d)": "weekday(d)",
    "year(d) * 100 + month(d)": "add(mul(year(d), 100.0), month(d))",
    "day(d)": "day(d)",
    "cast(b as number)": "to_number(b)",
    "cast(b as int)": "to_number(b)",
    "cast(b as bigint)": "to_number(b)",
    "cast(b as double)": "to_number(b)",
    "b::int": "to_number(b)",
    "date '2013-01-31' = d": "eq(datetime.date(2013, 1, 31), d)",
    "'2013-01-31'::date = d": "eq(datetime.date(2013, 1, 31), d)",
    "s = 'it''s'": 'eq(s, "it\'s")',
    "true": "True",
    "false": "False",
    "1": "1.0",
    "0.5": "0.5",
    "1e3": "1000.0",
}


@pytest.mark.parametrize("text", TREES)
def test_a_text_becomes_the_tree_that_it_means(text):
    assert shown(build(text, COLUMNS)) == TREES[text]


LEAVES = {
    # a text: the operation, the type, the value, and the bound of its size in binary digits
    "i": ("integer_column", "number", "i", 64),
    "x": ("column", "number", "x", UNBOUNDED),
    "b": ("column", "boolean", "b", 0),
    "s": ("column", "string", "s", 0),
    "d": ("column", "date", "d", 0),
    "u": ("column", "timestamp", "u", 0),
    "0": ("literal", "number", 0.0, 1),
    "0.25": ("literal", "number", 0.25, 1),
    "1": ("literal", "number", 1.0, 1),
    "1.5": ("literal", "number", 1.5, 1),
    "2": ("literal", "number", 2.0, 2),
    "3": ("literal", "number", 3.0, 2),
    "4": ("literal", "number", 4.0, 3),
    "1e308": ("literal", "number", 1e308, 1024),
    "true": ("literal", "boolean", True, 0),
    "'true'": ("literal", "string", "true", 0),
    "'1'": ("literal", "string", "1", 0),
    "date '2012-02-29'": ("literal", "date", date(2012, 2, 29), 0),
}


@pytest.mark.parametrize("text", LEAVES)
def test_a_leaf_knows_its_type_value_and_bound(text):
    node = build(text, COLUMNS)
    assert (node.op, node.type, node.value, node.bits) == LEAVES[text]
    assert node.args == ()


@pytest.mark.parametrize("text", ["1", "1.5", "2", "3", "1023", "1024", "1e308", "0.1"])
def test_a_number_lies_below_its_bound_and_the_bound_is_tight(text):
    bits = build(text, COLUMNS).bits
    assert float(text) < 2.0 ** (bits - 1) * 2
    assert bits == 1 or float(text) >= 2.0 ** (bits - 1)


OUTSIDE = {
    # what is outside the subset: what the way out begins with
    "i; drop table raw": "Allowed:",
    "(select 1)": "Allowed:",
    "select 1": "Allowed:",
    "count(*)": "Did you mean 'month'? Functions:",
    "sum(x)": "Functions:",
    "random()": "Functions:",
    "ln(x)": "Functions:",
    "sqrt(x)": "Functions:",
    "x ^ 2": "Functions:",
    "x ** 2": "Functions:",
    "upper(s)": "Functions:",
    "current_date": "Functions:",
    "now()": "Functions:",
    "i // 2": "Allowed:",
    "x || y": "Allowed:",
    "s like 'a%'": "Allowed:",
    "s ilike 'a%'": "Allowed:",
    "x & 1": "Allowed:",
    "x is true": "Allowed:",
    "b is distinct from b": "Allowed:",
    "x in (select 1)": "Allowed:",
    "interval 1 day": "Allowed:",
    "[1, 2]": "Functions:",
    "x as y": "Allowed:",
    "*": "Allowed:",
    "?": "Allowed:",
    "exists (select 1)": "Functions:",
    "case i when 1 then 2 end": "Did you mean 'case' or 'cast'? Functions:",
    "floor(x, 2)": "Did you mean 'floor'? Functions:",
    "weekday()": "Did you mean 'weekday' or 'day'? Functions:",
    "weekday(d, d)": "Did you mean 'weekday' or 'day'? Functions:",
    "weekdays(d)": "Did you mean 'weekday'? Functions:",
    "abss(x)": "Did you mean 'abs'? Functions:",
    "x between symmetric 3 and 1": "Allowed:",
    "x in ()": "Allowed:",
    "x = any (select 1)": "Allowed:",
    "(x, y) = (1, 2)": "Allowed:",
    "x; y": "Allowed:",
    "floor(x to day)": "Did you mean 'floor'? Functions:",
    "abs(x := 1)": "Allowed:",
    "trunc(x)": "Functions:",
    "round(x)": "Functions:",
    "ceil(x)": "Functions:",
    "if(b, 1, 2)": "Functions:",
    "max(x) over ()": "Allowed:",
    "x.y.z": "Columns:",
}


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_is_outside_the_subset_is_refused_and_what_is_allowed_is_said(text):
    with pytest.raises(DefinitionError) as refused:
        build(text, COLUMNS)
    assert refused.value.what.endswith(f" in '{text}' is outside the subset of SQL.") or "unknown column" in refused.value.what
    assert refused.value.do is not None
    assert refused.value.do.startswith(OUTSIDE[text])


REFUSED = {
    "": ("'' cannot be read as an expression:", "Allowed: columns, numbers"),
    "x +": ("'x +' cannot be read as an expression:", "Allowed: columns, numbers"),
    "(x": ("cannot be read as an expression: Expecting )", "Allowed:"),
    "x y z": ("cannot be read as an expression: Invalid expression", "Allowed:"),
    "'abc": ("cannot be read as an expression:", "Allowed:"),
    "z + 1": ("unknown column 'z' in 'z + 1'.", "Columns: b, d, i, s, u, x, y."),
    "t.x": ("unknown column 't.x' in 't.x'.", "Did you mean 'x'? Columns:"),
    "X": ("unknown column 'X' in 'X'.", "Columns:"),
    "null": ("'null' is always null.", "Write an expression that can have a value."),
    "coalesce(null, null)": ("is always null.", "can have a value"),
    "case when b then null end": ("is always null.", "can have a value"),
    "1e309": ("the number 1e309 in '1e309' is too large.", "A number is a finite double."),
    "x < 1e999": ("the number 1e999 in 'x < 1e999' is too large.", "finite double"),
    "1e": ("'1e' in '1e' is no number.", "Write 1, 0.5 or 1e-3."),
    "nullif(x)": ("cannot be read as an expression: Required", "Allowed:"),
    "nullif(x, y, 1)": ("cannot be read as an expression: The number of provided arguments", "Allowed:"),
    "abs()": ("cannot be read as an expression: Required", "Allowed:"),
    "least()": ("cannot be read as an expression: Required", "Allowed:"),
    "case end": ("cannot be read as an expression: Expected END", "Allowed:"),
    "case else 1 end": ("cannot be read as an expression: Required", "Allowed:"),
    "timestamp '2013-01-01' = u": ("is a cast from string.", "Allowed: cast"),
    "date '2013-02-30' = d": ("'2013-02-30' in 'date '2013-02-30' = d' is no date.", "Write date '2013-01-31'."),
    "cast('soon' as date) = d": ("'soon' in", "Write date '2013-01-31'."),
    "cast(s as integer)": ("is a cast from string.", "Allowed: cast(boolean as number)."),
    "cast(s as date)": ("is a cast from string.", "Convert text where the source's column is declared."),
    "cast('2013-01-31' as text)": ("is a cast from string.", "Allowed: cast(boolean as number)."),
    "cast('1' as number)": ("is a cast from string.", "Allowed: cast(boolean as number)."),
    "cast(d as date)": ("is a cast from date.", "Allowed: cast(boolean as number)."),
    "cast(5 as date)": ("is a cast from number.", "Allowed: cast(boolean as number)."),
    "cast(b as text)": ("is a cast from boolean.", "Allowed: cast(boolean as number)."),
    "cast(x as double)": ("is a cast from number.", "Allowed: cast(boolean as number)."),
    "cast(x as text)": ("is a cast from number.", "Allowed: cast(boolean as number)."),
    "cast(null as number)": ("is a cast from null.", "Allowed: cast(boolean as number)."),
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_meant_is_refused_with_what_was_read(text):
    what, do = REFUSED[text]
    with pytest.raises(DefinitionError) as refused:
        build(text, COLUMNS)
    assert what in refused.value.what
    assert refused.value.do is not None
    assert do in refused.value.do


def test_the_message_about_the_subset_offers_every_function():
    with pytest.raises(DefinitionError) as refused:
        build("x &", COLUMNS)
    assert refused.value.do is not None
    assert refused.value.do.endswith(f"in, is null, and {', '.join(FUNCTIONS)}.")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_that_is_offered_can_be_read(name):
    calls = {"least": "least(x, y)", "greatest": "greatest(x, y)", "coalesce": "coalesce(x, y)", "nullif": "nullif(x, y)"}
    calls |= {part: f"{part}(d)" for part in ("weekday", "year", "month", "day")}
    calls |= {"cast": "cast(b as number)", "case": "case when b then 1 end"}
    assert build(calls.get(name, f"{name}(x)"), COLUMNS).type == "number"
