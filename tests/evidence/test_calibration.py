"""The debiased calibration error: what chance adds is taken away, and its ends hold the truth, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from nightloop.evidence.calibration import expected_error
from nightloop.evidence.intervals import Floats
from nightloop.evidence.metrics import binned_error

WORLDS = 120


def world(random: np.random.Generator, nights: int, rows: int, *, wander: float, gap: Floats) -> tuple[Floats, Floats, Floats]:
    """Make answers in ten classes, each with its true gap, whose nights wander together: prediction, gap, night."""
    night, place = np.repeat(np.arange(nights), rows), random.integers(0, 10, nights * rows)
    answer = 0.3 + place * 0.04
    truth = answer - gap[place] + random.normal(0, wander, nights)[night]
    return answer, answer - (random.random(nights * rows) < truth), night


ALIKE, SLOPE = np.full(10, 0.08), np.linspace(-0.1, 0.1, 10)
ONE, NONE = np.where(np.arange(10) == 9, 0.15, 0.0), np.zeros(10)


@pytest.mark.parametrize("gap", [ALIKE, SLOPE, ONE, NONE], ids=["all too high", "too sure", "one tenth", "none"])
@pytest.mark.parametrize(("nights", "wander"), [(14, 0.06), (14, 0.0), (7, 0.03)])
def test_both_ends_hold_the_truth_whatever_the_nights_do(gap: Floats, nights: int, wander: float) -> None:
    random, truth = np.random.default_rng(2022), float(np.abs(gap).mean())
    made = [world(random, nights, 200, wander=wander, gap=gap) for _ in range(WORLDS)]
    errors = [expected_error(*each) for each in made]
    assert np.mean([error.high < truth for error in errors]) <= 0.06  # nominal 2.5 %; 120 worlds
    assert np.mean([error.low > truth + 1e-12 for error in errors]) <= 0.06
    raw = np.mean([binned_error(answer, off, night).value for answer, off, night in made])
    debiased = np.mean([error.value for error in errors])
    assert abs(debiased - truth) < abs(raw - truth) or abs(raw - truth) < 0.004
    if gap is NONE:
        assert debiased < 0.65 * raw


def test_an_error_is_never_shown_smaller_than_the_bias() -> None:
    answer, gap, night = world(np.random.default_rng(1), 14, 200, wander=0.06, gap=ALIKE)
    by_night = np.array([gap[night == each].mean() for each in range(14)])
    high = by_night.mean() + 2.1604 * by_night.std(ddof=1) / np.sqrt(14)
    error = expected_error(answer, gap, night)
    assert error.high >= high - 1e-5 and error.low <= error.value <= error.high


def test_without_rows_or_with_one_night_there_is_no_interval() -> None:
    nothing = expected_error(np.zeros(0), np.zeros(0), np.zeros(0))
    assert np.isnan(nothing.value) and nothing.n == 0 and nothing.high is None
    one = expected_error(np.full(9, 0.4), np.full(9, 0.1), np.zeros(9))
    assert one.value == pytest.approx(0.1) and one.low is None and one.high is None


def test_what_is_certain_is_not_corrected() -> None:
    same = expected_error(np.tile([0.2, 0.6], 20), np.tile([0.1, -0.1], 20), np.repeat(np.arange(4), 10))
    assert (same.value, same.low, same.high) == pytest.approx((0.1, 0.1, 0.1))
