"""Every limit of every gate, just below, at, and just above; every "not enough evidence"; every guard, one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nightloop.evidence.evaluation import MINIMUM_NIGHTS, Evaluation
from nightloop.evidence.fairness.group_counts import Mean
from nightloop.evidence.gates import gates
from nightloop.evidence.gates.bundle import Package
from nightloop.evidence.intervals import Estimate
from nightloop.evidence.metric_sets import BINARY, metric_set_of
from nightloop.evidence.verdict import Figure

ROWS, NIGHTS = 20, 5


def figure(metric: str, value: float, low: float | None, high: float | None, *place: Any) -> Figure:
    return Figure(metric, value, low, high, *(place or (ROWS,)))


@dataclass(frozen=True)
class Stated(Estimate):
    """An estimate whose interval is stated, so that a limit can be put exactly at its end."""

    ends: tuple[float | None, float | None] = (None, None)

    def interval(self, nights: Any = None, confidence: float = 0.95) -> tuple[float | None, float | None]:
        return self.ends


def stated(value: float, low: float | None, high: float | None) -> Stated:
    return Stated(value, np.zeros(0), (low, high))


@dataclass
class StatedMetrics:
    """A metric set whose figures are stated: what is tested is the gate, not the statistic."""

    candidate: float = 0.7
    discrimination_low: float | None = 0.6
    over_baseline: tuple[float | None, float | None] = (0.02, 0.1)
    over_champion: tuple[float | None, float | None] = (-0.005, 0.1)
    bias: tuple[float | None, float | None] = (-0.01, 0.01)
    invalid: int = 0
    constant: str | None = None
    excess: str | None = None
    metric, title, answers, no_skill, higher_is_better = "auc", "AUC", "probability", 0.5, True
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def is_invalid(self, prediction: Any) -> Any:
        return np.arange(len(prediction)) < self.invalid

    def constant_label(self, label: Any) -> str | None:
        return self.constant

    def estimate(self, label: Any, prediction: Any) -> Estimate:
        return stated(self.candidate, self.candidate - 0.05, self.candidate + 0.05)

    def improvement(self, label: Any, one: Any, other: Any, nights: Any = None) -> Estimate:
        low, high = self.over_baseline if other[0] == BASELINE else self.over_champion
        return stated(0.03, low, high)

    def discrimination(self, label: Any, prediction: Any, nights: Any) -> Figure:
        return figure("auc", self.candidate + 0.001, self.discrimination_low, 0.8)

    def too_good(self, value: float, limits: Any) -> str | None:
        return self.excess

    def calibration(self, label: Any, prediction: Any, nights: Any) -> tuple[Figure, ...]:
        self.calls.append(("calibration", prediction[0]))
        return (figure("calibration_error", 0.03, None, None), figure("calibration_bias", 0.0, *self.bias))

    def predicted_and_observed(self, label: Any, prediction: Any) -> tuple[Any, Any]:
        self.calls.append(("predicted_and_observed", prediction[0]))
        return prediction, prediction

    def bounds(self, metric: str) -> tuple[float, float]:
        return (-1.0, 1.0)

    def group_mean(self, name: str, label: Any, prediction: Any, decision: Any, *, costs: Any) -> Mean:
        self.calls.append((name, prediction[0]))
        return Mean(decision)


CANDIDATE, BASELINE, CHAMPION = 0.7, 0.6, 0.65


def evaluation(rows: int = ROWS, nights: int = NIGHTS, champion: float | None = CHAMPION, **figures: Any) -> Evaluation:
    return Evaluation(
        night=np.arange(rows) % nights,
        label=np.arange(rows) % 2 == 0,
        candidate=np.full(rows, CANDIDATE),
        baseline=np.full(rows, BASELINE),
        champion=None if champion is None else np.full(rows, champion),
        group=np.where(np.arange(rows) // nights % 2 == 0, "a", "b"),
        decision=np.arange(rows) // 2 // nights % 2 == 0,
        metric_set=StatedMetrics(**figures),  # type: ignore[arg-type]
    )


def limits(**changes: Any) -> Any:
    declared = {
        "over_baseline": 0.01,
        "margin_to_champion": 0.02,
        "rule": "non_inferior",
        "yearly_budget": None,
        "minimum_rows": ROWS,
        "suspicious_above": 0.95,
        "suspicious_below": None,
        "maximum_error": 0.05,
        "maximum_bias": 0.04,
        "maximum_group_bias": None,
        "none_because": None,
        "group": "region",
        "bounds": {"selection_rate_difference": 0.1},
        "crossed": (),
        "error_costs": None,
        "minimum_group_rows": 10,
    }
    return SimpleNamespace(**(declared | changes))


def test_a_candidate_within_every_limit_passes_every_gate() -> None:
    judged = evaluation()
    assert gates.performance(judged, limits()).outcome == "pass"
    assert gates.calibration(judged, limits()).outcome == "pass"
    assert gates.fairness(judged, limits()).outcome == "pass"


@pytest.mark.parametrize(
    ("figures", "outcome", "words"),
    [
        # The lower end of the improvement over the baseline must lie above the limit: at it is not above.
        ({"over_baseline": (0.0101, 0.1)}, "pass", "over the baseline 0.030"),
        ({"over_baseline": (0.01, 0.1)}, "fail", "improvement over the baseline"),
        ({"over_baseline": (0.0099, 0.1)}, "fail", "may be no more than 0.01"),
        ({"over_baseline": (None, None)}, "fail", "no interval"),
        # Of the improvement over the champion the lower end must lie above minus the margin.
        ({"over_champion": (-0.0199, 0.1)}, "pass", "improvement over the champion"),
        ({"over_champion": (-0.02, 0.1)}, "fail", "worse than the champion by more than the margin"),
        ({"over_champion": (-0.0201, 0.1)}, "fail", "(margin 0.02)"),
        ({"over_champion": (None, None)}, "fail", "worse than the champion"),
        # The lower end of the discrimination must lie above that of no skill.
        ({"discrimination_low": 0.5001}, "pass", "AUC 0.700"),
        ({"discrimination_low": 0.5}, "fail", "may be no better than a coin"),
        ({"discrimination_low": 0.4999}, "fail", "AUC 0.701 [0.500 to 0.800] may be no better than a coin"),
        ({"discrimination_low": None}, "fail", "no better than a coin"),
        ({"excess": "above 0.95"}, "fail", "is above 0.95: too good to be true, look for a leak"),
    ],
)
def test_performance_at_each_of_its_limits(figures: Mapping[str, Any], outcome: str, words: str) -> None:
    verdict = gates.performance(evaluation(**figures), limits())
    assert (verdict.outcome, verdict.gate) == (outcome, "performance")
    assert words in verdict.reason


def test_all_problems_of_a_candidate_are_told_at_once() -> None:
    judged = evaluation(over_baseline=(0.0, 0.1), over_champion=(-0.5, 0.1), discrimination_low=0.4, excess="above 0.95")
    verdict = gates.performance(judged, limits())
    assert verdict.outcome == "fail"
    assert verdict.reason.count(";") == 3
    assert [figure.metric for figure in verdict.figures] == [
        "auc",
        "baseline_auc",
        "auc_over_baseline",
        "auc",
        "champion_auc",
        "auc_over_champion",
        "auc_over_champion_newest",
    ]


def test_a_better_candidate_with_too_little_against_the_champion_does_not_pass_and_a_fault_still_fails() -> None:
    few = evaluation()
    assert few.champion is not None
    champion = np.where(np.arange(ROWS) < 1, math.nan, few.champion)
    verdict = gates.performance(replace(few, champion=champion), limits())
    assert verdict.outcome == "not_enough_evidence"
    assert verdict.reason.startswith("Only 19 rows of 5 nights that the champion has not seen; 20 rows and 5 nights are needed")
    faulty = replace(evaluation(over_baseline=(0.0, 0.1)), champion=champion)
    assert gates.performance(faulty, limits()).outcome == "fail"


@pytest.mark.parametrize(
    ("seen", "minimum", "outcome"),
    [(0, 20, "pass"), (1, 20, "not_enough_evidence"), (1, 19, "pass"), (5, 15, "pass"), (5, 16, "not_enough_evidence")],
)
def test_rows_that_the_champion_has_seen_do_not_count(seen: int, minimum: int, outcome: str) -> None:
    judged = evaluation()
    champion = np.where(np.arange(ROWS) < seen, math.nan, CHAMPION)
    assert gates.performance(replace(judged, champion=champion), limits(minimum_rows=minimum)).outcome == outcome


def test_nights_that_the_champion_has_seen_do_not_count() -> None:
    judged = evaluation(rows=60, nights=6)
    for nights, outcome in ((1, "pass"), (2, "not_enough_evidence")):
        champion = np.where(judged.night < nights, math.nan, CHAMPION)
        verdict = gates.performance(replace(judged, champion=champion), limits(minimum_rows=20))
        assert verdict.outcome == outcome, verdict.reason


def test_a_row_of_a_champion_of_classes_counts_only_if_every_class_has_an_answer() -> None:
    judged = evaluation()
    champion = np.full((ROWS, 3), 1 / 3)
    champion[0, 2] = math.nan
    verdict = gates.performance(replace(judged, champion=champion), limits())
    assert verdict.outcome == "not_enough_evidence" and "19 rows" in verdict.reason


@pytest.mark.parametrize("gate", [gates.performance, gates.calibration, gates.fairness])
@pytest.mark.parametrize(
    ("rows", "nights", "enough"),
    [(19, 5, False), (20, 5, True), (21, 5, True), (20, 4, False), (60, 6, True)],
)
def test_too_few_rows_or_nights_are_not_enough_evidence(gate: Callable[..., Any], rows: int, nights: int, enough: bool) -> None:
    needed = (
        limits() if gate is not gates.fairness else limits(minimum_group_rows=20, bounds={"selection_rate_difference": 0.5})
    )
    judged = evaluation(rows=rows, nights=nights, champion=None)
    if gate is gates.fairness and enough:
        judged = evaluation(rows=2 * rows, nights=nights, champion=None)  # so that each of the two groups has as many
    verdict = gate(judged, needed)
    assert verdict.outcome == ("pass" if enough else "not_enough_evidence"), verdict.reason
    if not enough:
        assert (
            verdict.reason
            == f"Only {rows} rows of {nights} nights to judge on; 20 rows and {MINIMUM_NIGHTS} nights are needed."
        )


@pytest.mark.parametrize("gate", [gates.performance, gates.calibration, gates.fairness])
def test_labels_of_one_value_are_not_enough_evidence(gate: Callable[..., Any]) -> None:
    verdict = gate(evaluation(constant="true"), limits())
    assert verdict.outcome == "not_enough_evidence"
    assert verdict.reason == "All 20 labels are true: nothing to tell apart."


@pytest.mark.parametrize("gate", [gates.performance, gates.calibration, gates.fairness])
def test_an_answer_that_is_none_fails_whatever_else_is_true(gate: Callable[..., Any]) -> None:
    for judged in (evaluation(invalid=1), evaluation(rows=3, nights=1, invalid=1), evaluation(constant="true", invalid=1)):
        verdict = gate(judged, limits())
        assert verdict.outcome == "fail"
        assert verdict.reason == f"1 of {len(judged.label)} answers are no probability."


@pytest.mark.parametrize(
    ("bias", "outcome", "words"),
    [
        ((-0.0399, 0.0399), "pass", "bias 0.000 [-0.040 to 0.040] (limit 0.04) on 20 rows, of 2 groups within 0.04."),
        ((-0.04, 0.04), "pass", "bias 0.000"),
        (
            (-0.01, 0.0401),
            "not_enough_evidence",
            "Its probabilities are off by 0.000 [-0.010 to 0.040]: not shown to be within 0.04.",
        ),
        ((-0.0401, 0.01), "not_enough_evidence", "not shown to be within 0.04"),
        ((0.04, 0.05), "not_enough_evidence", "not shown"),
        ((0.0401, 0.05), "fail", "Its probabilities are off by 0.000 [0.040 to 0.050], beyond 0.04."),
        ((-0.05, -0.0401), "fail", "beyond 0.04"),
        ((None, None), "not_enough_evidence", "[no interval]: not shown"),
    ],
)
def test_the_ends_of_a_bias_at_its_limits(bias: tuple[float | None, float | None], outcome: str, words: str) -> None:
    judged = evaluation(bias=bias)
    verdict = gates.calibration(judged, limits())
    assert (verdict.outcome, verdict.gate) == (outcome, "calibration")
    assert words in verdict.reason
    calls = judged.metric_set.calls  # type: ignore[attr-defined]
    assert {answers for _, answers in calls} == {CANDIDATE}, "the candidate is judged"


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [((0.0, 0.0499), "pass"), ((0.0, 0.05), "pass"), ((0.05, 0.06), "not_enough_evidence"), ((0.0501, 0.06), "fail")],
)
def test_the_ends_of_a_calibration_error_at_its_limit(
    ends: tuple[float, float], outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = Figure("debiased_calibration_error", 0.03, *ends, ROWS)
    monkeypatch.setattr("nightloop.evidence.gates.calibration.expected_error", lambda *_: error)
    assert gates.calibration(evaluation(), limits()).outcome == outcome


@pytest.mark.parametrize(
    ("package", "outcome", "words"),
    [
        (Package(np.zeros(2), 5.0, 2.0), "pass", "2 of them asked one by one too; 5.0 MB."),
        (Package(np.zeros(2), 5.01, 2.0), "fail", "It has 5.0 MB, and may have 5."),
        (Package(np.zeros(2), 5.0, 2.01), "fail", "A row takes it 2.01 ms, and may take 2."),
        (Package(np.array([0.0, 1.01e-9]), 5.0, 2.0), "fail", "Asked row by row"),
        (Package(np.zeros(2), math.nan, 2.0), "fail", "MB"),
        (Package(np.zeros(0), 5.0, 2.0), "fail", "Asked row by row"),
    ],
)
def test_a_package_at_its_limits(package: Package, outcome: str, words: str) -> None:
    limits = SimpleNamespace(maximum_megabytes=5.0, maximum_milliseconds_a_row=2.0)
    verdict = gates.bundle(np.zeros(4), np.zeros(4), package=package, limits=limits)
    assert verdict.outcome == outcome and words in verdict.reason
    assert outcome == "fail" or "ms" not in verdict.reason, "judged again, a pass is the same"


def test_each_group_is_held_to_a_limit_of_its_own_or_to_that_of_all() -> None:
    night, wrong = np.repeat(np.arange(10), 40), np.tile(np.arange(40) < 20, 10)
    random = np.random.default_rng(5)
    probability = random.uniform(0.2, 0.8, 400)
    gap = np.where(wrong, 0.05, -0.05) + random.normal(0, 0.004, 10)[night]
    judged = replace(
        evaluation(),
        night=night,
        label=probability - gap,
        candidate=probability,
        group=np.where(wrong, "a", "b"),
        metric_set=metric_set_of("regression"),
    )
    for of_groups, outcome in ((None, "fail"), (0.04, "fail"), (0.05, "not_enough_evidence"), (0.06, "pass")):
        verdict = gates.calibration(judged, limits(maximum_error=0.09, maximum_group_bias=of_groups))
        assert verdict.outcome == outcome, verdict.reason
    assert "Predictions of a are off by 0.05" in gates.calibration(judged, limits(maximum_error=0.09)).reason
    few = replace(judged, group=np.where(night < 3, "c", judged.group))
    verdict = gates.calibration(few, limits(maximum_error=0.09, maximum_group_bias=0.06))
    assert verdict.outcome == "not_enough_evidence" and "redictions of c are off" in verdict.reason


@pytest.mark.parametrize(
    ("gap", "outcome"),
    [(0.0, "pass"), (1e-9, "pass"), (1.01e-9, "fail"), (-1.01e-9, "fail"), (math.nan, "fail"), (math.inf, "fail")],
)
@pytest.mark.parametrize("place", [0, 3])
def test_the_registered_model_may_differ_by_a_rounding_and_no_more(gap: float, outcome: str, place: int) -> None:
    expected = np.zeros(4)
    answered = expected.copy()
    answered[place] += gap
    verdict = gates.bundle(expected, answered)
    assert (verdict.outcome, verdict.gate) == (outcome, "bundle")
    if math.isfinite(gap):
        assert verdict.figures[0].value == abs(gap) and verdict.figures[0].n == 4


def test_the_bundle_gate_tells_what_is_wrong_in_words() -> None:
    expected = np.full((3, 2), 0.5)
    assert gates.bundle(expected, expected, answers="prediction").reason.endswith("3 predictions equal those judged.")
    assert gates.bundle(expected, expected).reason.endswith("3 probabilities equal those judged.")
    assert "answered (3,) for 3 rows" in gates.bundle(expected, expected[:, 0]).reason
    assert "up to 0.25 away" in gates.bundle(expected, expected + np.array([0.0, 0.25])).reason
    assert gates.bundle(expected[:0], expected[:0]).reason == "There were no rows to score in the clean process."


def test_some_rows_of_an_evaluation_are_the_same_rows_of_every_array() -> None:
    whole = evaluation()
    whole = replace(whole, candidate=np.arange(20.0), baseline=np.arange(20.0) + 100, champion=np.arange(20.0) + 200)
    part = whole.of(whole.night == 3)
    assert part.candidate.tolist() == [3.0, 8.0, 13.0, 18.0]
    assert part.baseline.tolist() == [103.0, 108.0, 113.0, 118.0]
    assert part.champion is not None and part.champion.tolist() == [203.0, 208.0, 213.0, 218.0]
    assert part.night.tolist() == [3] * 4 and len(part.label) == len(part.group) == 4
    assert part.decision is not None and len(part.decision) == 4
    undecided = replace(whole, champion=None, decision=None).of(whole.night == 3)
    assert undecided.champion is None and undecided.decision is None


@pytest.mark.parametrize(
    ("task", "limit", "value", "excess"),
    [
        ("binary", 0.95, 0.95, None),
        ("binary", 0.95, 0.9501, "above 0.95"),
        ("binary", 0.95, 0.9499, None),
        ("regression", 2.0, 2.0, None),
        ("regression", 2.0, 1.9999, "below 2.0"),
        ("multiclass", 0.2, 0.1999, "below 0.2"),
        ("multiclass", None, 0.0, None),
    ],
)
def test_too_good_to_be_true_begins_beyond_the_limit(task: str, limit: float | None, value: float, excess: str | None) -> None:
    declared = limits(suspicious_above=limit, suspicious_below=limit)
    assert metric_set_of(task, ("a", "b")).too_good(value, declared) == excess


def test_a_metric_that_falls_when_it_improves_is_compared_the_right_way_round() -> None:
    number = metric_set_of("regression")
    label = np.arange(10.0)
    assert number.improvement(label, label, label + 2).value == 2.0
    assert BINARY.improvement(label > 4, label, -label).value == 1.0
    classes = metric_set_of("multiclass", ("a", "b"))
    sure, unsure = np.tile([0.9, 0.1], (4, 1)), np.tile([0.5, 0.5], (4, 1))
    assert classes.improvement(np.zeros(4, dtype=int), sure, unsure).value == pytest.approx(math.log(0.9 / 0.5))
