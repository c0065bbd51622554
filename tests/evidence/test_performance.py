"""The verdict on realised performance: each claim at its limits, the faults it was blind to, and how often it is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nightloop.evidence import multiclass
from nightloop.evidence.metric_sets import BINARY, metric_set_of
from nightloop.evidence.performance import PerformanceLimits, performance_verdict, pooled_figures
from nightloop.evidence.verdict import Figure, Outcome, Verdict

NUMBER, CLASSES = metric_set_of("regression"), metric_set_of("multiclass", ("a", "b", "c"), "b")
LIMITS = PerformanceLimits(200, floor=0.55, maximum_bias=0.05, maximum_error=0.05)


def verdict(
    value: float, low: float | None, high: float | None, *more: Figure, rows: int = 100, metric_set: Any = BINARY, **limits: Any
) -> Verdict:
    figures = (
        Figure("brier", 0.2, 0.1, 0.3, rows),
        Figure(metric_set.metric, 0.99, 0.98, 1.0, rows, "region=a"),
        Figure(metric_set.metric, value, low, high, rows),
        *more,
    )
    declared = PerformanceLimits(**({"minimum_rows": 100, "floor": 0.6} | limits))
    return performance_verdict(figures, rows, 7, declared, metric_set)


@pytest.mark.parametrize(
    ("value", "high", "outcome"),
    [
        (0.55, 0.5999, "fail"),
        (0.55, 0.6, "not_enough_evidence"),
        (0.5999, 0.7, "not_enough_evidence"),
        (0.6, 0.7, "pass"),
        (0.6001, 0.7, "pass"),
    ],
)
def test_an_auc_fails_when_its_whole_interval_lies_below_the_floor(value: float, high: float, outcome: Outcome) -> None:
    answer = verdict(value, 0.5, high)
    assert (answer.gate, answer.outcome) == ("performance", outcome)
    basis = "over 100 matured labels of 7 scored nights; the floor is 0.6."
    assert answer.reason == f"Realised AUC {value:.3f} (0.500 to {high:.3f}) {basis}"


@pytest.mark.parametrize("metric_set", [NUMBER, CLASSES], ids=["regression", "multiclass"])
@pytest.mark.parametrize(
    ("value", "low", "outcome"),
    [
        (2.5, 2.0001, "fail"),
        (2.5, 2.0, "not_enough_evidence"),
        (2.0001, 1.5, "not_enough_evidence"),
        (2.0, 1.5, "pass"),
        (1.9999, 1.5, "pass"),
    ],
)
def test_an_error_fails_when_its_whole_interval_lies_above_the_ceiling(
    metric_set: Any, value: float, low: float, outcome: Outcome
) -> None:
    answer = verdict(value, low, 3.0, metric_set=metric_set, ceiling=2.0)
    assert answer.outcome == outcome
    assert answer.reason.endswith("; the ceiling is 2.")


def test_an_error_without_a_ceiling_is_not_judged() -> None:
    answer = verdict(2.5, 2.0, 3.0, metric_set=NUMBER)
    assert answer.outcome == "not_enough_evidence" and answer.reason.endswith("; no ceiling is declared.")


@pytest.mark.parametrize(
    ("rows", "outcome", "reason"),
    [
        (0, "not_enough_evidence", "No label of a scored night is known yet."),
        (99, "not_enough_evidence", "99 matured labels are too few to judge realised performance; 100 are asked for."),
        (100, "pass", "Realised AUC"),
    ],
)
def test_a_verdict_needs_the_declared_rows(rows: int, outcome: Outcome, reason: str) -> None:
    answer = verdict(0.7, 0.65, 0.75, rows=rows)
    assert answer.outcome == outcome and answer.reason.startswith(reason)
    assert len(answer.figures) == 3, "what was measured stays, whatever the verdict"


@pytest.mark.parametrize(("low", "high"), [(None, None), (0.5, None), (None, 0.9)])
def test_a_figure_without_an_interval_is_no_evidence(low: float | None, high: float | None) -> None:
    answer = verdict(0.1, low, high)
    assert answer.outcome == "not_enough_evidence"
    assert answer.reason == "Realised AUC 0.100 stands on one scored night (100 labels); one night tells nothing of others."


def test_labels_that_are_all_equal_have_no_order_but_may_show_a_bias() -> None:
    only_groups = (Figure("auc", 0.7, 0.6, 0.8, 500, "region=a"), Figure("brier", 0.2, 0.1, 0.3, 500))
    answer = performance_verdict(only_groups, 1500, 7, LIMITS)
    assert answer.outcome == "not_enough_evidence"
    assert answer.reason == "All 1,500 matured labels are alike; there is no order to judge."
    off = Figure("calibration_bias", 0.3, 0.29, 0.31, 1500)
    answer = performance_verdict((*only_groups, off), 1500, 7, LIMITS)
    assert answer.outcome == "fail" and answer.reason.endswith("; bias 0.300 (0.290 to 0.310), beyond 0.05.")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("value", "nearest", "outcome"),
    [
        (0.04, 0.02, "pass"),
        (0.05, 0.02, "pass"),
        (0.0501, 0.02, "not_enough_evidence"),
        (0.06, 0.05, "not_enough_evidence"),
        (0.06, 0.0501, "fail"),
    ],
)
@pytest.mark.parametrize("metric", ["calibration_bias", "bias"])
def test_a_bias_is_judged_on_either_side(metric: str, value: float, nearest: float, outcome: Outcome, sign: int) -> None:
    low, high = sorted((sign * nearest, sign * 0.08))
    item = Figure(metric, sign * value, low, high, 100)
    answer = verdict(0.7, 0.65, 0.75, item, maximum_bias=0.05)
    assert answer.outcome == outcome
    words = {
        "pass": "within 0.05",
        "not_enough_evidence": "more than 0.05, which nights may explain",
        "fail": "beyond 0.05",
    }[outcome]
    assert answer.reason.endswith(f"; bias {sign * value:.3f} ({low:.3f} to {high:.3f}), {words}.")
    assert verdict(0.7, 0.65, 0.75, item).outcome == "pass", "without a limit nothing is judged"


@pytest.mark.parametrize(
    ("value", "low", "outcome"),
    [(0.05, 0.0, "pass"), (0.0501, 0.05, "not_enough_evidence"), (0.06, 0.0501, "fail")],
)
def test_a_calibration_error_is_judged(value: float, low: float, outcome: Outcome) -> None:
    item = Figure("debiased_calibration_error", value, low, 0.09, 100)
    answer = verdict(0.7, 0.65, 0.75, item, maximum_error=0.05)
    assert answer.outcome == outcome and "; calibration error 0.0" in answer.reason


@pytest.mark.parametrize(
    ("value", "high", "outcome", "words"),
    [
        (0.0, 0.1, "pass", "at least as good as the best constant answer"),
        (-0.001, 0.0, "not_enough_evidence", "not better than the best constant answer"),
        (-0.01, -0.001, "fail", "worse than the best constant answer"),
    ],
)
@pytest.mark.parametrize("metric_set", [BINARY, NUMBER, CLASSES], ids=["binary", "regression", "multiclass"])
def test_answers_must_be_worth_more_than_a_constant(
    metric_set: Any, value: float, high: float, outcome: Outcome, words: str
) -> None:
    name, title = metric_set.skill
    answer = verdict(0.7, 0.65, 0.75, Figure(name, value, -0.2, high, 100), metric_set=metric_set, ceiling=1.0)
    assert answer.outcome == outcome
    assert f"; {title} {value:.3f} (-0.200 to {high:.3f}), {words} to the same rows" in answer.reason


def test_the_gravest_claim_decides_and_stands_before_the_others() -> None:
    doubtful = Figure("calibration_bias", 0.06, 0.0, 0.09, 100)
    broken = Figure("brier_skill", -0.2, -0.3, -0.1, 100)
    answer = verdict(0.7, 0.65, 0.75, doubtful, broken, maximum_bias=0.05)
    assert answer.outcome == "fail"
    assert answer.reason.index("Brier skill") < answer.reason.index("bias 0.060")


# --- what nights of rows come to --------------------------------------------------------------------------------------


def nights_of(random: np.random.Generator, nights: int, rows: int, effect: float, bias: float = 0.0) -> tuple[Any, ...]:
    """Return labels, probabilities, decisions and nights; a night's level is its own, and the model does not know it."""
    night = np.repeat(np.arange(nights), rows)
    score = random.normal(size=night.size)
    logit = 0.9 * score - 0.6
    level = random.normal(size=nights)[night] * effect
    label = random.random(night.size) < 1 / (1 + np.exp(-(logit + level)))
    probability = np.clip(1 / (1 + np.exp(-logit)) + bias, 0.001, 0.999)
    return label, probability, probability >= 0.5, night


def judged(random: np.random.Generator, nights: int, effect: float, bias: float = 0.0) -> Verdict:
    rows = nights_of(random, nights, 300, effect, bias)
    return performance_verdict(pooled_figures(*rows), len(rows[0]), nights, LIMITS)


def test_a_brier_score_worse_than_the_base_rates_with_probabilities_far_too_low_fails() -> None:
    """Half-hourly electricity prices: an order that is good, a bias of -0.24, and 179 nights that passed."""
    answer = judged(np.random.default_rng(18), 7, 0.15, bias=-0.24)
    assert answer.outcome == "fail"
    assert "bias -0.24" in answer.reason and "beyond 0.05" in answer.reason
    assert "worse than the best constant answer" in answer.reason
    order_alone = performance_verdict(answer.figures, 2100, 7, PerformanceLimits(200, floor=0.55))
    assert order_alone.outcome == "fail", "by its skill alone"


@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_a_model_that_means_what_it_says_fails_rarely(effect: float) -> None:
    """300 windows of seven nights, seed 181: at most 2 of 100 fail, though limits are as narrow as the gate's defaults."""
    random = np.random.default_rng(181)
    outcomes = [judged(random, 7, effect).outcome for _ in range(300)]
    assert outcomes.count("fail") <= 6


def test_a_bias_at_its_limit_fails_in_at_most_one_window_of_twenty() -> None:
    """300 windows of seven nights, seed 182; a truth of 0.05 that is clipped nowhere, by both ends of a 95 % interval."""
    random = np.random.default_rng(182)
    fails = 0
    for _ in range(300):
        night = np.repeat(np.arange(7), 200)
        level = 0.35 + random.normal(size=7)[night] * 0.03
        label = random.random(night.size) < level
        figures = pooled_figures(label, np.full(night.size, 0.40), np.zeros(night.size, bool), night)
        bias = next(item for item in figures if item.metric == "calibration_bias")
        fails += bias.low is not None and bias.low > 0.05
    assert fails / 300 <= 0.05


def test_skill_of_classes_is_the_error_saved_over_their_shares() -> None:
    from sklearn.metrics import log_loss

    random = np.random.default_rng(183)
    label = random.integers(0, 3, 600)
    shares = np.bincount(label) / 600
    answers = random.dirichlet([2, 2, 2], 600)
    saved = 1 - log_loss(label, answers) / log_loss(label, np.tile(shares, (600, 1)))
    assert multiclass.skill(label, answers).value == pytest.approx(saved)
    assert multiclass.skill(label, np.tile(shares, (600, 1))).value == pytest.approx(0)
    assert np.isnan(multiclass.skill(np.zeros(5, np.int64), answers[:5]).value)
    assert np.isnan(multiclass.skill(label[:0], answers[:0]).value)


def test_the_influences_of_a_skill_are_its_slopes() -> None:
    """A row that counts for a little more moves the figure by its influence."""
    random = np.random.default_rng(184)
    label, answers = random.integers(0, 3, 200), random.dirichlet([3, 3, 3], 200)
    estimate = multiclass.skill(label, answers)
    many = 50
    weighted_label = np.concatenate([np.repeat(label, many), label[:1]])
    weighted_answers = np.concatenate([np.repeat(answers, many, axis=0), answers[:1]])
    moved = multiclass.skill(weighted_label, weighted_answers).value - estimate.value
    assert moved == pytest.approx(estimate.influence[0] / many, rel=0.02)
