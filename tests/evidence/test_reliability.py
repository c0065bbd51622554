"""The reliability curve: intervals by night, and an error that chance does not feed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nightloop.evidence.metrics import calibration_error
from nightloop.evidence.reliability import debiased_error, reliability


def test_an_interval_of_a_bin_is_that_of_its_nights() -> None:
    prediction, nights = np.full(6, 0.5), np.array([1, 1, 2, 2, 3, 3])
    observed = np.array([1.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    (only,) = reliability(observed, prediction, nights)
    # Sums of (observed - 1/2) / 6 by night: 1/6, -1/6, 0. Student's t with two degrees of freedom: 4.303.
    variance = 3 / 2 * 2 / 36
    assert (only.predicted, only.observed, only.rows, only.gap) == (0.5, 0.5, 6, 0.0)
    assert only.variance == pytest.approx(variance)
    assert only.high == pytest.approx(0.5 + 4.30265 * math.sqrt(variance), rel=1e-5)
    (within,) = reliability(observed, prediction, nights, within=(0.0, 1.0))
    assert (within.low, within.high) == (0.0, 1.0)
    assert within.reach == (0.5, 0.5)


def test_one_night_has_no_interval() -> None:
    (only,) = reliability(np.array([1.0, 0.0]), np.array([0.5, 0.5]), np.array([1, 1]))
    assert (only.low, only.high, only.reach) == (None, None, (0.0, 0.0)) and math.isnan(only.variance)
    assert math.isnan(debiased_error([only])) and math.isnan(debiased_error([]))


def world(seed: int, off: float, night_effect: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    nights = np.repeat(np.arange(14), 100)
    truth = np.clip(random.uniform(0.1, 0.9, len(nights)) + random.normal(0, night_effect, 14)[nights], 0, 1)
    prediction = np.clip(truth - random.normal(0, night_effect, 14)[nights] + off, 0.0, 1.0)
    return (random.random(len(nights)) < truth).astype(float), prediction, nights


@pytest.mark.parametrize("night_effect", [0.0, 0.03])
def test_chance_and_nights_feed_the_usual_error_and_not_the_debiased_one(night_effect: float) -> None:
    """Of 200 worlds (seeds 0 to 199) of a perfect model: squared gaps are 0 on average once their variance is taken off."""
    worlds = [world(seed, 0.0, night_effect) for seed in range(200)]
    usual = np.mean([calibration_error(label > 0, predicted, nights).value for label, predicted, nights in worlds])
    bins = [reliability(*of_world) for of_world in worlds]
    squared = np.mean([np.average([b.gap**2 - b.variance for b in of], weights=[b.rows for b in of]) for of in bins])
    assert usual > 0.025
    assert abs(squared) < 0.0003


def test_the_debiased_error_is_what_the_model_is_off_by() -> None:
    errors = [debiased_error(reliability(*world(seed, 0.05, 0.0))) for seed in range(50)]
    assert np.mean(errors) == pytest.approx(0.05, abs=0.006)
