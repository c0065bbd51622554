"""The fairness gate at each of its limits: stated figures in, an outcome and a sentence out; and none where it is declined."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nightloop.definitions.gates import ErrorCosts, FairnessGate
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.fairness import fairness
from nightloop.evidence.fairness.fairness import Assessment, Comparison
from nightloop.evidence.gates import gates
from nightloop.evidence.verdict import Figure

DIFFERENCE, RATIO = "selection_rate_difference", "selection_rate_ratio"


def gap(value: float, low: float | None, high: float | None, measure: str = DIFFERENCE, **of: Any) -> Comparison:
    figure = Figure(measure, value, low, high, 20)
    return Comparison(measure, of.pop("by", "region"), figure, widest=of.pop("widest", ("a", "b")), **of)


def judged(*comparisons: Comparison, **limits: float) -> tuple[str, str]:
    outcome, clauses = fairness.judge(Assessment(comparisons, ()), {DIFFERENCE: 0.1, RATIO: 0.8, **limits}, minimum_rows=10)
    return outcome, "; ".join(clauses)


@pytest.mark.parametrize(
    ("comparison", "outcome", "words"),
    [
        (
            gap(0.05, 0.0, 0.0999),
            "pass",
            "the selection rate difference by region, 0.050 [0.000 to 0.100] (a over b), stays within",
        ),
        (gap(0.05, 0.0, 0.1), "pass", "stays within 0.1"),
        (gap(0.05, 0.0, 0.1001), "not_enough_evidence", "may be above 0.1"),
        (gap(0.2, 0.0999, 0.25), "not_enough_evidence", "may be above 0.1"),
        (gap(0.2, 0.1, 0.25), "not_enough_evidence", "may be above 0.1"),
        (gap(0.2, 0.1001, 0.25), "fail", "0.200 [0.100 to 0.250] (a over b), is above 0.1"),
        (gap(0.05, None, None), "not_enough_evidence", "no interval"),
        (gap(0.05, 0.0, math.nan), "not_enough_evidence", "may be above"),
        (gap(math.nan, None, None, widest=()), "not_enough_evidence", "too few rows to judge by region: only one region"),
        (
            gap(0.9, 0.85, 0.9, RATIO),
            "pass",
            "the selection rate ratio by region, 0.900 [0.850 to 0.900] (a over b), stays within 0.8",
        ),
        (gap(0.9, 0.8, 0.9, RATIO), "pass", "stays within 0.8"),
        (gap(0.9, 0.7999, 1.0, RATIO), "not_enough_evidence", "may be below 0.8"),
        (gap(0.5, 0.3, 0.8, RATIO), "not_enough_evidence", "may be below 0.8"),
        (gap(0.5, 0.3, 0.7999, RATIO), "fail", "is below 0.8"),
        (
            gap(math.nan, 0.9, 1.0, RATIO),
            "not_enough_evidence",
            "selection rate ratio by region is of nothing: every group has 0",
        ),
        # A group too small is no pass, in a column of its own; but what is shown of the others stays shown.
        (gap(0.05, 0.0, 0.09, small=("c (9)",)), "not_enough_evidence", "by region: c (9); 10 are needed in each"),
        (gap(0.2, 0.11, 0.25, small=("c (9)",)), "fail", "is above 0.1"),
        (gap(math.nan, None, None, widest=(), small=("a (9)", "c (8)")), "not_enough_evidence", "a (9), c (8)"),
        (gap(0.05, 0.0, 0.09, small=("c (9)",), is_crossing=True), "pass", "too small to compare by region: c (9)"),
        (gap(0.05, 0.0, 0.09, pooled=("c", "d"), is_crossing=True), "pass", "compared as one by region: c, d"),
        (
            gap(math.nan, None, None, widest=(), small=("c (9)",), is_crossing=True),
            "not_enough_evidence",
            "c (9); 10 are needed",
        ),
    ],
)
def test_each_limit(comparison: Comparison, outcome: str, words: str) -> None:
    assert judged(comparison)[0] == outcome
    assert words in judged(comparison)[1]


def test_one_beyond_fails_all_one_unclear_leaves_all_open_and_each_is_named() -> None:
    within, unclear = gap(0.05, 0.0, 0.09), gap(0.05, 0.0, 0.2, by="age")
    beyond = gap(0.5, 0.3, 0.7, RATIO, by="sex x age")
    assert judged(within, unclear)[0] == "not_enough_evidence" and "region" not in judged(within, unclear)[1]
    outcome, words = judged(within, unclear, beyond)
    assert outcome == "fail" and words.startswith("the selection rate ratio by sex x age") and "by age" not in words
    assert judged() == ("not_enough_evidence", "nothing was compared")


def test_a_pass_names_what_comes_nearest_to_each_limit_and_all_else_that_was_judged() -> None:
    outcome, words = judged(
        gap(0.01, 0.0, 0.04), gap(0.02, 0.0, 0.06, by="age"), gap(0.95, 0.85, 1, RATIO), gap(0.95, 0.9, 1, RATIO, by="age")
    )
    assert outcome == "pass"
    assert (
        "the selection rate difference by age, 0.020 [0.000 to 0.060] (a over b), stays within 0.1; so it does by region"
        in words
    )
    assert "the selection rate ratio by region, 0.950 [0.850 to 1.000] (a over b), stays within 0.8; so it does by age" in words


# --- the gate on rows -------------------------------------------------------------------------------------------------


def decisions(rates: dict[str, float], *, rows: int = 600, nights: int = 14, seed: int = 1) -> Evaluation:
    """Decide by group alone; what happens has nothing to do with it."""
    random = np.random.default_rng(seed)
    size = rows * nights
    group = random.choice(list(rates), size)
    probability = np.full(size, 0.1)
    return Evaluation(
        night=np.repeat(np.arange(nights), rows),
        label=random.random(size) < 0.1,
        candidate=probability,
        baseline=probability,
        champion=None,
        group=group,
        decision=random.random(size) < np.array([rates[name] for name in group]),
    )


def test_a_rate_of_four_beside_sixteen_in_a_hundred_fails_by_ratio_and_passes_by_difference() -> None:
    seen = decisions({"a": 0.04, "b": 0.16})
    by_difference = FairnessGate(group="g", metric=DIFFERENCE, maximum=0.2)
    assert gates.fairness(seen, by_difference).passed
    verdict = gates.fairness(seen, by_difference.model_copy(update={"limits": {RATIO: 0.8}}))
    assert verdict.outcome == "fail" and "ratio by g, 0.2" in verdict.reason and "(b over a), is below 0.8" in verdict.reason


@pytest.mark.parametrize(("crossings", "outcome"), [((), "pass"), (None, "fail"), ((("sex", "age"),), "fail")])
def test_a_gap_of_a_quarter_that_only_shows_in_sex_x_age_is_found_where_they_are_crossed(crossings: Any, outcome: str) -> None:
    seen = decisions({"north": 0.3})
    random = np.random.default_rng(2)
    sex, age = random.choice(["f", "m"], len(seen.label)), random.choice(["old", "young"], len(seen.label))
    chance = np.where((sex == "f") == (age == "old"), 0.425, 0.175)
    seen = replace(seen, group=sex, attributes={"age": age, "sex2": sex}, decision=random.random(len(sex)) < chance)
    limits = FairnessGate(group="sex2", metric=DIFFERENCE, maximum=0.1, attributes=("sex", "age"), crossings=crossings)
    verdict = gates.fairness(replace(seen, attributes={"age": age, "sex": sex}), limits)
    assert verdict.outcome == outcome, verdict.reason
    assert ("by sex x age, 0.2" in verdict.reason) == (outcome == "fail")


@pytest.mark.parametrize(
    ("measure", "limit", "spoil"),
    [
        ("equalised_odds_difference", 0.15, lambda seen, here: {"decision": np.where(here & ~seen.label, True, seen.decision)}),
        ("true_positive_rate_difference", 0.25, lambda seen, here: {"decision": seen.decision & ~(here & seen.label)}),
        ("calibration_bias", 0.05, lambda seen, here: {"candidate": np.where(here, 0.3, seen.candidate)}),
        ("error_cost_difference", 0.3, lambda seen, here: {"decision": np.where(here & ~seen.label, True, seen.decision)}),
    ],
)
def test_each_measure_opens_to_what_is_alike_and_stops_what_it_is_there_for(measure: str, limit: float, spoil: Any) -> None:
    seen = decisions({"a": 0.4, "b": 0.4})
    costs = ErrorCosts(false_positive=1, false_negative=2) if measure == "error_cost_difference" else None
    limits = FairnessGate(
        group="g", metric="false_positive_rate_difference", maximum=1, limits={measure: limit}, error_cost=costs
    )
    assert gates.fairness(seen, limits).passed, gates.fairness(seen, limits).reason
    verdict = gates.fairness(replace(seen, **spoil(seen, seen.group == "b")), limits)
    assert verdict.outcome == "fail" and measure.replace("_", " ") in verdict.reason


def test_what_errors_cost_is_counted_by_hand() -> None:
    seen = decisions({"a": 0.4, "b": 0.1}, rows=200)
    limits = FairnessGate(
        group="g",
        metric=DIFFERENCE,
        maximum=1,
        limits={"error_cost_difference": 5},
        error_cost=ErrorCosts(false_positive=1, false_negative=3),
    )
    figures = {(item.metric, item.group): item for item in gates.fairness(seen, limits).figures}
    assert seen.decision is not None
    wrong = (seen.decision & ~seen.label) + 3.0 * (~seen.decision & seen.label)
    for name in "ab":
        assert figures["error_cost", name].value == pytest.approx(wrong[seen.group == name].mean())


def test_a_use_case_without_the_gate_passes_with_its_reason() -> None:
    verdict = gates.fairness(decisions({"a": 0.0, "b": 1.0}), FairnessGate(none_because="the rows are pumps."))
    assert (verdict.outcome, verdict.figures) == ("pass", ())
    assert verdict.reason == "No fairness gate applies: the rows are pumps."


def test_a_gate_that_is_neither_declared_nor_declined_does_not_open() -> None:
    verdict = gates.fairness(decisions({"a": 0.3, "b": 0.3}), FairnessGate())
    assert verdict.outcome == "not_enough_evidence" and verdict.reason == "Nothing was compared."


def test_a_count_that_fairlearn_does_not_share_breaks_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = decisions({"a": 0.3, "b": 0.3})
    honest = gates.assessed(seen, FairnessGate(group="g", metric=DIFFERENCE, maximum=0.5))
    off = replace(honest, groups=tuple(replace(item, value=item.value + 0.01) for item in honest.groups))
    monkeypatch.setattr(gates, "assessed", lambda *_: off)
    with pytest.raises(ArithmeticError, match="Fairlearn"):
        gates.fairness(seen, FairnessGate(group="g", metric=DIFFERENCE, maximum=0.5))


def test_figures_of_the_gate_hold_every_group() -> None:
    limits: Any = SimpleNamespace(
        none_because=None, group="g", bounds={DIFFERENCE: 0.5}, crossed=(), error_costs=None, minimum_group_rows=10
    )
    verdict = gates.fairness(decisions({"a": 0.3, "b": 0.3}), limits)
    assert [(item.metric, item.group) for item in verdict.figures] == [
        (DIFFERENCE, "all"),
        ("selection_rate", "a"),
        ("selection_rate", "b"),
    ]
