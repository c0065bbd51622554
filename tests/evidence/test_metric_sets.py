"""Numbers and classes measured by a second route, and their gates opened by an honest candidate and shut by each fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nightloop.definitions.gates import CalibrationGate, FairnessGate, PerformanceGate
from nightloop.evidence import multiclass, regression
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates import gates
from nightloop.evidence.metric_sets import metric_set_of
from nightloop.evidence.performance import PerformanceLimits, performance_verdict
from nightloop.evidence.realised import calibration_figures, group_figures, realised_figures
from nightloop.evidence.verdict import Figure, Verdict

theirs = pytest.importorskip("sklearn.metrics")
CLASSES = ("early", "late", "lost")
NUMBER = metric_set_of("regression")
CLASS = metric_set_of("multiclass", CLASSES, "late")
RANDOM = np.random.default_rng(5)
NIGHTS, ROWS = 12, 120
NIGHT = np.repeat(np.arange(NIGHTS).astype("datetime64[D]"), ROWS)
SIZE = len(NIGHT)
GROUP = RANDOM.choice(["north", "south"], SIZE)
MARGIN = RANDOM.normal(0, 1.5, (SIZE, 3))
SAID = np.exp(MARGIN) / np.exp(MARGIN).sum(axis=1, keepdims=True)
CAME = np.array([RANDOM.choice(3, p=row) for row in SAID])
PREDICTED = RANDOM.normal(20, 8, SIZE)
LABEL = PREDICTED + RANDOM.normal(0, 5, SIZE)


def figures(found) -> dict[str, float]:
    return {item.metric: item.value for item in found if item.group == "all"}


def test_the_figures_of_a_number_are_scikit_learns() -> None:
    found = figures(regression.all_figures(LABEL, PREDICTED, NIGHT))
    assert found["mae"] == pytest.approx(theirs.mean_absolute_error(LABEL, PREDICTED))
    assert found["rmse"] == pytest.approx(theirs.root_mean_squared_error(LABEL, PREDICTED))
    assert found["r2"] == pytest.approx(theirs.r2_score(LABEL, PREDICTED))
    assert found["bias"] == pytest.approx(np.mean(PREDICTED - LABEL))
    assert regression.correlation(LABEL, PREDICTED).value == pytest.approx(np.corrcoef(LABEL, PREDICTED)[0, 1])


def test_the_figures_of_classes_are_scikit_learns() -> None:
    found = figures(multiclass.all_figures(CAME, SAID, NIGHT))
    assert found["log_loss"] == pytest.approx(theirs.log_loss(CAME, SAID))
    assert found["accuracy"] == pytest.approx(theirs.accuracy_score(CAME, SAID.argmax(axis=1)))
    assert found["macro_auc"] == pytest.approx(theirs.roc_auc_score(CAME, SAID, multi_class="ovr"))


def test_the_macro_auc_leaves_out_a_class_that_never_came() -> None:
    rows = CAME != 2
    areas = [theirs.roc_auc_score(CAME[rows] == place, SAID[rows, place]) for place in (0, 1)]
    assert multiclass.macro_auc(CAME[rows], SAID[rows]).value == pytest.approx(np.mean(areas))


@pytest.mark.parametrize(
    "measure",
    [regression.root_squared_error, regression.r_squared, regression.correlation],
    ids=["rmse", "r2", "correlation"],
)
def test_the_interval_of_a_bent_figure_is_as_wide_as_its_spread_over_samples(measure) -> None:
    random, widths, values = np.random.default_rng(1), [], []
    for _ in range(1000):
        said = random.standard_t(8, 400)
        label = said + random.normal(0, 1, 400)
        found = measure(label, said)
        low, high = (found.low, found.high) if isinstance(found, Figure) else found.interval()
        widths.append(high - low)
        values.append(found.value)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.std(values), rel=0.12)


def number(**changes: object) -> Evaluation:
    weaker = 20 + 0.5 * (PREDICTED - 20)
    honest = Evaluation(NIGHT, LABEL, PREDICTED, weaker, weaker, GROUP, PREDICTED >= 30, NUMBER)
    return replace(honest, **changes)


def classes(**changes: object) -> Evaluation:
    weaker = (SAID + 1 / 3) / 2
    honest = Evaluation(NIGHT, CAME, SAID, weaker, weaker, GROUP, None, CLASS)
    return replace(honest, **changes)


LIMITS = {
    number: (
        PerformanceGate(metric="mae", over_baseline=0.5, margin_to_champion=0.5, suspicious_below=0.5),
        CalibrationGate(maximum_error=1.5, maximum_bias=1.0),
        FairnessGate(group="region", metric="mae_difference", maximum=2.0),
    ),
    classes: (
        PerformanceGate(metric="log_loss", over_baseline=0.01, margin_to_champion=0.1, suspicious_below=0.05),
        CalibrationGate(maximum_error=0.12, maximum_bias=0.09),
        FairnessGate(group="region", metric="accuracy_difference", maximum=0.2),
    ),
}


@pytest.mark.parametrize("honest", [number, classes])
def test_an_honest_candidate_of_the_task_passes_every_gate(honest) -> None:
    performance, calibration, fairness = LIMITS[honest]
    seen = honest()
    for verdict in (
        gates.performance(seen, performance),
        gates.calibration(seen, calibration),
        gates.fairness(seen, fairness),
        gates.bundle(seen.candidate, seen.candidate, answers=seen.metric_set.answers),
    ):
        assert verdict.passed, verdict.reason


SHUFFLED = np.random.default_rng(2).permutation(SIZE)
FAULTS = {
    "labels that have nothing to do with it": (number, {"label": LABEL[SHUFFLED]}, "may be no better than none"),
    "an error too small to be true": (number, {"candidate": LABEL + 1e-3}, "look for a leak"),
    "a number worse than the champion": (number, {"champion": LABEL + 1.0}, "It is worse than the champion"),
    "a number no better than the baseline": (number, {"baseline": PREDICTED}, "improvement over the baseline"),
    "an answer that is no number": (number, {"candidate": np.where(PREDICTED > 35, np.nan, PREDICTED)}, "are no prediction"),
    "labels all alike": (number, {"label": np.full(SIZE, 12.0)}, "labels are 12"),
    "classes that have nothing to do with it": (classes, {"label": CAME[SHUFFLED]}, "may be no better than a coin"),
    "classes known too well": (classes, {"candidate": np.eye(3)[CAME]}, "look for a leak"),
    "probabilities that are none": (classes, {"candidate": SAID * 1.01}, "are no probability"),
    "one class only": (classes, {"label": np.ones(SIZE, dtype=np.int64)}, "labels are late"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_shuts_the_performance_gate(fault: str) -> None:
    honest, changes, words = FAULTS[fault]
    verdict = gates.performance(honest(**changes), LIMITS[honest][0])
    assert not verdict.passed and words in verdict.reason, verdict.reason


def test_a_number_that_is_off_or_too_steep_shuts_the_calibration_gate() -> None:
    limits = LIMITS[number][1]
    assert "predictions are off" in gates.calibration(number(candidate=PREDICTED + 2.0), limits).reason
    steep = gates.calibration(number(candidate=20 + 2 * (PREDICTED - 20)), limits)
    assert steep.outcome == "fail" and "calibration error" in steep.reason


def test_probabilities_too_sure_of_themselves_shut_the_calibration_gate() -> None:
    sharp = np.exp(3 * MARGIN) / np.exp(3 * MARGIN).sum(axis=1, keepdims=True)
    verdict = gates.calibration(classes(candidate=sharp), LIMITS[classes][1])
    assert verdict.outcome == "fail" and "calibration error" in verdict.reason


def test_groups_that_fare_differently_shut_the_fairness_gate() -> None:
    south = GROUP == "south"
    worse = np.where(south, 20 - (PREDICTED - 20), PREDICTED)
    assert gates.fairness(number(candidate=worse), LIMITS[number][2]).outcome == "fail"
    means = FairnessGate(group="region", metric="mean_prediction_difference", maximum=2.0)
    assert gates.fairness(number(candidate=PREDICTED + 5 * south), means).outcome == "fail"
    assert gates.fairness(number(), means).passed
    mixed = np.where(south[:, None], SAID[:, [1, 2, 0]], SAID)
    assert gates.fairness(classes(candidate=mixed), LIMITS[classes][2]).outcome == "fail"
    rates = FairnessGate(group="region", metric="true_positive_rate_difference", of_class="late", maximum=0.25)
    assert gates.fairness(classes(), rates).passed
    assert gates.fairness(classes(candidate=mixed), rates).outcome == "fail"


def test_realised_figures_go_into_the_verdict_of_the_task() -> None:
    seen = realised_figures(LABEL, PREDICTED, PREDICTED >= 30, NIGHT, NUMBER)
    assert {"mae", "rmse", "r2", "bias", "mean_prediction", "selection_rate"} <= figures(seen).keys()

    def judged(**limits: float) -> Verdict:
        return performance_verdict(seen, SIZE, NIGHTS, PerformanceLimits(200, **limits), NUMBER)

    assert judged(ceiling=6.0).outcome == "pass"
    failed = judged(ceiling=2.0)
    assert failed.outcome == "fail" and "the ceiling is 2" in failed.reason
    assert judged().outcome == "not_enough_evidence"


def test_groups_and_tenths_are_measured_in_the_units_of_the_task() -> None:
    groups = group_figures(CAME, SAID, None, NIGHT, group=GROUP, column="region", metric_set=CLASS)
    found = {(item.metric, item.group) for item in groups}
    assert {("accuracy", "region=north"), ("selection_rate", "region=south"), ("true_positive_rate", "region=north")} <= found
    tenths = calibration_figures(LABEL - 100, PREDICTED - 100, NIGHT, NUMBER)
    seen = [item for item in tenths if item.metric == "calibration_seen"]
    assert len(seen) == 10
    assert all(item.low < item.value < item.high < 0 for item in seen)
