"""The calibration gate on the nights of earlier origins and on the newest: at its limits, and its error rates by simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nightloop.definitions.gates import CalibrationGate
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates import gates
from nightloop.evidence.intervals import Floats
from nightloop.evidence.metric_sets import metric_set_of
from nightloop.evidence.verdict import Verdict

NIGHTS, ROWS, LIMIT = 14, 40, 0.15
WANDER = np.tile([-0.3, 0.3], NIGHTS // 2)  # so much do nights differ that a fortnight shows nothing within the limit
QUIET = np.tile([-0.02, 0.02], NIGHTS // 2)


def window(of_night: Floats, *, start: int = 0, of_group: float = 0.0) -> Evaluation:
    """Make rows whose answers are off by so much each night (n,), and by more in group a, less in group b."""
    night = np.repeat(np.arange(len(of_night)), ROWS)
    is_a = np.arange(len(night)) % 2 == 0
    answer = np.linspace(0.2, 0.8, len(night))
    label = answer - of_night[night] - np.where(is_a, of_group, -of_group)
    return Evaluation(
        night=start + night,
        label=label,
        candidate=answer,
        baseline=answer,
        champion=None,
        group=np.where(is_a, "a", "b"),
        decision=None,
        metric_set=metric_set_of("regression"),
    )


def judged(newest: Evaluation, *earlier: Floats) -> Verdict:
    windows = tuple(window(each, start=100 * i) for i, each in enumerate(earlier, start=1))
    limits = CalibrationGate(maximum_error=LIMIT + 0.1, maximum_bias=LIMIT, minimum_rows=100)
    return gates.calibration(replace(newest, earlier=windows), limits)


def test_nights_that_differ_are_shown_by_many_of_them() -> None:
    alone = judged(window(WANDER))
    assert alone.outcome == "not_enough_evidence" and "not shown to be within 0.15" in alone.reason
    many = judged(window(WANDER), *[WANDER] * 5)
    assert many.passed, many.reason
    assert "of 84 nights" in many.reason and "on its newest nights bias" in many.reason
    bias = {item.metric: item for item in many.figures if item.group == "all"}
    assert (bias["bias"].n, bias["bias_newest"].n) == (84 * ROWS, 14 * ROWS)


@pytest.mark.parametrize(
    ("off", "outcome", "words"),
    [
        (0.125, "pass", "Calibration error"),
        (LIMIT + 0.001, "not_enough_evidence", "On its newest nights its predictions are off by 0.151"),
        (-LIMIT - 0.001, "not_enough_evidence", "more than 0.15"),
    ],
)
def test_the_candidate_itself_must_not_be_off_by_more_on_its_newest_nights(off: float, outcome: str, words: str) -> None:
    verdict = judged(window(WANDER + off), *[QUIET] * 5)
    assert verdict.outcome == outcome and words in verdict.reason, verdict.reason


def test_a_group_of_the_newest_nights_must_not_be_off_by_more() -> None:
    assert judged(window(WANDER, of_group=LIMIT - 0.001), *[QUIET] * 5).passed
    verdict = judged(window(WANDER, of_group=LIMIT + 0.001), *[QUIET] * 5)
    assert verdict.outcome == "not_enough_evidence" and "redictions of a are off by 0.151" in verdict.reason, verdict.reason


def test_a_candidate_shown_to_be_beyond_fails_whatever_its_recipe_was() -> None:
    verdict = judged(window(QUIET + LIMIT + 0.05), *[QUIET] * 5)
    assert verdict.outcome == "fail", verdict.reason
    assert "On its newest nights its predictions are off by 0.200" in verdict.reason


def test_a_recipe_shown_to_be_beyond_fails_whatever_the_candidate_is() -> None:
    verdict = judged(window(QUIET), *[QUIET + LIMIT + 0.08] * 5)
    assert verdict.outcome == "fail" and "Its predictions are off by 0.19" in verdict.reason, verdict.reason


def test_a_recipe_that_is_not_shown_to_be_within_waits() -> None:
    verdict = judged(window(QUIET), *[WANDER + LIMIT - 0.01] * 5)
    assert verdict.outcome == "not_enough_evidence" and "Its predictions are off by" in verdict.reason, verdict.reason


def test_error_rates_where_nights_wander_as_those_of_an_airport_do() -> None:
    """Nights off by 0.22 (one standard deviation), as those of LaGuardia; 200 trainings of each kind, nominal 2.5 %."""
    random, trainings = np.random.default_rng(2013), 200

    def passed(recipe: float, candidate: float, windows: int = 5) -> float:
        made = [random.normal(0, 0.22, (windows + 1, NIGHTS)) for _ in range(trainings)]
        verdicts = [judged(window(each[0] + candidate), *(each[1:] + recipe)) for each in made]
        return float(np.mean([verdict.passed for verdict in verdicts]))

    assert passed(0.0, 0.0) >= 0.95  # without any bias
    assert passed(0.0, 0.0, windows=0) <= 0.7  # by its own fortnight alone
    assert passed(LIMIT, LIMIT) <= 0.05  # a recipe at the limit
    assert passed(0.0, 2 * LIMIT) <= 0.01  # a candidate at twice the limit, of a recipe without any
