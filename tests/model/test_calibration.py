"""Calibration by hand: curves, shifts, and how far nights prove them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nightloop.errors import StoreDamaged
from nightloop.model.calibration import KINDS, Calibration, sigmoid, softmax
from nightloop.model.training.calibrating.shift import fit_class_shifts, fit_number_shift, fit_shift


def logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


@pytest.mark.parametrize("log_odds", [-30.0, -1.5, 0.0, 0.25, 4.0, 30.0])
def test_a_platt_curve_is_the_logistic_of_a_line(log_odds: float) -> None:
    curve = Calibration("platt", slope=1.5, intercept=-0.5)
    assert curve.probability(np.array([log_odds]))[0] == pytest.approx(logistic(1.5 * log_odds - 0.5), rel=1e-12)
    assert Calibration("none").probability(np.array([log_odds]))[0] == pytest.approx(logistic(log_odds), rel=1e-12)


def test_the_ends_of_the_logistic_do_not_overflow() -> None:
    assert sigmoid(np.array([-1e6, 1e6])).tolist() == [0.0, 1.0]
    assert softmax(np.array([[1e6, 0.0], [0.0, -1e6]])).tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_an_isotonic_curve_is_straight_between_its_points_and_flat_beyond() -> None:
    curve = Calibration("isotonic", margins=(-1.0, 1.0, 2.0), probabilities=(0.1, 0.5, 0.9))
    margins = np.array([-5.0, -1.0, 0.0, 1.5, 2.0, 9.0])
    assert curve.probability(margins).tolist() == pytest.approx([0.1, 0.1, 0.3, 0.7, 0.9, 0.9])


@pytest.mark.parametrize(("kind", "scale"), [("platt", 1.5), ("none", 1.0), ("shift", 1.0), ("class_shifts", 1.0)])
def test_an_effect_is_scaled_by_the_slope_of_a_line_only(kind: str, scale: float) -> None:
    assert Calibration(kind, slope=1.5).effect_scale == scale  # type: ignore[arg-type]


STORED = {
    "none": {"kind": "none", "slope": 1.0, "intercept": 0.0},
    "platt": {"kind": "platt", "slope": 0.8, "intercept": -0.2},
    "isotonic": {"kind": "isotonic", "margins": [-1.0, 2.0], "probabilities": [0.1, 0.8]},
    "shift": {"kind": "shift", "intercept": 3.5},
    "class_shifts": {"kind": "class_shifts", "shifts": [0.1, -0.1]},
    "beta": {"kind": "beta", "slopes": [0.7, 1.2], "intercept": -0.1},
    "isotonic_mean": {"kind": "isotonic_mean", "margins": [-1.0, 2.0], "means": [3.0, 8.0]},
    "temperature": {"kind": "temperature", "slope": 0.6, "shifts": [0.1, -0.1]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_calibration_of_every_kind_that_bundles_hold_is_read_and_written_as_it_stood(kind: str) -> None:
    calibration = Calibration.from_json(STORED[kind])
    assert calibration.kind == kind and calibration.as_json() == STORED[kind]
    assert Calibration.from_json(calibration.as_json()) == calibration


@pytest.mark.parametrize(
    "stored",
    [{"kind": "isotonic"}, {"kind": "isotonic", "margins": [0.0], "probabilities": []}, {"kind": "beta"}, {"kind": "gamma"}],
)
def test_a_calibration_that_does_not_fit_together_is_refused(stored: dict[str, object]) -> None:
    with pytest.raises(StoreDamaged, match=r"isotonic calibration has|is no calibration|beta calibration has 0 slopes"):
        Calibration.from_json(stored)


def shrunk(shift: float, surplus: dict[int, float], steepness: float) -> float:
    """The positive part of James and Stein, by hand."""
    nights = len(surplus)
    error = nights / (nights - 1) * sum(value**2 for value in surplus.values()) / steepness**2
    return shift * max(0.0, 1 - error / shift**2)


def test_a_number_is_shifted_by_its_mean_error_as_far_as_nights_prove_it() -> None:
    margin, night = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 1, 2, 2])
    label = margin + np.array([2.0, 2.5, 1.5, 1.0])  # 1.75 on the mean; night one is 1.0 above it, night two below
    expected = shrunk(1.75, {1: 1.0, 2: -1.0}, 4.0)
    assert fit_number_shift(margin, label, night) == Calibration("shift", intercept=pytest.approx(expected))
    assert 0 < expected < 1.75


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nights_that_contradict_one_another_prove_no_shift(sign: float) -> None:
    margin, night = np.zeros(4), np.array([1, 1, 2, 2])
    assert fit_number_shift(margin, sign * np.array([5.0, 5.0, -4.0, -4.0]), night).intercept == 0.0


def test_one_night_proves_nothing_and_no_error_needs_nothing() -> None:
    margin = np.array([1.0, 2.0])
    assert fit_number_shift(margin, margin + 5, np.array([3, 3])).intercept == 0.0
    assert fit_number_shift(margin, margin, np.array([3, 4])).intercept == 0.0
    assert fit_number_shift(margin, margin + 5, np.array([3, 4])).intercept == 5.0


def test_a_probability_s_shift_balances_the_share_and_is_shrunk_by_the_nights() -> None:
    margin, night = np.zeros(40), np.repeat([1, 2], 20)
    label = np.array([True] * 17 + [False] * 3 + [True] * 13 + [False] * 7)
    shift = math.log(0.75 / 0.25)  # at margin 0, where 30 of 40 are positive
    expected = shrunk(shift, {1: 2.0, 2: -2.0}, 40 * 0.75 * 0.25)
    calibration = fit_shift(margin, label, night)
    assert (calibration.kind, calibration.slope) == ("platt", 1.0)
    assert calibration.intercept == pytest.approx(expected, rel=1e-9)


def test_two_classes_are_shifted_apart_as_one_probability_would_be() -> None:
    margin, night = np.zeros((40, 2)), np.repeat([1, 2], 20)
    label = np.array([1] * 17 + [0] * 3 + [1] * 13 + [0] * 7)
    half = math.log(3) / 2
    expected = shrunk(half, {1: 2.0, 2: -2.0}, 40 * 0.75 * 0.25)
    assert fit_class_shifts(margin, label, night).shifts == pytest.approx((-expected, expected), rel=1e-9)
