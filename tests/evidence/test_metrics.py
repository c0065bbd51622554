"""Figures against scikit-learn and scipy, and the share of intervals that hold the truth, by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from nightloop.evidence import intervals, metrics
from nightloop.evidence.reliability import reliability


def worlds(seed: int, nights: int, rows: int, spread: float = 0.8, model_noise: float = 1.0):
    """Rows of nights that each have a level of their own, in what happens and in what is said."""
    random = np.random.default_rng(seed)
    night = np.repeat(np.arange(nights), rows)
    level = random.normal(0, spread, nights)[night]
    truth = random.normal(0, 1, nights * rows)
    label = random.random(nights * rows) < 1 / (1 + np.exp(-(truth + level)))
    said = truth + random.normal(0, spread, nights)[night] + random.normal(0, model_noise, nights * rows)
    return label, 1 / (1 + np.exp(-said)), night


def test_values_agree_with_scikit_learn_ties_included():
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    label, probability, night = worlds(1, 20, 50)
    probability = np.round(probability, 1)
    assert metrics.auc(label, probability, night).value == pytest.approx(roc_auc_score(label, probability), abs=1e-12)
    assert metrics.brier(label, probability).value == pytest.approx(brier_score_loss(label, probability), abs=1e-12)
    inner = np.clip(probability, 1e-6, 1 - 1e-6)
    assert metrics.log_loss(label, inner).value == pytest.approx(log_loss(label, inner), abs=1e-9)


def test_without_nights_the_auc_interval_is_delongs_written_out_pair_by_pair():
    label, probability, _ = worlds(2, 1, 200)
    above = probability[label][:, None] > probability[~label][None, :]
    ties = probability[label][:, None] == probability[~label][None, :]
    psi = above + 0.5 * ties
    variance = psi.mean(1).var(ddof=1) / len(psi) + psi.mean(0).var(ddof=1) / psi.shape[1]
    low, high = intervals.auc(label, probability).interval()
    expected = stats.t.ppf(0.975, len(label) - 1) * math.sqrt(variance)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.02)  # n/(n-1) over all rows, not per class


def test_the_mean_interval_of_independent_rows_is_students():
    values = np.random.default_rng(3).normal(size=40)
    low, high = intervals.mean(values).interval()
    assert (low, high) == pytest.approx(stats.t.interval(0.95, 39, loc=values.mean(), scale=stats.sem(values)))


def test_intervals_by_night_hold_the_truth_and_intervals_by_row_do_not():
    """Nominal 95 %. The truth is the figure of very many nights. 14 nights: the size of a validation slice."""
    truth = metrics.auc(*worlds(0, 4000, 60)[:2]).value
    by_night = by_row = 0
    trials = 400
    for seed in range(1, trials + 1):
        label, probability, night = worlds(seed, 14, 60)
        held = metrics.auc(label, probability, night)
        naive = metrics.auc(label, probability)
        by_night += held.low <= truth <= held.high
        by_row += naive.low <= truth <= naive.high
    assert 0.91 <= by_night / trials <= 0.985
    assert by_row / trials < 0.85  # the reason why nights are the unit


def test_the_paired_interval_holds_the_difference_and_is_narrower_than_the_unpaired():
    def two(seed, nights):
        label, probability, night = worlds(seed, nights, 60)
        noise = np.random.default_rng(seed + 10_000).normal(0, 0.5, len(label))
        return label, probability, 1 / (1 + np.exp(-(np.log(probability / (1 - probability)) + noise))), night

    label, one, other, _ = two(0, 4000)
    truth = metrics.auc(label, one).value - metrics.auc(label, other).value
    held, trials = 0, 300
    for seed in range(1, trials + 1):
        label, one, other, night = two(seed, 14)
        low, high = intervals.auc(label, one).minus(intervals.auc(label, other)).interval(night)
        held += low <= truth <= high
        alone = metrics.auc(label, one, night)
        assert high - low < alone.high - alone.low
    assert 0.91 <= held / trials <= 0.985


def test_calibration_error_is_zero_for_what_came_true_and_the_gap_for_what_is_off_by_a_constant():
    probability = np.repeat([0.1, 0.3, 0.5, 0.9], 1000)
    label = np.concatenate([np.arange(1000) < 1000 * p for p in (0.1, 0.3, 0.5, 0.9)])
    assert metrics.calibration_error(label, probability).value == pytest.approx(0, abs=1e-12)
    off = metrics.calibration_error(label, probability + 0.07)
    assert off.value == pytest.approx(0.07)
    assert metrics.calibration_bias(label, probability + 0.07).value == pytest.approx(0.07)


def test_a_perfectly_calibrated_model_has_an_error_near_zero_and_the_order_of_rows_does_not_count():
    random = np.random.default_rng(5)
    probability = random.random(20_000)
    label = random.random(20_000) < probability
    found = metrics.calibration_error(label, probability)
    assert found.value < 0.02
    turned = random.permutation(20_000)
    assert metrics.calibration_error(label[turned], probability[turned]).value == pytest.approx(found.value, abs=1e-12)


def test_one_class_or_no_row_gives_no_figure_and_no_interval():
    nothing = metrics.auc(np.ones(10, dtype=bool), np.linspace(0, 1, 10))
    assert math.isnan(nothing.value) and nothing.low is None and nothing.high is None
    assert all(math.isnan(item.value) for item in metrics.all_figures(np.zeros(0, dtype=bool), np.zeros(0)))


def test_one_night_tells_nothing_of_other_nights():
    label, probability, night = worlds(6, 1, 300)
    found = metrics.brier(label, probability, night)
    assert found.low is None and found.high is None and 0 < found.value < 1


def test_the_calibration_curve_counts_every_row_once():
    label, probability, _ = worlds(7, 10, 100)
    bins = reliability(label.astype(float), probability)
    said, came, rows = (np.array([getattr(item, name) for item in bins]) for name in ("predicted", "observed", "rows"))
    assert rows.sum() == 1000 and (np.diff(said) > 0).all()
    assert (said * rows).sum() == pytest.approx(probability.sum())
    assert (came * rows).sum() == pytest.approx(label.sum())
