"""Coverage that is promised: the quantile over nights by hand, and by simulation with stated seeds."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nightloop.definitions.gates import CalibrationGate
from nightloop.evidence.coverage import broken_promise, night_quantile, realised_coverage
from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates.gates import calibration
from nightloop.evidence.verdict import Figure


def plain(scores: list[float], nights: list[int], share: float) -> float:
    """The same by trying every level: the least at which nights are covered, on average, by the others."""

    def quantile(rows: list[tuple[float, int]], level: float) -> float:
        sizes = {night: sum(of == night for _, of in rows) for _, night in rows}
        total = 0.0
        for score, night in sorted(rows):
            total += 1 / sizes[night] / len(sizes)
            if total >= level - 1e-9:
                return score
        return max(score for score, _ in rows)

    rows = list(zip(scores, nights, strict=True))
    pools = [rows, *([row for row in rows if row[1] != night] for night in set(nights))]
    levels = set()  # those at which some quantile steps
    for pool in pools:
        sizes = Counter(of for _, of in pool)
        levels |= {sum(1 / sizes[of] for _, of in sorted(pool)[:n]) / len(sizes) for n in range(len(pool))}
    for level in sorted(at + 1e-7 for at in levels):
        shares = []
        for night in sorted(set(nights)):
            reach = quantile([row for row in rows if row[1] != night], level)
            mine = [score for score, of in rows if of == night]
            shares.append(sum(score <= reach for score in mine) / len(mine))
        if np.mean(shares) >= share - 1e-9:
            return quantile(rows, level)
    return max(scores)


@given(
    scores=st.lists(st.integers(0, 30).map(float), min_size=12, max_size=12),
    nights=arrays(np.int64, 12, elements=st.integers(0, 3)).filter(lambda nights: len(np.unique(nights)) > 1),
    share=st.sampled_from([0.5, 0.75, 0.9]),
)
def test_the_level_is_the_least_at_which_nights_cover_one_another(scores, nights, share) -> None:
    assert night_quantile(np.array(scores), nights, share) == plain(scores, nights.tolist(), share)


def test_nights_that_are_alike_need_no_more_than_their_rows() -> None:
    scores = np.tile(np.arange(1.0, 101.0), 6)
    assert night_quantile(scores, np.repeat(np.arange(6), 100), 0.9) == 90.0


def test_a_night_weighs_the_same_whatever_its_rows() -> None:
    few, many = np.arange(1.0, 11.0), np.full(1000, 0.5)
    nights = np.repeat(np.arange(4), [1000, 10, 10, 10])
    assert night_quantile(np.concatenate([many, few, few, few]), nights, 0.5) >= 3.0


def test_one_night_covers_nothing_for_certain() -> None:
    assert night_quantile(np.array([1.0, 2.0, 3.0]), np.zeros(3), 0.5) == 3.0


def world(random: np.random.Generator, nights: int, level: float, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Errors of 100 rows a night, whose nights differ in level and in spread."""
    of = np.repeat(np.arange(nights), 100)
    scale = np.exp(random.normal(0, spread, nights))[of]
    return np.abs(random.normal(size=len(of)) * scale + random.normal(0, level, nights)[of]), of


@pytest.mark.parametrize("nights", [7, 14, 28])
@pytest.mark.parametrize(("level", "spread"), [(0.0, 0.0), (0.3, 0.2), (0.7, 0.3), (2.0, 0.0)])
def test_another_night_is_covered_as_promised(nights: int, level: float, spread: float) -> None:
    """Mean coverage of 30 other nights, over 150 worlds of one seed: 90 % within 2, whether or not nights differ."""
    random, shares = np.random.default_rng(7), []
    for _ in range(150):
        reach = night_quantile(*world(random, nights, level, spread), 0.9)
        shares.append(np.mean(world(random, 30, level, spread)[0] <= reach))
    assert np.mean(shares) == pytest.approx(0.9, abs=0.02)


def test_realised_coverage_is_the_mean_of_the_nights_with_an_interval_over_them() -> None:
    covered, nights = np.array([1.0, 1.0, 1.0, 0.0, 0.0, np.nan]), np.array([1, 1, 1, 1, 2, 2])
    measured = realised_coverage(covered, nights)
    assert (measured.metric, measured.value, measured.n) == ("coverage", pytest.approx((0.75 + 0.0) / 2), 5)
    assert (measured.low, measured.high) == (0.0, 1.0), "two nights tell little, and no share lies beyond"


def test_of_one_night_the_interval_is_over_rows_and_of_no_promise_there_is_no_figure() -> None:
    one = realised_coverage(np.array([1.0, 1.0, 0.0]), np.zeros(3))
    assert one.value == pytest.approx(2 / 3) and one.n == 3 and one.low == 0.0
    assert math.isnan(realised_coverage(np.full(3, np.nan), np.zeros(3)).value)


@pytest.mark.parametrize(
    ("high", "broken"),
    [(0.8999, True), (0.9, False), (0.95, False), (None, True)],
)
def test_a_promise_is_broken_where_the_whole_interval_is_below_it_or_nothing_is_shown(high: float | None, broken: bool) -> None:
    measured = Figure("coverage", 0.85, None if high is None else 0.8, high, 100)
    assert bool(broken_promise(measured, 0.9)) is broken


@pytest.mark.parametrize(
    ("level", "spread", "reach", "least", "most"),
    [
        (0.3, 0.2, 1.0, 0.0, 0.08),  # nights differ a little: a promise kept is seldom called broken
        (0.3, 0.2, 0.7, 0.9, 1.0),  # answers that reach a third less far, some 75 %: nearly always seen
    ],
)
def test_how_often_fourteen_nights_call_a_promise_broken(level, spread, reach, least, most) -> None:
    """Of 150 trainings of one seed, calibrated on 14 nights and judged on 14 others."""
    random, broken = np.random.default_rng(11), 0
    for _ in range(150):
        within = night_quantile(*world(random, 14, level, spread), 0.9) * reach
        scores, nights = world(random, 14, level, spread)
        broken += broken_promise(realised_coverage((scores <= within).astype(float), nights), 0.9) is not None
    assert least <= broken / 150 <= most


def judged(covered_share: float, nights: int = 14) -> Evaluation:
    """A calibrated candidate of which this share of outcomes lay within the reach, the same share every night."""
    rows = 200
    random, size = np.random.default_rng(3), nights * rows
    probability = random.uniform(0.05, 0.95, size)
    place = np.tile(np.arange(rows), nights)
    return Evaluation(
        night=np.repeat(np.arange(nights).astype("datetime64[D]"), rows),
        label=random.random(size) < probability,
        candidate=probability,
        baseline=probability,
        champion=None,
        group=np.full(size, "all"),
        decision=None,
        covered=(place + random.integers(0, 2, nights)[np.repeat(np.arange(nights), rows)] < covered_share * rows).astype(
            float
        ),
        promised=0.9,
    )


def test_the_calibration_gate_fails_a_promise_that_is_broken_and_names_one_that_is_kept() -> None:
    limits = CalibrationGate()
    kept, broken = calibration(judged(0.92), limits), calibration(judged(0.87), limits)
    assert kept.outcome == "pass" and "coverage 0.91" in kept.reason and "(90% promised)" in kept.reason
    assert broken.outcome == "fail" and "is below the 90% that are promised" in broken.reason
    assert broken.figures[-1].metric == "coverage" and broken.figures[-1].high < 0.9
    silent = calibration(replace(judged(0.5), covered=None, promised=None), limits)
    assert silent.outcome == "pass" and "coverage" not in silent.reason


def test_a_promise_of_each_class_is_judged_of_each() -> None:
    evaluation = judged(0.99)
    missed = evaluation.label & (np.arange(len(evaluation.label)) % 4 == 0)
    uneven = replace(evaluation, covered=np.where(missed, 0.0, 1.0), promised=0.8)
    assert calibration(uneven, CalibrationGate()).outcome == "pass", "of all rows, an eighth is missed"
    each = calibration(replace(uneven, promised_classes=("false", "true")), CalibrationGate())
    assert each.outcome == "fail" and "its coverage of class=true 0.7" in each.reason.replace("Its", "its")
    assert [item.group for item in each.figures if item.metric == "coverage"] == ["all", "class=false", "class=true"]


def test_a_promise_that_nothing_was_measured_of_does_not_pass() -> None:
    evaluation = judged(0.9)
    assert calibration(replace(evaluation, covered=np.full(len(evaluation.label), np.nan)), CalibrationGate()).outcome == "fail"
