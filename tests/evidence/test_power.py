"""What a margin can prove, against the gate itself on simulated improvements."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nightloop.evidence import intervals
from nightloop.evidence.gates import power
from nightloop.evidence.gates.power import (
    PROMISED,
    least_margin,
    least_nights,
    night_deviation_of_auc,
    promoted_share,
    standard_error,
)

DEVIATION = 0.05


@pytest.mark.parametrize("nights", [14, 60])
@pytest.mark.parametrize(("gain", "rule"), [(0.0, "non_inferior"), (-0.01, "non_inferior"), (0.02, "superior")])
@pytest.mark.parametrize("margin", [0.02, 0.5])
def test_the_share_is_that_of_intervals_over_nights(nights: int, gain: float, rule: str, margin: float) -> None:
    random, promoted, draws = np.random.default_rng(3), 0, 1500
    for _ in range(draws):
        low, high = intervals.mean(random.normal(gain, DEVIATION, nights)).interval()
        assert low is not None and high is not None
        promoted += high >= 0 and low > (0 if rule == "superior" else -margin)
    share = promoted_share(DEVIATION / math.sqrt(nights), nights, margin, gain=gain, rule=rule)
    assert share == pytest.approx(promoted / draws, abs=0.06)


@pytest.mark.parametrize("nights", [5, 14, 60])
def test_with_the_least_margin_an_equal_candidate_passes_as_often_as_promised(nights: int) -> None:
    error = DEVIATION / math.sqrt(nights)
    margin = least_margin(error, nights)
    assert promoted_share(error, nights, margin) == pytest.approx(PROMISED, abs=1e-9)
    assert promoted_share(error, nights, margin * 0.99) < PROMISED < promoted_share(error, nights, margin * 1.01)


@pytest.mark.parametrize("margin", [0.02, 0.04])
def test_the_least_nights_are_the_first_that_suffice(margin: float) -> None:
    nights = least_nights(DEVIATION, margin)
    assert nights is not None
    enough = [promoted_share(DEVIATION / math.sqrt(of), of, margin) >= PROMISED for of in (nights - 1, nights)]
    assert enough == [False, True]


def test_a_margin_that_no_year_of_nights_proves_has_no_number_of_nights() -> None:
    assert least_nights(DEVIATION, 0.001) is None


def test_the_standard_error_is_that_of_the_interval() -> None:
    values = np.random.default_rng(1).normal(size=14)
    low, high = intervals.mean(values).interval()
    assert low is not None and high is not None
    assert standard_error(low, high, 14) == pytest.approx(np.std(values, ddof=1) / math.sqrt(14))


def test_rows_add_to_what_nights_differ_by() -> None:
    assert night_deviation_of_auc(None) == power.BETWEEN_NIGHTS
    assert night_deviation_of_auc(200) == pytest.approx(math.sqrt(0.02**2 + 0.0025))
