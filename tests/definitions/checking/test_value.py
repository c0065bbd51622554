"""What answers are worth: amounts of the task, with signs that make a right decision worth more than a wrong one."""

from __future__ import annotations

import pytest

from nightloop.definitions.loading import parse_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.errors import DefinitionError
from tests.definitions.rides import accepted, assert_told
from tests.system.parcels import QUESTIONS, USE_CASE

CELLS = {"currency": "EUR", "true_positive": 9, "false_positive": -1}


def of_task(task: str, value: str) -> UseCase:
    question = QUESTIONS[task]
    text = f"{USE_CASE.format(name=question.name, **question.words)}\nvalue: {value}\n"
    return parse_use_case(text, "parcels.yaml", question.name)


@pytest.mark.parametrize(
    "value",
    [
        CELLS,
        CELLS | {"false_negative": 8.999},
        CELLS | {"true_negative": -1},
        CELLS | {"training": 0},
        CELLS | {"true_positive": 0.001, "false_negative": -5},
    ],
)
def test_right_decisions_are_worth_more_than_wrong_ones(value: dict[str, object]) -> None:
    assert accepted({"value": value}).value is not None


@pytest.mark.parametrize(
    ("value", "key", "told"),
    [
        (
            CELLS | {"false_negative": 9},
            "value.true_positive",
            "a true positive (9) is worth no more than a false negative (9)",
        ),
        (CELLS | {"true_negative": -1.001}, "value.false_positive", "a false positive (-1) is worth more than a true negative"),
        (CELLS | {"unit_error": 2}, "value.unit_error", "unit_error means nothing for a binary model"),
        (CELLS | {"without_model": 2}, "value.without_model", "without_model means nothing for a binary model"),
        ({"currency": "EUR", "true_positive": 9}, "value", "the key 'false_positive' is missing"),
        ({"currency": "EUR", "false_positive": -1}, "value", "the key 'true_positive' is missing"),
        (CELLS | {"currency": "euro"}, "value.currency", ""),
        (CELLS | {"training": -1}, "value.training", ""),
    ],
)
def test_amounts_that_make_no_sense_are_told(value: dict[str, object], key: str, told: str) -> None:
    assert_told({"value": value}, key, told)


def test_a_number_has_the_cost_of_its_error() -> None:
    declared = of_task("regression", "{currency: EUR, unit_error: 0.5, without_model: 3}").value
    assert declared is not None and (declared.unit_error, declared.without_model) == (0.5, 3)
    for value, told in {
        "{currency: EUR}": "the key 'unit_error' is missing",
        "{currency: EUR, unit_error: 1, true_positive: 2}": "true_positive means nothing for a regression model",
        "{currency: EUR, unit_error: 1, false_negative: 2}": "false_negative means nothing for a regression model",
    }.items():
        with pytest.raises(DefinitionError, match=told):
            of_task("regression", value)


def test_answers_of_several_classes_have_no_value_in_money() -> None:
    with pytest.raises(DefinitionError, match="no cells of right and wrong decisions"):
        of_task("multiclass", "{currency: EUR, true_positive: 2, false_positive: -1}")
