"""Against the champion and against the best of the year: each rule just below, at, and just above its limit."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.definitions.gates import PerformanceGate
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates import gates
from nightloop.evidence.gates.succession import against_anchor, against_champion, succession
from nightloop.evidence.intervals import Estimate
from nightloop.evidence.metric_sets import BINARY

ROWS = 20
CANDIDATE, CHAMPION, ANCHOR = 0.7, 0.65, 0.75
LIMITS = PerformanceGate(margin_to_champion=0.02, yearly_budget=0.03, minimum_rows=ROWS)
SUPERIOR = LIMITS.model_copy(update={"rule": "superior"})


@dataclass(frozen=True)
class Stated(Estimate):
    """An estimate whose interval is stated, so that a limit can be put exactly at its end."""

    ends: tuple[float | None, float | None] = (None, None)

    def interval(self, nights: Any = None, confidence: float = 0.95) -> tuple[float | None, float | None]:
        return self.ends


@dataclass
class StatedDifferences:
    """A metric set whose paired differences are stated: what is tested is the rule, not the statistic."""

    over_champion: tuple[float, float | None, float | None] = (0.0, -0.005, 0.005)
    over_anchor: tuple[float, float | None, float | None] = (0.0, -0.005, 0.005)
    champion_over_anchor: tuple[float, float | None, float | None] = (-0.01, -0.015, -0.005)
    across_nights: tuple[float, float | None, float | None] | None = None
    metric, title, answers, no_skill, higher_is_better = "auc", "AUC", "probability", 0.5, True

    def constant_label(self, label: Any) -> str | None:
        return None

    def estimate(self, label: Any, prediction: Any) -> Estimate:
        return Stated(float(prediction[0]), np.zeros(0), (None, None))

    def improvement(self, label: Any, one: Any, other: Any, nights: Any = None) -> Estimate:
        against_anchor = self.champion_over_anchor if one[0] == CHAMPION else self.over_anchor
        over_champion = self.across_nights if nights is None and self.across_nights else self.over_champion
        value, *ends = {CHAMPION: over_champion, ANCHOR: against_anchor}[other[0]]
        return Stated(value, np.zeros(0), tuple(ends))


def compared(*, anchor: bool = True, **differences: Any) -> Evaluation:
    rows = np.arange(ROWS)
    return Evaluation(
        night=rows % 5,
        label=rows % 2 == 0,
        candidate=np.full(ROWS, CANDIDATE),
        baseline=np.full(ROWS, 0.6),
        champion=np.full(ROWS, CHAMPION),
        group=np.full(ROWS, "a"),
        decision=None,
        metric_set=StatedDifferences(**differences),  # type: ignore[arg-type]
        anchor=np.full(ROWS, ANCHOR) if anchor else None,
        champion_version=2,
        anchor_version=1 if anchor else None,
    )


@pytest.mark.parametrize("limits", [LIMITS, SUPERIOR, PerformanceGate(margin_to_champion=1.0, minimum_rows=ROWS)])
@pytest.mark.parametrize(("high", "is_worse"), [(-0.0001, True), (0.0, False), (0.0001, False)])
def test_an_interval_wholly_below_zero_never_passes_whatever_margin_and_rule(
    limits: PerformanceGate, high: float, is_worse: bool
) -> None:
    verdict = against_champion(compared(over_champion=(-0.005, -0.01, high)), limits)
    assert ("it is worse than the champion, wholly below zero" in verdict.reason) == is_worse, verdict.reason
    assert verdict.outcome == ("fail" if is_worse or limits.rule == "superior" else "pass")


@pytest.mark.parametrize("limits", [LIMITS, SUPERIOR])
@pytest.mark.parametrize(("high", "is_worse"), [(-0.0001, True), (0.0, False), (0.0001, False)])
def test_a_certain_loss_on_the_newest_nights_never_passes_however_good_all_nights_are(
    limits: PerformanceGate, high: float, is_worse: bool
) -> None:
    good = compared(over_champion=(0.02, 0.01, 0.03), across_nights=(-0.01, -0.02, high))
    verdict = against_champion(good, limits)
    assert verdict.outcome == ("fail" if is_worse else "pass")
    assert ("on its newest nights it is worse than the champion, wholly below zero" in verdict.reason) == is_worse
    assert f"over all rows of the newest 5 nights -0.010 [-0.020 to {high:.3f}]" in verdict.reason


def test_nights_of_earlier_origins_count_for_champion_and_best_of_the_year_and_are_counted() -> None:
    """Real differences: on the newest nights all are alike, on the earlier ones the candidate is worse."""
    worse = drawn(loss=1.5, seed=1)
    alike = replace(drawn(loss=0.0, seed=2), night=drawn(loss=0.0, seed=2).night + 10)
    limits = LIMITS.model_copy(update={"margin_to_champion": 0.2, "yearly_budget": 0.2})
    assert against_champion(alike, limits).outcome == "pass"
    verdict = against_champion(replace(alike, earlier=(worse,)), limits)
    assert verdict.outcome == "fail" and "on 20 nights" in verdict.reason, verdict.reason
    anchor = against_anchor(replace(alike, earlier=(worse,), anchor_version=1), limits)
    assert anchor is not None and "on 20 nights" in anchor.reason


def drawn(*, loss: float, seed: int) -> Evaluation:
    """Ten nights of 200 rows; the candidate's score has that much more noise than the champion's."""
    random = np.random.default_rng(seed)
    size = 2000
    signal = random.normal(size=size)
    champion = signal + random.normal(size=size) * 0.5
    candidate = champion + random.normal(size=size) * (loss + 0.05)
    return replace(
        compared(),
        night=np.arange(size) % 10,
        label=signal + random.normal(size=size) > 0,
        candidate=candidate,
        baseline=candidate,
        champion=champion,
        anchor=champion,
        group=np.full(size, "a"),
        metric_set=BINARY,
    )


@pytest.mark.parametrize(
    ("limits", "low", "outcome", "words"),
    [
        (LIMITS, -0.0199, "pass", "(margin 0.02)"),
        (LIMITS, -0.02, "fail", "by more than the margin: 0.010 [-0.020 to 0.030] (margin 0.02)"),
        (LIMITS, -0.0201, "fail", "by more than the margin"),
        (LIMITS, None, "fail", "no interval"),
        (SUPERIOR, 0.0001, "pass", "(rule superior)"),
        (SUPERIOR, 0.0, "fail", "not proved better than the champion: 0.010 [0.000 to 0.030] (rule superior)"),
        (SUPERIOR, -0.0001, "fail", "not proved better"),
        (SUPERIOR, None, "fail", "not proved better"),
    ],
)
def test_the_lower_end_counts_by_the_rule_of_the_use_case(
    limits: PerformanceGate, low: float | None, outcome: str, words: str
) -> None:
    verdict = against_champion(compared(over_champion=(0.01, low, 0.03)), limits)
    assert verdict.outcome == outcome and words in verdict.reason


@pytest.mark.parametrize("limits", [LIMITS, SUPERIOR])
@pytest.mark.parametrize(("gap", "outcome"), [(0.0, "fail"), (1e-9, "fail"), (1.1e-9, "pass")])
def test_the_same_answers_are_never_promoted(limits: PerformanceGate, gap: float, outcome: str) -> None:
    twin = replace(compared(over_champion=(0.01, 0.005, 0.02)), candidate=np.full(ROWS, CHAMPION))
    twin.candidate[-1] += gap
    verdict = against_champion(twin, limits)
    assert verdict.outcome == outcome, verdict.reason
    assert ("answers all 20 rows as the champion does: nothing is gained" in verdict.reason) == (outcome == "fail")


def test_the_same_order_with_other_probabilities_is_no_worse_and_not_proved_better() -> None:
    """A calibrated twin ranks as the champion does: its AUC differs by nothing, with an interval of no width."""
    twin = compared(over_champion=(0.0, 0.0, 0.0))
    assert against_champion(twin, LIMITS).outcome == "pass"
    assert against_champion(twin, SUPERIOR).outcome == "fail"
    assert against_champion(twin, LIMITS.model_copy(update={"margin_to_champion": 0.0})).outcome == "fail"


@pytest.mark.parametrize(
    ("low", "outcome"), [(-0.0299, "pass"), (-0.03, "fail"), (-0.0301, "fail"), (None, "fail"), (math.nan, "fail")]
)
def test_the_budget_of_the_year_just_above_at_and_below(low: float | None, outcome: str) -> None:
    verdict = against_anchor(compared(over_anchor=(-0.012, low, 0.002)), LIMITS)
    assert verdict is not None and verdict.outcome == outcome
    spent = "(of the yearly budget of 0.03 it spends 0.012, the champion 0.010; 0.018 left)"
    assert spent in verdict.reason and "version 1, the best of the year" in verdict.reason
    assert verdict.reason.startswith("it may have lost more than the yearly budget") == (outcome == "fail")


def test_what_is_spent_and_left_are_figures_with_intervals() -> None:
    verdict = against_anchor(compared(over_anchor=(-0.012, -0.02, 0.002)), LIMITS)
    assert verdict is not None
    figures = {item.metric: (item.value, item.low, item.high) for item in verdict.figures}
    assert figures["auc_over_anchor"] == (-0.012, -0.02, 0.002)
    assert figures["budget_spent"] == (0.012, 0.0, 0.02)
    assert figures["budget_left"] == pytest.approx((0.018, 0.01, 0.03))
    assert figures["budget_spent_before"] == (0.01, 0.005, 0.015)
    assert figures["anchor_auc"][0] == ANCHOR


def test_a_gain_spends_nothing() -> None:
    verdict = against_anchor(compared(over_anchor=(0.02, 0.01, 0.03)), LIMITS)
    assert verdict is not None and verdict.passed and "of the yearly budget of 0.03 it spends 0.000" in verdict.reason


def test_without_a_declared_budget_a_year_may_lose_as_much_as_one_training() -> None:
    limits = LIMITS.model_copy(update={"yearly_budget": None})
    for low, outcome in ((-0.0199, "pass"), (-0.02, "fail")):
        verdict = against_anchor(compared(over_anchor=(-0.01, low, 0.0)), limits)
        assert verdict is not None and verdict.outcome == outcome and "yearly budget of 0.02" in verdict.reason


def test_a_champion_that_is_the_best_of_the_year_is_compared_with_once() -> None:
    judged = replace(compared(over_champion=(-0.01, -0.025, 0.0)), anchor=np.full(ROWS, CHAMPION), anchor_version=2)
    (only,) = succession(judged, LIMITS)
    assert only.outcome == "fail"
    both = succession(judged, LIMITS.model_copy(update={"margin_to_champion": 0.026}))
    assert [part.outcome for part in both] == ["pass", "pass"]
    assert "budget_spent_before" not in {item.metric for part in both for item in part.figures}


def test_no_champion_of_the_year_asks_for_no_budget_and_one_that_cannot_answer_is_named() -> None:
    first = replace(compared(anchor=False), champion=None, champion_version=None)
    assert [part.reason for part in succession(first, LIMITS)] == ["no champion yet to compare with"]
    unable = replace(first, champion_version=2, unable=(1, 2))
    champion, anchor = succession(unable, LIMITS)
    assert champion.reason == "not compared with the champion, version 2, which cannot answer what is asked today"
    assert anchor.passed and "not compared with version 1, which cannot answer" in anchor.reason
    judged = against_anchor(replace(compared(), anchor_version=2, unable=(1,)), LIMITS)
    assert judged is not None and "not compared with version 1, which cannot answer" in judged.reason


@pytest.mark.parametrize(("seen", "outcome"), [(0, "pass"), (1, "not_enough_evidence")])
def test_rows_that_the_best_of_the_year_has_seen_do_not_count(seen: int, outcome: str) -> None:
    judged = compared()
    anchor = np.where(np.arange(ROWS) < seen, math.nan, ANCHOR)
    verdict = against_anchor(replace(judged, anchor=anchor[::-1].copy()), LIMITS)
    assert verdict is not None and verdict.outcome == outcome
    if seen:
        assert verdict.reason.startswith("only 19 rows of 5 nights that version 1, the best of the year has not seen")


intervals = st.tuples(*[st.floats(-0.1, 0.1)] * 3).map(sorted).map(lambda ends: (ends[1], ends[0], ends[2]))


@settings(max_examples=300, deadline=None)
@given(over_champion=intervals, over_anchor=intervals, margin=st.floats(0, 0.1), more=st.floats(0, 0.1))
def test_whoever_passes_both_is_not_wholly_worse_and_within_margin_and_budget(
    over_champion: Any, over_anchor: Any, margin: float, more: float
) -> None:
    limits = PerformanceGate(margin_to_champion=margin, yearly_budget=margin + more, minimum_rows=ROWS)
    parts = succession(compared(over_champion=over_champion, over_anchor=over_anchor), limits)
    expected = over_champion[2] >= 0 and over_champion[1] > -margin and over_anchor[1] > -(margin + more)
    assert all(part.passed for part in parts) == expected
    better = tuple(end + 0.05 for end in over_champion)
    again = succession(compared(over_champion=better, over_anchor=over_anchor), limits)
    assert all(part.passed for part in again) >= expected, "a better candidate is never refused where a worse one passes"


@pytest.mark.parametrize("fault", ["wholly worse", "beyond the budget"])
def test_each_shuts_the_gate_itself(fault: str) -> None:
    random = np.random.default_rng(1)
    rows = 14 * 200
    night = np.repeat(np.arange(14), 200)
    known, more = random.normal(size=(2, rows))
    label = random.random(rows) < 1 / (1 + np.exp(-known - more))
    full, half, third = (1 / (1 + np.exp(-(known + share * more))) for share in (1.0, 0.2, 0.19))
    worse = Evaluation(night, label, half, np.full(rows, 0.5), full, np.full(rows, "a"), None)
    crept = replace(worse, champion=third, anchor=full, champion_version=2, anchor_version=1)
    limits = PerformanceGate(margin_to_champion=0.5, yearly_budget=0.03, over_baseline=0, suspicious_above=1)
    judged, words = {
        "wholly worse": (worse, "It is worse than the champion"),
        "beyond the budget": (crept, "lost more than the yearly budget"),
    }[fault]
    verdict = gates.performance(judged, limits)
    assert verdict.outcome == "fail" and words.lower() in verdict.reason.lower()
    honest = replace(judged, candidate=full, champion=half)
    assert gates.performance(honest, limits).passed
