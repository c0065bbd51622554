"""Slices: a loss in one part is found, and of twenty alike none fails by chance more often than stated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nightloop.definitions.candidate_gates import SlicesGate
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates.slices import judge_slices, parts_of
from nightloop.evidence.metric_sets import metric_set_of

NIGHTS, ROWS, PARTS = 14, 400, 20
LIMITS = SlicesGate(by=("part",), maximum_loss=0.1, minimum_rows=100)
NUMBER = metric_set_of("regression")


def world(seed: int, loss: dict[int, float]) -> tuple[Evaluation, np.ndarray]:
    """Make a candidate whose mean absolute error is above the champion's by ``loss`` in each part."""
    random = np.random.default_rng(seed)
    night, part = np.repeat(np.arange(NIGHTS), ROWS), random.integers(0, PARTS, NIGHTS * ROWS)
    size = len(part)
    label, error = random.normal(0, 5, size), random.exponential(1.0, size) + 1
    added = np.array([loss.get(place, 0.0) for place in range(PARTS)])[part] + random.normal(0, 0.05, NIGHTS)[night]
    noise = random.normal(0, 0.2, size)
    evaluation = Evaluation(
        night=night,
        label=label,
        candidate=label + error + added + noise,
        baseline=label + error + 1,
        champion=label + error,
        group=np.full(size, "all"),
        decision=None,
        metric_set=NUMBER,
    )
    return evaluation, np.array([f"p{place}" for place in part])


def judged(seed: int, loss: dict[int, float], limits: SlicesGate = LIMITS):
    evaluation, part = world(seed, loss)
    return judge_slices(evaluation, {"part": part}, limits)


def test_a_loss_in_one_slice_fails_with_its_name_while_the_whole_is_better() -> None:
    loss = dict.fromkeys(range(PARTS), -0.05) | {7: 0.4}
    verdict = judged(1, loss)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("In part=p7 it is worse than the champion: -0.")
    assert ";" not in verdict.reason
    assert len(verdict.figures) == PARTS and verdict.figures[0].least == -0.1


def test_with_every_slice_at_the_limit_some_slice_fails_in_no_more_trainings_than_stated() -> None:
    at_limit = dict.fromkeys(range(PARTS), 0.1)
    outcomes = [judged(seed, at_limit).outcome for seed in range(150)]
    assert outcomes.count("fail") / len(outcomes) <= 0.06  # nominal 2.5 %; slices of a night are alike here
    assert {judged(seed, {}).outcome for seed in range(40)} == {"pass"}


def test_slices_with_too_few_rows_are_named_and_alone_are_not_enough_evidence() -> None:
    evaluation, part = world(3, {})
    rare = np.where(np.arange(len(part)) < 60, "rare", "other")
    verdict = judge_slices(evaluation, {"part": rare}, LIMITS)
    assert verdict.passed and "too few rows, nights or outcomes to judge part=rare (60)" in verdict.reason
    strict = LIMITS.model_copy(update={"minimum_rows": 5000})
    assert judge_slices(evaluation, {"part": part}, strict).outcome == "not_enough_evidence"


def test_without_a_champion_the_baseline_is_the_rival_and_of_a_champion_only_unseen_rows_count() -> None:
    evaluation, part = world(4, {3: 0.9})
    assert judge_slices(replace(evaluation, champion=None), {"part": part}, LIMITS).passed
    seen = np.where(evaluation.night < 10, np.nan, evaluation.champion)
    verdict = judge_slices(replace(evaluation, champion=seen), {"part": part}, LIMITS)
    assert verdict.outcome == "not_enough_evidence", "four nights are too few"


def test_what_is_not_declared_passes_and_says_so() -> None:
    evaluation, _ = world(5, {})
    assert judge_slices(evaluation, {}, None).reason == "No slices are declared."


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_none_fails(value: float) -> None:
    evaluation, part = world(6, {})
    verdict = judge_slices(replace(evaluation, candidate=np.full(len(part), value)), {"part": part}, LIMITS)
    assert verdict.outcome == "fail" and "no prediction" in verdict.reason


def test_a_feature_is_divided_by_value_or_by_quarters_and_what_is_missing_is_a_part() -> None:
    few = np.array([1.0, 2.0, np.nan, 2.0])
    assert parts_of(few, few).tolist() == ["1", "2", "missing", "2"]
    many = np.arange(101.0)
    named = parts_of(np.array([-5.0, 25.0, 25.1, 60.0, 500.0, np.nan]), many)
    assert named.tolist() == ["up to 25", "up to 25", "25 to 50", "50 to 75", "above 75", "missing"]
