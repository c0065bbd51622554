"""Behaviour: directions, invariances and extremes, each at its limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nightloop.definitions.candidate_gates import BehaviourGate
from nightloop.evidence.gates.behaviour import Answers, judge_behaviour, largest_fall
from nightloop.evidence.metric_sets import BINARY

UP = np.array([[0.1, 0.2, 0.2], [0.3, 0.5, 0.9]])


def judged(limits: dict[str, Any] | None = None, **answers: Any):
    given = {"cases": ("all missing", "debt at its least"), "extremes": np.array([0.2, 0.9]), **answers}
    return judge_behaviour(Answers(**given), BehaviourGate(**(limits or {})), BINARY)


def test_what_holds_passes_and_the_reason_says_what_was_tried() -> None:
    verdict = judged(increasing={"debt": UP}, decreasing={"income": -UP}, changed={"sex": np.zeros(9, dtype=bool)})
    assert verdict.passed
    assert verdict.reason == (
        "2 declared directions hold; decisions do not hang on sex; 2 rows at extremes have probabilities for answers."
    )
    assert [figure.group for figure in verdict.figures] == ["debt", "income", "sex", "all"]


@pytest.mark.parametrize(("fall", "outcome"), [(0.009, "pass"), (0.01, "pass"), (0.011, "fail"), (np.nan, "fail")])
def test_an_answer_may_go_against_a_direction_by_no_more_than_the_limit(fall: float, outcome: str) -> None:
    sweep = UP.copy()
    sweep[1, 2] = 0.5 - fall
    for direction, sign in (("increasing", 1), ("decreasing", -1)):
        verdict = judged({"maximum_reversal": 0.01 + 1e-12}, **{direction: {"debt": sign * sweep}})
        assert verdict.outcome == outcome
        assert outcome == "pass" or f"{'falls' if sign > 0 else 'rises'} by" in verdict.reason


def test_a_fall_is_measured_from_the_highest_answer_before_it() -> None:
    assert largest_fall(np.array([[0.1, 0.9, 0.6, 0.7]])) == pytest.approx(0.3)
    assert largest_fall(np.zeros((0, 4))) == 0.0


@pytest.mark.parametrize(("share", "outcome"), [(0.0, "pass"), (0.2, "pass"), (0.3, "fail")])
def test_decisions_may_change_in_no_more_rows_than_the_limit(share: float, outcome: str) -> None:
    verdict = judged({"maximum_change": 0.2}, changed={"sex": np.arange(10) < 10 * share})
    assert verdict.outcome == outcome
    assert outcome == "pass" or "another value of sex changes 30.0% of the decisions" in verdict.reason.lower()


def test_no_rows_to_change_are_no_proof() -> None:
    assert judged(changed={"sex": np.zeros(0, dtype=bool)}).outcome == "fail"


@pytest.mark.parametrize("answer", [np.nan, np.inf, 1.2, -0.1])
def test_an_answer_at_an_extreme_that_is_none_fails_and_the_case_is_named(answer: float) -> None:
    verdict = judged(extremes=np.array([0.2, answer]))
    assert verdict.outcome == "fail" and verdict.reason == "No probability is answered where debt at its least."


def test_of_many_cases_three_are_named_and_what_infinity_broke_is_a_fault() -> None:
    cases = tuple(f"case {i}" for i in range(5))
    verdict = judged(cases=cases, extremes=np.full(5, np.nan), broken="inf is answered by nan")
    assert "case 2, 2 more; inf is answered by nan" in verdict.reason
    assert judged(broken="inf is answered by nan").outcome == "fail"
