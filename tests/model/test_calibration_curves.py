"""Calibrations that bend: what they find where the truth is known, that they keep the order, and how one is chosen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nightloop.model.calibration import Calibration, sigmoid, softmax
from nightloop.model.training.calibrating.choice import METHODS, calibrate
from nightloop.model.training.calibrating.curves import (
    fit_beta,
    fit_isotonic,
    fit_isotonic_mean,
    fit_platt,
    fit_temperature,
)
from nightloop.model.training.calibrating.shift import fit_number_shift, fit_shift
from tests.fixtures_sales import definition

ROWS = 700  # a night
NIGHTS = np.repeat(np.arange(8), ROWS)


def outcomes(probability: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(len(probability)) < probability


def margins(seed: int = 3, spread: float = 1.5) -> np.ndarray:
    return np.random.default_rng(seed).normal(-0.5, spread, len(NIGHTS))


def test_platt_finds_slope_and_intercept() -> None:
    margin = margins()
    fitted = fit_platt(margin, outcomes(sigmoid(0.4 * margin - 0.8), 1), NIGHTS)
    assert (fitted.kind, fitted.slope, fitted.intercept) == (
        "platt",
        pytest.approx(0.4, abs=0.04),
        pytest.approx(-0.8, abs=0.06),
    )


def test_platt_is_scikit_learns_logistic_regression_of_his_targets() -> None:
    from sklearn.linear_model import LogisticRegression

    margin = margins()[:300]
    label = outcomes(sigmoid(0.4 * margin), 1)
    true, false = (label.sum() + 1) / (label.sum() + 2), 1 / ((~label).sum() + 2)
    target = np.where(label, true, false)
    doubled = np.tile(margin, 2)[:, None]
    of_each = np.repeat([True, False], 300)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(doubled, of_each, sample_weight=np.append(target, 1 - target))
    ours = fit_platt(margin, label, NIGHTS[:300])
    assert (ours.slope, ours.intercept) == (
        pytest.approx(theirs.coef_[0, 0], abs=1e-5),
        pytest.approx(theirs.intercept_[0], abs=1e-5),
    )


def test_platt_stays_finite_where_classes_are_apart() -> None:
    fitted = fit_platt(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]), np.arange(4))
    assert 0 < fitted.slope < 10 and math.isfinite(fitted.intercept)


def test_beta_finds_two_slopes_that_no_line_has() -> None:
    margin = margins(spread=2.0)
    truth = Calibration("beta", slopes=(0.4, 1.6), intercept=0.3)
    label = outcomes(truth.probability(margin), 2)
    fitted, line = fit_beta(margin, label, NIGHTS), fit_platt(margin, label, NIGHTS)
    assert fitted.slopes == (pytest.approx(0.4, abs=0.1), pytest.approx(1.6, abs=0.15))
    gap = [np.mean((curve.probability(margin) - truth.probability(margin)) ** 2) for curve in (fitted, line)]
    assert gap[0] < gap[1] / 4


def test_beta_by_hand() -> None:
    p, curve = 0.3, Calibration("beta", slopes=(2.0, 0.5), intercept=-0.25)
    odds = math.exp(2.0 * math.log(p) - 0.5 * math.log(1 - p) - 0.25)
    assert curve.probability(np.array([math.log(p / (1 - p))]))[0] == pytest.approx(odds / (1 + odds), rel=1e-12)
    assert curve.probability(np.array([-1e6, 1e6])).tolist() == [0.0, 1.0]


def test_isotonic_follows_any_rising_curve_and_is_never_certain() -> None:
    margin = margins()
    truth = np.where(margin < 0, 0.1, 0.6)
    fitted = fit_isotonic(margin, outcomes(truth, 4), NIGHTS)
    assert fitted.kind == "isotonic"
    assert np.mean(np.abs(fitted.probability(margin) - truth)) < 0.03
    apart = fit_isotonic(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([False, False, True, True]), np.arange(4))
    assert apart.probabilities == pytest.approx((1 / 5, 4 / 5)) and apart.margins == pytest.approx((-8 / 5, 8 / 5))


def test_an_isotonic_mean_follows_a_rising_number() -> None:
    margin = margins()
    label = np.maximum(margin, 0) + np.random.default_rng(5).normal(0, 0.5, len(margin))
    fitted = fit_isotonic_mean(margin, label, NIGHTS)
    assert fitted.kind == "isotonic_mean"
    assert np.mean(np.abs(fitted.mean(margin) - np.maximum(margin, 0))) < 0.06


def test_a_temperature_cools_what_is_too_sure() -> None:
    margin = np.random.default_rng(6).normal(0, 2, (len(NIGHTS), 3))
    truth = softmax(0.5 * margin + np.array([0.4, -0.2, -0.2]))
    label = (np.random.default_rng(7).random((len(NIGHTS), 1)) > np.cumsum(truth, axis=1)).sum(axis=1)
    fitted = fit_temperature(margin, label, NIGHTS)
    assert fitted.slope == pytest.approx(0.5, abs=0.05)
    np.testing.assert_allclose(fitted.class_probabilities(margin), truth, atol=0.03)
    assert Calibration("temperature", slope=2.0).effect_scale == 2.0


@pytest.mark.parametrize("fit", [fit_platt, fit_beta, fit_isotonic])
def test_where_no_order_is_shown_the_shift_is_what_remains(fit) -> None:
    margin = np.linspace(-2, 2, 400)
    label, night = margin < 0, np.arange(400) % 5
    assert fit(margin, label, night) == fit_shift(margin, label, night)


def test_where_a_number_falls_with_the_prediction_the_shift_is_what_remains() -> None:
    margin, night = np.linspace(-2, 2, 40), np.arange(40) % 5
    assert fit_isotonic_mean(margin, -margin, night) == fit_number_shift(margin, -margin, night)


@given(
    margin=arrays(np.float64, 40, elements=st.floats(-30, 30)),
    label=arrays(np.bool_, 40).filter(lambda label: label.any() and not label.all()),
    fit=st.sampled_from(sorted(METHODS["binary"])),
)
def test_no_calibration_turns_the_order_around_or_leaves_what_a_probability_is(margin, label, fit) -> None:
    fitted = METHODS["binary"][fit](margin, label, np.arange(40) % 4)
    answers = fitted.probability(np.sort(margin))
    assert (np.diff(answers) >= -1e-15).all() and (answers >= 0).all() and (answers <= 1).all()
    assert Calibration.from_json(fitted.as_json()) == fitted
    assert [fitted.probability(np.array([one]))[0] for one in np.sort(margin)] == answers.tolist()


def chosen(task: str, margin: np.ndarray, label: np.ndarray, night: np.ndarray = NIGHTS, **given: object):
    return calibrate(definition(task=task, calibration="auto", **given).model, margin, label, night)


@pytest.mark.parametrize(
    ("method", "truth"),
    [
        ("shift", sigmoid(margins() + 0.5)),
        ("platt", sigmoid(0.4 * margins())),
        ("beta", Calibration("beta", slopes=(0.1, 2.0), intercept=0.3).probability(margins())),
        ("isotonic", np.where(np.abs(margins() + 0.5) < 1, 0.4, np.where(margins() < 0, 0.02, 0.95))),
    ],
)
def test_auto_chooses_what_the_truth_asks_for(method: str, truth: np.ndarray) -> None:
    label = outcomes(truth, 8)
    choice = chosen("binary", margins(), label)
    assert choice.method == method
    assert choice.calibration == METHODS["binary"][method](margins(), label, NIGHTS), "fitted again on all calibrate nights"
    losses = {figure.group: figure.value for figure in choice.figures if figure.metric == "log_loss"}
    assert list(losses) == ["shift", "platt", "beta", "isotonic"] and losses[method] < min(losses.values()) + 0.005


def test_auto_chooses_for_numbers_and_classes() -> None:
    margin, random = margins(), np.random.default_rng(9)
    assert chosen("regression", margin, np.exp(margin) + random.normal(0, 0.5, len(margin))).method == "isotonic"
    assert chosen("regression", margin, margin + random.normal(0, 0.5, len(margin))).method == "shift"
    several = random.normal(0, 2, (len(NIGHTS), 2))
    label = (random.random(len(NIGHTS)) > softmax(0.3 * several)[:, 0]).astype(np.int64)
    assert chosen("multiclass", several, label, classes=["a", "no"]).method == "temperature"


def test_auto_compares_on_later_nights_only_and_believes_no_single_night() -> None:
    """In the older half the margins are twice as sure as they ought to be; in the newer half they are right."""
    margin = margins()
    later = NIGHTS >= 4
    label = outcomes(sigmoid(np.where(later, 1.0, 0.5) * margin), 10)
    assert chosen("binary", margin, label).method == "shift"
    assert calibrate(definition(calibration="platt").model, margin, label, NIGHTS).method == "platt"
    few = NIGHTS < 3
    alone = chosen("binary", margin[few], label[few], NIGHTS[few])
    assert (alone.method, alone.figures) == ("shift", ())
