"""Figures and their intervals against scipy, scikit-learn and a few lines of plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from nightloop.evidence import intervals, metrics, multiclass, regression
from nightloop.evidence.intervals import Estimate
from nightloop.evidence.metrics import BINS, SMALLEST, figure
from nightloop.evidence.reliability import reliability

NAN = math.nan
VALUES = np.array([1.0, 4.0, 2.0, 9.0, 3.0, 5.0])
NIGHTS = np.array([1, 1, 2, 2, 3, 3])


def test_the_interval_of_a_mean_of_independent_rows_is_student_s() -> None:
    low, high = intervals.mean(VALUES).interval()
    reach = scipy.stats.t.ppf(0.975, 5) * np.std(VALUES, ddof=1) / math.sqrt(6)
    assert (low, high) == pytest.approx((4.0 - reach, 4.0 + reach))
    narrow = intervals.mean(VALUES).interval(confidence=0.5)
    assert narrow[1] == pytest.approx(4.0 + scipy.stats.t.ppf(0.75, 5) * np.std(VALUES, ddof=1) / math.sqrt(6))


def test_the_interval_over_nights_is_that_of_the_nights_means_where_nights_are_of_one_size() -> None:
    means = np.array([2.5, 5.5, 4.0])
    low, high = intervals.mean(VALUES).interval(NIGHTS)
    reach = scipy.stats.t.ppf(0.975, 2) * np.std(means, ddof=1) / math.sqrt(3)
    assert (low, high) == pytest.approx((4.0 - reach, 4.0 + reach))


def test_rows_may_come_in_any_order_and_nights_may_have_any_name() -> None:
    order = np.array([5, 0, 3, 1, 4, 2])
    expected = intervals.mean(VALUES).interval(NIGHTS)
    assert intervals.mean(VALUES[order]).interval(NIGHTS[order]) == pytest.approx(expected)
    assert intervals.mean(VALUES).interval(np.array(["c", "c", "a", "a", "b", "b"])) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "nights"), [([], None), ([1.0], None), ([1.0, 2.0, 3.0], [7, 7, 7]), ([NAN, 1.0], None), ([], [])]
)
def test_one_night_one_row_or_no_number_has_no_interval(values: list[float], nights: list[int] | None) -> None:
    estimate = intervals.mean(np.array(values))
    assert estimate.interval(None if nights is None else np.array(nights)) == (None, None)


def test_two_nights_have_an_interval() -> None:
    low, high = intervals.mean(VALUES[:4]).interval(NIGHTS[:4])
    assert low is not None and high is not None and low < 4.0 < high


def test_a_paired_difference_is_the_interval_of_the_differences() -> None:
    other = VALUES + np.array([0.1, 0.2, 0.1, 0.2, 0.1, 0.2])
    paired = intervals.mean(VALUES).minus(intervals.mean(other))
    assert paired.value == pytest.approx(-0.15)
    assert paired.interval() == pytest.approx(intervals.mean(VALUES - other).interval())


@pytest.mark.parametrize(
    ("hits", "among", "value"),
    [
        ([1, 1, 0, 0], [1, 1, 1, 1], 0.5),
        ([1, 1, 0, 0], [1, 0, 1, 0], 0.5),
        ([1, 1, 0, 0], [1, 1, 0, 0], 1.0),
        ([1, 1, 0, 0], [0, 0, 1, 1], 0.0),
        ([1, 1, 0, 0], [0, 0, 0, 0], NAN),
        ([], [], NAN),
    ],
)
def test_a_share_counts_hits_among_the_rows_it_speaks_of(hits: list[int], among: list[int], value: float) -> None:
    estimate = intervals.share(np.array(hits, dtype=bool), np.array(among, dtype=bool))
    assert estimate.value == pytest.approx(value, nan_ok=True)
    assert len(estimate.influence) == len(hits)
    assert float(estimate.influence.sum()) == pytest.approx(0.0, abs=1e-12)


def test_a_share_among_some_rows_is_that_of_the_rows_alone_up_to_the_number_of_nights() -> None:
    among = np.array([True, False, True, True, False, True])
    hits = VALUES > 2.5
    share = intervals.share(hits, among)
    assert share.influence[among] == pytest.approx(intervals.mean(hits[among].astype(float)).influence)
    assert share.influence[~among].tolist() == [0.0, 0.0]
    assert math.isnan(intervals.share(hits, ~among & among).value)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=2, max_size=25))
def test_the_auc_counts_pairs_and_ties_half(rows: list[tuple[bool, int]]) -> None:
    label, score = np.array([a for a, _ in rows]), np.array([float(b) for _, b in rows])
    pairs = [(p > n) + (p == n) / 2 for p in score[label] for n in score[~label]]
    estimate = intervals.auc(label, score)
    assert estimate.value == pytest.approx(np.mean(pairs) if pairs else NAN, nan_ok=True)
    assert float(estimate.influence.sum()) == pytest.approx(0.0, abs=1e-9)


def test_the_variance_of_the_auc_is_delong_s() -> None:
    """DeLong's variance from its own definition: the variances of the placements of positives and of negatives."""
    random = np.random.default_rng(3)
    label = random.random(60) < 0.4
    score = np.round(random.normal(size=60) + label, 1)
    positive, negative = score[label], score[~label]
    compared = (positive[:, None] > negative[None, :]) + (positive[:, None] == negative[None, :]) / 2
    first, second = compared.mean(axis=1), compared.mean(axis=0)
    by_hand = np.var(first) / len(first) + np.var(second) / len(second)
    influence = intervals.auc(label, score).influence
    assert float(np.sum(influence**2)) == pytest.approx(by_hand)


@pytest.mark.parametrize("degrees", [1, 2, 5, 30])
@pytest.mark.parametrize("below", [0.5, 0.9, 0.975])
def test_student_s_quantile_is_scipy_s(degrees: int, below: float) -> None:
    assert intervals.student_quantile(below, degrees) == pytest.approx(scipy.stats.t.ppf(below, degrees))


LABEL = np.array([True, False, True, False, False, True])
PROBABILITY = np.array([0.9, 0.2, 0.6, 0.6, 0.1, 0.3])


def test_figures_of_probabilities_by_hand() -> None:
    squares = [0.1**2, 0.2**2, 0.4**2, 0.6**2, 0.1**2, 0.7**2]
    surprisals = [-math.log(p) for p in (0.9, 0.8, 0.6, 0.4, 0.9, 0.3)]
    by_name = {item.metric: item for item in metrics.all_figures(LABEL, PROBABILITY, group="g")}
    assert by_name["brier"].value == pytest.approx(np.mean(squares))
    assert by_name["log_loss"].value == pytest.approx(np.mean(surprisals))
    assert by_name["base_rate"].value == 0.5
    assert by_name["calibration_bias"].value == pytest.approx(2.7 / 6 - 0.5)
    assert by_name["auc"].value == pytest.approx((3 + 2.5 + 2) / 9)
    assert list(by_name) == ["auc", "brier", "log_loss", "calibration_error", "calibration_bias", "base_rate"]
    assert all((item.n, item.group) == (6, "g") for item in by_name.values())


def test_figures_agree_with_scikit_learn() -> None:
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    assert metrics.auc(LABEL, PROBABILITY).value == pytest.approx(roc_auc_score(LABEL, PROBABILITY))
    assert metrics.log_loss(LABEL, PROBABILITY).value == pytest.approx(log_loss(LABEL, PROBABILITY))
    assert metrics.brier(LABEL, PROBABILITY).value == pytest.approx(brier_score_loss(LABEL, PROBABILITY))
    difference = intervals.auc(LABEL, PROBABILITY).minus(intervals.auc(LABEL, 1 - PROBABILITY))
    assert difference.value == pytest.approx(2 * roc_auc_score(LABEL, PROBABILITY) - 1)


def test_a_certain_and_wrong_probability_costs_much_and_not_infinity() -> None:
    certain = np.array([0.0, 1.0])
    assert metrics.log_loss(np.array([True, False]), certain).value == pytest.approx(-math.log(SMALLEST))
    assert metrics.log_loss(np.array([False, True]), certain).value == 0.0


def plain_calibration(label: np.ndarray, probability: np.ndarray, bins: int) -> float:
    """Sort, cut into bins of equal count, rows of equal probability in the bin of the first of them."""
    order = sorted(range(len(label)), key=lambda i: probability[i])
    first = {probability[i]: place for place, i in reversed(list(enumerate(order)))}
    grouped: dict[int, list[float]] = {}
    for i in order:
        grouped.setdefault(first[probability[i]] * bins // len(label), []).append(probability[i] - label[i])
    return sum(abs(sum(gaps)) for gaps in grouped.values()) / len(label)


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])), min_size=1, max_size=40),
    st.integers(1, 12),
)
def test_the_calibration_error_is_the_sum_of_the_bins_gaps(rows: list[tuple[bool, float]], bins: int) -> None:
    label, probability = np.array([a for a, _ in rows]), np.array([b for _, b in rows])
    expected = plain_calibration(label, probability, bins)
    assert metrics.calibration_error(label, probability, bins=bins).value == pytest.approx(expected)


def curve(label: np.ndarray, probability: np.ndarray, bins: int = BINS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    parts = reliability(label.astype(float), probability, bins=bins)
    return tuple(np.array([getattr(part, name) for part in parts]) for name in ("predicted", "observed", "rows"))  # type: ignore[return-value]


def test_there_are_ten_bins_unless_told() -> None:
    probability = np.linspace(0.01, 0.99, 100)
    label = np.arange(100) % 2 == 0
    assert metrics.calibration_error(label, probability).value == pytest.approx(plain_calibration(label, probability, 10))
    predicted, observed, rows = curve(label, probability)
    assert rows.tolist() == [10] * BINS
    assert predicted[0] == pytest.approx(np.mean(probability[:10])) and observed.tolist() == [0.5] * 10


def test_a_curve_leaves_empty_bins_out_and_counts_every_row_once() -> None:
    predicted, observed, rows = curve(np.array([1, 0, 1, 1]), np.array([0.5, 0.5, 0.5, 0.9]), bins=4)
    assert predicted == pytest.approx([0.5, 0.9]) and observed == pytest.approx([2 / 3, 1.0]) and rows.tolist() == [3, 1]


@pytest.mark.parametrize(
    "measure", [metrics.auc, metrics.brier, metrics.log_loss, metrics.calibration_error, metrics.base_rate]
)
def test_no_rows_are_no_figure(measure: object) -> None:
    none = np.zeros(0)
    found = measure(none.astype(bool)) if measure is metrics.base_rate else measure(none.astype(bool), none)  # type: ignore[operator]
    assert math.isnan(found.value) and (found.low, found.high, found.n) == (None, None, 0)


def test_a_figure_carries_the_interval_over_nights() -> None:
    estimate = Estimate(4.0, intervals.mean(VALUES).influence)
    found = figure("mean", estimate, NIGHTS, 6, "g")
    assert (found.metric, found.value, found.n, found.group) == ("mean", 4.0, 6, "g")
    assert (found.low, found.high) == estimate.interval(NIGHTS) != estimate.interval()


TRUTH = np.array([1.0, 2.0, 4.0, 8.0])
PREDICTION = np.array([1.5, 2.0, 3.0, 9.0])


def test_figures_of_numbers_by_hand_and_by_scipy() -> None:
    by_name = {item.metric: item for item in regression.all_figures(TRUTH, PREDICTION, group="g")}
    assert by_name["mae"].value == pytest.approx(2.5 / 4)
    assert by_name["rmse"].value == pytest.approx(math.sqrt((0.25 + 0 + 1 + 1) / 4))
    assert by_name["r2"].value == pytest.approx(1 - 2.25 / float(np.sum((TRUTH - 3.75) ** 2)))
    assert by_name["bias"].value == pytest.approx(0.5 / 4), "positive: predicted too high"
    assert by_name["mean_label"].value == 3.75
    assert by_name["calibration_error"].value == pytest.approx(2.5 / 4), "four rows, a bin each"
    assert list(by_name) == ["mae", "rmse", "r2", "calibration_error", "bias", "mean_label"]
    assert all((item.n, item.group) == (4, "g") for item in by_name.values())
    correlation = regression.correlation(TRUTH, PREDICTION)
    assert (correlation.metric, correlation.n) == ("correlation", 4)
    assert correlation.value == pytest.approx(scipy.stats.pearsonr(TRUTH, PREDICTION).statistic)


@pytest.mark.parametrize("measure", [regression.absolute_error, regression.root_squared_error, regression.r_squared])
def test_influences_are_what_a_row_moves_the_figure(measure: object) -> None:
    """Each influence is the derivative of the figure by the weight of its row: moved by hand, it moves as told."""
    random = np.random.default_rng(5)
    label = random.normal(size=400)
    prediction = label + random.normal(size=400)
    estimate = measure(label, prediction)  # type: ignore[operator]
    for row in (0, 17, 300):
        twice = measure(np.append(label, label[row]), np.append(prediction, prediction[row]))  # type: ignore[operator]
        assert twice.value - estimate.value == pytest.approx(estimate.influence[row], abs=2e-4)
    assert float(np.sum(estimate.influence)) == pytest.approx(0.0, abs=1e-9)


def test_the_interval_of_a_correlation_is_near_fisher_s() -> None:
    random = np.random.default_rng(6)
    label = random.normal(size=4000)
    prediction = 0.5 * label + random.normal(size=4000)
    found = regression.correlation(label, prediction)
    fisher = scipy.stats.pearsonr(label, prediction).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((fisher.low, fisher.high), abs=0.004)


@pytest.mark.parametrize("scale", [(1.0, 0.25), (0.25, 1.0)])
def test_a_correlation_has_no_unit_and_asks_for_any_spread_at_all(scale: tuple[float, float]) -> None:
    label, prediction = np.array([0.0, 1.0, 0.5]) * scale[0], np.array([0.0, 1.0, 0.25]) * scale[1]
    assert regression.correlation(label, prediction).value == pytest.approx(np.corrcoef(label, prediction)[0, 1])


@pytest.mark.parametrize("constant", ["label", "prediction", "none"])
def test_what_does_not_vary_has_no_correlation(constant: str) -> None:
    label = np.zeros(5) if constant == "label" else np.arange(5.0)
    prediction = np.zeros(5) if constant == "prediction" else np.arange(5.0)
    rows = 0 if constant == "none" else 5
    found = regression.correlation(label[:rows], prediction[:rows])
    assert math.isnan(found.value) and found.low is None and found.n == rows


def test_a_perfect_prediction_of_numbers_and_labels_that_are_all_equal() -> None:
    assert regression.root_squared_error(TRUTH, TRUTH).value == 0.0
    assert regression.root_squared_error(TRUTH, TRUTH).influence.tolist() == [0.0] * 4
    assert regression.r_squared(TRUTH, TRUTH).value == 1.0
    assert math.isnan(regression.r_squared(np.ones(3), np.arange(3.0)).value)
    assert math.isnan(regression.r_squared(np.zeros(0), np.zeros(0)).value)
    assert math.isnan(regression.root_squared_error(np.zeros(0), np.zeros(0)).value)


CLASSES = np.array([0, 1, 2, 2])
SHARES = np.array([[0.7, 0.2, 0.1], [0.4, 0.4, 0.2], [0.1, 0.3, 0.6], [0.5, 0.3, 0.2]])


def test_figures_of_classes_by_hand_and_by_scikit_learn() -> None:
    from sklearn.metrics import log_loss, roc_auc_score

    by_name = {item.metric: item for item in multiclass.all_figures(CLASSES, SHARES, group="g")}
    assert multiclass.is_correct(CLASSES, SHARES).tolist() == [True, False, True, False], "of equal ones the first named counts"
    assert by_name["accuracy"].value == 0.5
    assert by_name["log_loss"].value == pytest.approx(log_loss(CLASSES, SHARES, labels=[0, 1, 2]))
    assert by_name["calibration_bias"].value == pytest.approx((0.7 + 0.4 + 0.6 + 0.5) / 4 - 0.5)
    assert by_name["calibration_error"].value == pytest.approx((0.3 + 0.4 + 0.4 + 0.5) / 4), "four rows, a bin each"
    assert by_name["macro_auc"].value == pytest.approx(roc_auc_score(CLASSES, SHARES, multi_class="ovr"))
    assert list(by_name) == ["log_loss", "accuracy", "macro_auc", "calibration_error", "calibration_bias"]
    assert all((item.n, item.group) == (4, "g") for item in by_name.values())


def test_a_class_that_no_row_or_every_row_is_of_has_no_order_and_is_left_out() -> None:
    two = np.array([0, 1, 0, 1])
    areas = [intervals.auc(two == place, SHARES[:, place]).value for place in (0, 1)]
    estimate = multiclass.macro_auc(two, SHARES)
    assert estimate.value == pytest.approx(np.mean(areas))
    assert len(estimate.influence) == 4
    alone = multiclass.macro_auc(np.zeros(4, dtype=int), SHARES)
    assert math.isnan(alone.value) and alone.influence.tolist() == [0.0] * 4


def test_a_class_given_no_chance_costs_much_and_not_infinity() -> None:
    certain = np.array([[1.0, 0.0]])
    assert multiclass.log_loss(np.array([1]), certain).value == pytest.approx(-math.log(SMALLEST))
    for share in (1.0, 1.0 + 5e-10):  # shares may add up to one and a rounding
        assert multiclass.log_loss(np.array([0]), certain * share).value == 0.0


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(-2, 2)), min_size=2, max_size=40))
def test_the_auc_by_night_is_the_mean_of_the_nights_aucs_weighted_by_what_they_tell(rows: list[tuple[int, bool, int]]) -> None:
    night, label, score = (np.array(column) for column in zip(*rows, strict=True))
    estimate = intervals.auc_by_night(label, score.astype(float), night)
    areas, weights = {}, {}
    for of in np.unique(night):
        inside = night == of
        areas[of], weights[of] = 0.0, label[inside].sum() * (~label[inside]).sum() / inside.sum()
        if weights[of]:
            areas[of] = intervals.auc(label[inside], score[inside].astype(float)).value
    if not sum(weights.values()):
        assert math.isnan(estimate.value) and not estimate.influence.any()
        return
    shares = np.array(list(weights.values())) / sum(weights.values())
    assert estimate.value == pytest.approx(shares @ list(areas.values()))
    sums = [estimate.influence[night == of].sum() for of in areas]
    assert sums == pytest.approx(shares * (np.array(list(areas.values())) - estimate.value), abs=1e-12)


def test_the_auc_of_one_night_is_the_auc() -> None:
    random = np.random.default_rng(3)
    label, score = random.random(300) < 0.3, np.round(random.normal(size=300), 1)
    by_night, whole = intervals.auc_by_night(label, score, np.zeros(300)), intervals.auc(label, score)
    assert by_night.value == pytest.approx(whole.value) and by_night.influence == pytest.approx(whole.influence)
    assert intervals.auc_by_night(label, score, None).value == whole.value
