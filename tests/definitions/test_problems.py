"""The mistakes of a file are gathered, and raised as one error that shows each at its line."""

from __future__ import annotations

import pytest

from nightloop.definitions.problems import Problems, expected
from nightloop.definitions.yaml_lines import read_yaml
from nightloop.errors import DefinitionError


@pytest.fixture
def problems() -> Problems:
    _, lines = read_yaml("a: 1\nb:\n  c: 2\n  d: 3\n", "uses/file.yaml")
    return Problems("uses/file.yaml", lines)


def test_without_a_mistake_nothing_is_raised(problems):
    problems.raise_if_any()


def test_one_mistake_is_an_error_at_its_line(problems):
    problems.add(("b", "d"), "d is 3.", "Write 4.")
    with pytest.raises(DefinitionError) as raised:
        problems.raise_if_any()
    assert (raised.value.where, raised.value.what, raised.value.do) == ("uses/file.yaml:4", "d is 3.", "Write 4.")
    assert raised.value.mistakes == (("uses/file.yaml:4", "d is 3.", "Write 4."),)
    assert str(raised.value) == "uses/file.yaml:4: d is 3. Write 4."


def test_several_mistakes_are_one_error_first_line_first(problems):
    problems.add(("b", "d"), "d is 3.", "Write 4.")
    problems.add(("a",), "a is 1.", "Write 2.")
    problems.add(("b", "nothing"), "nothing is missing.", "Add it.")
    problems.add(("a",), "a is odd.", "Write an even one.")
    with pytest.raises(DefinitionError) as raised:
        problems.raise_if_any()
    assert str(raised.value).splitlines() == [
        "uses/file.yaml:1: a is 1. Write 2.",
        "uses/file.yaml:1: a is odd. Write an even one.",
        "uses/file.yaml:2: nothing is missing. Add it.",
        "uses/file.yaml:4: d is 3. Write 4.",
    ]
    assert [where for where, _, _ in raised.value.mistakes] == [f"uses/file.yaml:{line}" for line in (1, 1, 2, 4)]


EXPECTED = {
    "string_type": "Write a text",
    "bool_type": "Write true or false.",
    "list_type": "Write a list: [one, two].",
    "dict_type": "Write a mapping",
    "model_type": "Write a mapping",
    "tuple_type": "Write two numbers: [low, high].",
    "float_type": "Write a number, for example 0.5.",
    "int_type": "Write a whole number, for example 7.",
    "int_from_float": "Write a whole number, for example 7.",
    "date_type": "Write a day as YYYY-MM-DD.",
    "date_from_datetime_parsing": "Write a day that exists as YYYY-MM-DD.",
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_what_is_allowed_is_said_in_plain_words(kind):
    assert expected({"type": kind, "input": "x", "msg": "pydantic's own words"}).startswith(EXPECTED[kind])


def test_a_choice_lists_what_is_allowed_and_asks_for_the_likely_one():
    finding = {"type": "literal_error", "input": "lo", "ctx": {"expected": "'low', 'medium' or 'high'"}, "msg": ""}
    assert expected(finding) == "Did you mean 'low'? Allowed: low, medium, high."
    assert expected(finding | {"input": 7}) == "Allowed: low, medium, high."


def test_a_range_of_three_ends_needs_two_and_another_long_list_is_told_in_pydantic_s_words():
    too_long = {"type": "too_long", "input": [], "msg": "Too long"}
    assert expected(too_long | {"ctx": {"field_type": "Tuple"}}) == "Write two numbers: [low, high]."
    assert expected(too_long | {"ctx": {"field_type": "List"}}) == "Too long."
    assert expected(too_long) == "Too long."
