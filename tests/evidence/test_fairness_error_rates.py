"""How often the fairness gate is wrong, by simulation: the tables of docs/gates.md, with fewer trainings and the same seeds."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from nightloop.evidence.fairness.fairness import assess, is_ratio, judge
from nightloop.evidence.fairness.group_counts import Mean, groupings

pytestmark = pytest.mark.slow
LIMIT = 0.15
MEASURES = ("selection_rate_difference", "equalised_odds_difference")
EVERY = (*MEASURES, "selection_rate_ratio", "calibration_bias")


def training(seed: int, gap: float, nights: int, rows: int, wander: float) -> tuple[dict[str, Mean], Any, Any]:
    """Decide at 0.3, ``gap`` more for one of sex x age; nights wander, and each cell by half as much beside them."""
    random = np.random.default_rng(seed)
    size, night = nights * rows, np.repeat(np.arange(nights), rows)
    sex, age, region = (random.integers(0, groups, size) for groups in (2, 4, 5))
    moods = random.normal(0, wander, nights)[night] + random.normal(0, wander / 2, (nights, 2, 4))[night, sex, age]
    label = random.random(size) < 0.3
    decision = random.random(size) < np.clip(0.3 + gap * ((sex == 0) & (age == 1)) + moods, 0, 1)
    means = {
        "selection_rate": Mean(decision),
        "true_positive_rate": Mean(decision, label),
        "false_positive_rate": Mean(decision, ~label),
        "calibration_bias": Mean(0.3 - label),
    }
    attributes = {"sex": sex.astype(str), "age": age.astype(str), "region": region.astype(str)}
    return means, groupings(attributes, list(combinations(attributes, 2))), night


def outcomes(gap: float, nights: int, trials: int) -> Counter[str]:
    counts = Counter[str]()
    for seed in range(1000, 1000 + trials):
        means, divided, night = training(seed, gap, nights, 1000, 0.03)
        assessed = assess(means, MEASURES, divided, night, minimum_rows=50)
        counts[judge(assessed, dict.fromkeys(MEASURES, LIMIT), 50)[0]] += 1
    return counts


def test_a_truth_well_inside_passes_and_never_fails_where_nights_suffice() -> None:
    counts = outcomes(0.0, 60, 20)
    assert counts["fail"] == 0 and counts["pass"] >= 18


def test_a_gap_at_the_limit_does_not_pass_and_is_not_called_beyond() -> None:
    counts = outcomes(LIMIT, 30, 30)
    assert counts["pass"] <= 1 and counts["fail"] <= 2


@pytest.mark.parametrize("nights", [14, 30])
def test_a_gap_of_twice_the_limit_is_found(nights: int) -> None:
    assert outcomes(2 * LIMIT, nights, 30)["fail"] >= 29


@pytest.mark.parametrize("wander", [0.0, 0.05])
def test_of_six_hundred_equal_pairs_hardly_ever_is_one_called_unequal(wander: float) -> None:
    """All gaps are zero and every limit is: the worst case for the lower ends, which hold for all at once at 99 %."""
    limits = {measure: 1 - 1e-9 if is_ratio(measure) else 1e-9 for measure in EVERY}
    false = 0
    for seed in range(5000, 5100):
        means, divided, night = training(seed, 0.0, 14, 600, wander)
        false += judge(assess(means, EVERY, divided, night, minimum_rows=50), limits, 50)[0] == "fail"
    assert false <= 5
