"""Every gate, opened by an honest candidate and shut by each fault it is there for; error rates by simulation."""

from dataclasses import replace

import numpy as np
import pytest

from nightloop.definitions.gates import CalibrationGate, FairnessGate, PerformanceGate
from nightloop.evidence import metrics
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates import gates

PERFORMANCE = PerformanceGate(over_baseline=0.0, margin_to_champion=0.02, minimum_rows=500, suspicious_above=0.9)
CALIBRATION = CalibrationGate(maximum_error=0.05, maximum_bias=0.05, minimum_rows=500)
FAIRNESS = FairnessGate(group="region", metric="selection_rate_difference", maximum=0.15, minimum_group_rows=200)


def honest(seed: int = 1, nights: int = 14, rows: int = 150) -> Evaluation:
    """A candidate that knows more than baseline and champion, calibrated, alike for two regions."""
    random = np.random.default_rng(seed)
    size = nights * rows
    known, half_known = random.normal(0, 1, size), random.normal(0, 0.6, size)
    probability = sigmoid(known + half_known - 0.3)
    weaker = sigmoid(known - 0.3)
    return Evaluation(
        night=np.repeat(np.arange(nights).astype("datetime64[D]"), rows),
        label=random.random(size) < probability,
        candidate=probability,
        baseline=weaker,
        champion=weaker,
        group=random.choice(["north", "south"], size),
        decision=probability >= 0.5,
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_an_honest_candidate_passes_all_and_the_reason_holds_the_figures():
    seen = honest()
    for verdict in (
        gates.performance(seen, PERFORMANCE),
        gates.calibration(seen, CALIBRATION),
        gates.fairness(seen, FAIRNESS),
        gates.bundle(seen.candidate, seen.candidate),
    ):
        assert verdict.passed, verdict.reason
        assert verdict.figures and verdict.reason.endswith(".")
    assert f"{gates.performance(seen, PERFORMANCE).figures[0].value:.3f}" in gates.performance(seen, PERFORMANCE).reason


def test_without_a_champion_the_first_training_passes_and_says_so():
    verdict = gates.performance(replace(honest(), champion=None), PERFORMANCE)
    assert verdict.passed and "no champion yet" in verdict.reason


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("shuffled labels", "no better than a coin"),
        ("leaked label", "too good to be true"),
        ("constant probability", "no better than a coin"),
        ("worse than the champion", "worse than the champion"),
        ("no improvement over the baseline", "improvement over the baseline"),
        ("answers that are no numbers", "no probability"),
    ],
)
def test_the_performance_gate_stops(fault, words):
    seen = honest()
    random, rows = np.random.default_rng(9), len(seen.label)
    constant = np.full(rows, 0.4)
    faulty = {
        "shuffled labels": lambda: replace(seen, label=random.permutation(seen.label)),
        "leaked label": lambda: replace(seen, candidate=np.where(seen.label, 0.9, 0.1) + 0.05 * random.random(rows)),
        "constant probability": lambda: replace(seen, candidate=constant),
        "worse than the champion": lambda: replace(seen, candidate=seen.baseline, baseline=constant, champion=seen.candidate),
        "no improvement over the baseline": lambda: replace(seen, baseline=seen.candidate),
        "answers that are no numbers": lambda: replace(seen, candidate=np.where(seen.label, np.nan, 0.2)),
    }[fault]()
    verdict = gates.performance(faulty, PERFORMANCE)
    assert verdict.outcome == "fail"
    assert words in verdict.reason


@pytest.mark.parametrize("gate", [gates.performance, gates.calibration, gates.fairness])
def test_too_few_rows_nights_or_one_class_are_not_enough_evidence(gate):
    limits = {gates.performance: PERFORMANCE, gates.calibration: CALIBRATION, gates.fairness: FAIRNESS}[gate]
    few_rows, few_nights = honest(rows=10), honest(nights=4, rows=1000)
    one_class = replace(honest(), label=np.ones(14 * 150, dtype=bool))
    for seen in (few_rows, few_nights, one_class):
        assert gate(seen, limits).outcome == "not_enough_evidence"


def test_a_champion_that_has_seen_most_rows_is_not_enough_evidence():
    seen = honest()
    champion = np.where(seen.night < np.datetime64(12, "D"), np.nan, seen.champion)
    verdict = gates.performance(replace(seen, champion=champion), PERFORMANCE)
    assert verdict.outcome == "not_enough_evidence" and "has not seen" in verdict.reason


def test_the_calibration_gate_stops_what_says_too_much_and_what_says_it_too_sharply():
    seen = honest()
    biased = gates.calibration(replace(seen, candidate=np.clip(seen.candidate + 0.08, 0, 1)), CALIBRATION)
    assert biased.outcome == "fail" and "off by 0.0" in biased.reason
    margin = np.log(seen.candidate / (1 - seen.candidate))
    sharp = gates.calibration(replace(seen, candidate=sigmoid(3 * margin)), CALIBRATION)
    assert sharp.outcome == "fail" and "calibration error" in sharp.reason


def test_the_fairness_gate_stops_unequal_decisions_and_says_between_whom():
    seen = honest()
    unequal = np.where(seen.group == "north", seen.candidate >= 0.35, seen.candidate >= 0.65)
    verdict = gates.fairness(replace(seen, decision=unequal), FAIRNESS)
    assert verdict.outcome == "fail" and "north over south" in verdict.reason


def test_a_difference_within_the_limit_whose_interval_reaches_beyond_does_not_pass():
    seen = honest(rows=60)
    random = np.random.default_rng(4)
    decision = random.random(len(seen.label)) < np.where(seen.group == "north", 0.5, 0.37)
    verdict = gates.fairness(replace(seen, decision=decision), FAIRNESS)
    assert verdict.figures[0].value < FAIRNESS.maximum < verdict.figures[0].high
    assert verdict.outcome == "not_enough_evidence" and "may be above 0.15" in verdict.reason


def test_a_group_too_small_is_no_pass_and_is_named():
    seen = honest()
    group = seen.group.astype("U10")
    group[:30] = "islands"
    verdict = gates.fairness(replace(seen, group=group), FAIRNESS)
    assert verdict.outcome == "not_enough_evidence" and "islands (30)" in verdict.reason


def test_one_group_alone_cannot_be_compared():
    seen = honest()
    verdict = gates.fairness(replace(seen, group=np.full(len(seen.group), "north")), FAIRNESS)
    assert verdict.outcome == "not_enough_evidence"


def test_the_bundle_gate_stops_other_answers_missing_answers_and_no_rows():
    said = np.linspace(0.1, 0.9, 50)
    assert gates.bundle(said, said + 1e-6).outcome == "fail"
    assert gates.bundle(said, said[:-1]).outcome == "fail"
    assert gates.bundle(said, np.full(50, np.nan)).outcome == "fail"
    assert gates.bundle(said[:0], said[:0]).outcome == "not_enough_evidence"


def test_a_candidate_worse_than_the_champion_by_the_margin_passes_in_about_one_case_of_forty():
    """The candidate's true AUC lies exactly the margin below the champion's: the gate may pass it in 2.5 % of trainings."""

    def night_world(seed, nights):
        random = np.random.default_rng(seed)
        night = np.repeat(np.arange(nights), 100)
        mood = random.normal(0, 0.5, nights)[night]
        signal, noise = random.normal(0, 1, len(night)), random.normal(0, 1, len(night))
        label = random.random(len(night)) < sigmoid(signal + mood - 0.5)
        return night.astype("datetime64[D]"), label, signal, noise

    _, label, signal, noise = night_world(0, 3000)
    champion_auc = metrics.auc(label, signal).value
    margin = champion_auc - metrics.auc(label, signal + 0.6 * noise).value
    limits = PerformanceGate(over_baseline=-1, margin_to_champion=margin, minimum_rows=500, suspicious_above=1.0)
    passed, trials = 0, 400
    for seed in range(1, trials + 1):
        night, label, signal, noise = night_world(seed, 14)
        champion, candidate = sigmoid(signal), sigmoid(signal + 0.6 * noise)
        constant, group = np.full(len(label), 0.4), np.full(len(label), "a")
        seen = Evaluation(night, label, candidate, constant, champion, group, candidate > 0.5)
        passed += gates.performance(seen, limits).passed
    assert margin > 0.02
    assert passed / trials <= 0.045
