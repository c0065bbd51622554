"""Which operation takes which types, what it yields, and how large its numbers can get; every refusal in words."""

from __future__ import annotations

import pytest

from nightloop.errors import DefinitionError
from nightloop.expressions.tree import UNBOUNDED, Node
from nightloop.expressions.type_rules import result

NUMBER, BOOLEAN, STRING = (Node("column", kind, value=kind) for kind in ("number", "boolean", "string"))
DATE, TIMESTAMP = Node("column", "date", value="date"), Node("column", "timestamp", value="timestamp")
NULL = Node("literal", "null")
EVERY = (NUMBER, BOOLEAN, STRING, DATE, TIMESTAMP, NULL)


def sized(bits: float) -> Node:
    return Node("column", "number", value="x", bits=bits)


def refusal(op: str, *args: Node) -> DefinitionError:
    with pytest.raises(DefinitionError) as refused:
        result(op, args, "the text")
    assert "the text" in refused.value.what
    return refused.value


TAKES = {
    # an operation of one argument: what it takes, what it yields
    "neg": (NUMBER, "number"),
    "abs": (NUMBER, "number"),
    "floor": (NUMBER, "number"),
    "not": (BOOLEAN, "boolean"),
    "to_number": (BOOLEAN, "number"),
    "weekday": (DATE, "number"),
    "year": (DATE, "number"),
    "month": (DATE, "number"),
    "day": (DATE, "number"),
}


@pytest.mark.parametrize("op", TAKES)
def test_an_operation_of_one_argument_takes_one_type_only(op):
    taken, yielded = TAKES[op]
    node = result(op, (taken,), "the text")
    assert (node.op, node.type, node.args) == (op, yielded, (taken,))
    for other in EVERY:
        if other != taken:
            error = refusal(op, other)
            assert error.what == f"'{op}' in 'the text' is applied to a {other.type}."
            assert error.do == f"It takes a {taken.type}."


@pytest.mark.parametrize("arg", EVERY)
def test_everything_may_be_asked_for_null(arg):
    node = result("is_null", (arg,), "the text")
    assert (node.op, node.type, node.args) == ("is_null", "boolean", (arg,))


@pytest.mark.parametrize(("op", "symbol"), [("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/"), ("mod", "%")])
def test_arithmetic_takes_numbers_on_both_sides(op, symbol):
    assert result(op, (NUMBER, NUMBER), "the text").type == "number"
    for other in EVERY[1:]:
        for args in ((NUMBER, other), (other, NUMBER)):
            error = refusal(op, *args)
            assert error.what == f"'{symbol}' in 'the text' is applied to a {other.type}."
            assert error.do == "It takes a number."


@pytest.mark.parametrize("op", ["and", "or"])
def test_logic_takes_booleans_only(op):
    assert result(op, (BOOLEAN, BOOLEAN), "the text").type == "boolean"
    assert result(op, (BOOLEAN, BOOLEAN, BOOLEAN), "the text").args == (BOOLEAN,) * 3
    for other in (NUMBER, STRING, DATE, TIMESTAMP, NULL):
        for args in ((BOOLEAN, other), (other, BOOLEAN)):
            assert refusal(op, *args).what == f"'{op}' in 'the text' is applied to a {other.type}."


SYMBOLS = {"eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


@pytest.mark.parametrize("op", SYMBOLS)
def test_a_comparison_is_of_two_values_of_one_type(op):
    for kind in (NUMBER, DATE, TIMESTAMP):
        node = result(op, (kind, kind), "the text")
        assert (node.op, node.type, node.args) == (op, "boolean", (kind, kind))
    error = refusal(op, NUMBER, DATE)
    assert error.what == f"'{SYMBOLS[op]}' in 'the text' mixes a date and a number."
    assert error.do == "All must be of one type."


@pytest.mark.parametrize("op", SYMBOLS)
@pytest.mark.parametrize("args", [(NUMBER, NULL), (NULL, NUMBER), (NULL, NULL)])
def test_a_comparison_with_null_is_refused_for_it_never_holds(op, args):
    error = refusal(op, *args)
    assert error.what == "'the text' compares with null, which never holds."
    assert error.do == "Write 'is null' or 'is not null'."


@pytest.mark.parametrize("kind", [BOOLEAN, STRING], ids=["boolean", "string"])
def test_texts_and_booleans_are_equal_or_not_and_have_no_order(kind):
    for op in ("eq", "ne"):
        assert result(op, (kind, kind), "the text").type == "boolean"
    for op in ("lt", "le", "gt", "ge"):
        error = refusal(op, kind, kind)
        assert error.what == f"'{SYMBOLS[op]}' in 'the text' is applied to a {kind.type}."
        assert error.do == "Only a number, a date, a timestamp has an order."


@pytest.mark.parametrize("op", ["least", "greatest"])
def test_the_least_and_the_greatest_are_of_what_has_an_order(op):
    for kind in (NUMBER, DATE, TIMESTAMP):
        assert result(op, (kind, kind), "the text").type == kind.type
        assert result(op, (kind, NULL), "the text").type == kind.type
        assert result(op, (NULL, kind), "the text").type == kind.type
    for kind in (BOOLEAN, STRING, NULL):
        error = refusal(op, kind, kind)
        assert error.what == f"'{op}' in 'the text' is applied to a {kind.type}."
        assert error.do == "Only a number, a date, a timestamp has an order."
    assert refusal(op, NUMBER, DATE).what == f"'{op}' in 'the text' mixes a date and a number."


@pytest.mark.parametrize("kind", EVERY[:-1], ids=lambda node: node.type)
def test_a_choice_has_the_type_of_what_is_chosen_from(kind):
    assert result("coalesce", (kind, kind), "the text").type == kind.type
    assert result("coalesce", (NULL, kind), "the text").type == kind.type
    assert result("coalesce", (kind, NULL), "the text").type == kind.type
    assert result("nullif", (kind, kind), "the text").type == kind.type
    assert result("case", (BOOLEAN, kind, kind), "the text").type == kind.type
    assert result("case", (BOOLEAN, kind, NULL), "the text").type == kind.type
    assert result("case", (BOOLEAN, NULL, kind), "the text").type == kind.type
    assert result("case", (BOOLEAN, NULL, BOOLEAN, kind, NULL), "the text").type == kind.type


@pytest.mark.parametrize("op", ["coalesce", "case"])
def test_a_choice_from_nulls_alone_is_null(op):
    assert result(op, (BOOLEAN, NULL, NULL) if op == "case" else (NULL, NULL), "the text").type == "null"


@pytest.mark.parametrize("args", [(NUMBER, NULL), (NULL, NUMBER), (NULL, NULL)])
def test_nullif_takes_two_values(args):
    error = refusal("nullif", *args)
    assert error.what == "'nullif' in 'the text' is applied to null."
    assert error.do == "Give two values to compare."


def test_a_choice_does_not_mix_types():
    assert refusal("coalesce", NUMBER, STRING).what == "'coalesce' in 'the text' mixes a number and a string."
    assert refusal("nullif", NUMBER, STRING).what == "'nullif' in 'the text' mixes a number and a string."
    assert refusal("coalesce", NUMBER, STRING, DATE).what == "'coalesce' in 'the text' mixes a date and a number and a string."
    assert refusal("case", BOOLEAN, NUMBER, STRING).what == "'case' in 'the text' mixes a number and a string."
    assert refusal("case", BOOLEAN, NUMBER, BOOLEAN, STRING, NUMBER).what == "'case' in 'the text' mixes a number and a string."
    assert refusal("case", BOOLEAN, NUMBER, BOOLEAN).what == "'case' in 'the text' mixes a boolean and a number."


@pytest.mark.parametrize("test", [NUMBER, STRING, DATE, NULL], ids=lambda node: node.type)
def test_every_condition_of_a_case_is_a_boolean(test):
    for args in ((test, NUMBER, NUMBER), (BOOLEAN, NUMBER, test, NUMBER, NUMBER)):
        error = refusal("case", *args)
        assert error.what == f"'case when' in 'the text' is applied to a {test.type}."
        assert error.do == "It takes a boolean."


BITS = [
    # an operation, bounds of its arguments in binary digits, the bound of its result
    ("add", (64, 64), 65),
    ("add", (1, 64), 65),
    ("add", (64, 1), 65),
    ("sub", (64, 3), 65),
    ("sub", (3, 64), 65),
    ("add", (1021, 1), 1022),
    ("add", (1022, 1), UNBOUNDED),
    ("sub", (1, 1022), UNBOUNDED),
    ("add", (UNBOUNDED, 1), UNBOUNDED),
    ("mul", (64, 64), 128),
    ("mul", (511, 511), 1022),
    ("mul", (512, 511), UNBOUNDED),
    ("mul", (UNBOUNDED, 1), UNBOUNDED),
    ("div", (1, 1), UNBOUNDED),  # the right side may be as small as 5e-324
    ("mod", (64, UNBOUNDED), 64),
    ("mod", (UNBOUNDED, 1), UNBOUNDED),
    ("neg", (64,), 64),
    ("abs", (7,), 7),
    ("floor", (UNBOUNDED,), UNBOUNDED),
    ("coalesce", (3, 64, 5), 64),
    ("nullif", (64, 3), 64),
    ("least", (3, 64), 64),
    ("greatest", (64, 3), 64),
]


@pytest.mark.parametrize(("op", "bits", "bound"), BITS)
def test_a_result_is_bounded_by_what_it_is_made_of(op, bits, bound):
    assert result(op, tuple(map(sized, bits)), "the text").bits == bound


def test_a_case_is_bounded_by_its_values_and_not_by_its_conditions():
    condition = Node("gt", "boolean", (sized(64), sized(64)))
    assert result("case", (condition, sized(3), sized(7)), "the text").bits == 7
    assert result("case", (condition, sized(9), sized(7)), "the text").bits == 9
    assert result("case", (condition, sized(9), condition, sized(11), NULL), "the text").bits == 11


@pytest.mark.parametrize("op", ["weekday", "year", "month", "day"])
def test_a_part_of_a_date_needs_no_check_when_it_is_summed(op):
    part = result(op, (DATE,), "the text")
    assert 9999 < 2**part.bits < 2**60
    assert result("mul", (part, part), "the text").bits < UNBOUNDED


@pytest.mark.parametrize("op", ["not", "is_null", "and", "eq", "lt"])
def test_a_boolean_has_no_size(op):
    args = {"not": (BOOLEAN,), "is_null": (sized(64),), "and": (BOOLEAN, BOOLEAN)}.get(op, (sized(64), sized(64)))
    assert result(op, args, "the text").bits == 0
