"""The figures of groups and tenths by hand, and what bounds a figure."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from nightloop.evidence import intervals, metric_sets, metrics
from nightloop.evidence.metric_sets import BINARY, Binary, Multiclass, Regression, metric_set_of
from nightloop.evidence.realised import calibration_figures, group_figures, realised_figures
from nightloop.evidence.verdict import Verdict

NUMBER, CLASSES = metric_set_of("regression"), metric_set_of("multiclass", ("a", "b", "c"), "b")


LABEL = np.array([True, True, False, False, True, False])
PROBABILITY = np.array([0.9, 0.4, 0.6, 0.2, 0.7, 0.1])
DECISION = np.array([True, False, True, False, True, False])
GROUP = np.array(["x", "x", "x", "y", "y", "y"])
NIGHTS = np.array([1, 2, 3, 1, 2, 3])


def values(figures: Any) -> dict[tuple[str, str], tuple[float, int]]:
    return {(item.metric, item.group): (pytest.approx(item.value), item.n) for item in figures}


def test_realised_figures_of_probabilities_by_hand() -> None:
    found = values(realised_figures(LABEL, PROBABILITY, DECISION, NIGHTS))
    assert found["selection_rate", "all"] == (0.5, 6)
    assert found["mean_probability", "all"] == (2.9 / 6, 6)
    assert found["base_rate", "all"] == (0.5, 6)
    assert found["base_rate_brier", "all"] == (0.25, 6)
    skewed = values(realised_figures(np.array([True, False, False, False]), np.full(4, 0.5), DECISION[:4], None))
    assert skewed["base_rate_brier", "all"] == (0.1875, 4)
    assert realised_figures(LABEL[:0], PROBABILITY[:0], DECISION[:0]) == ()


def test_figures_that_cannot_be_measured_are_left_out() -> None:
    found = {item.metric for item in realised_figures(LABEL[:2], PROBABILITY[:2], DECISION[:2])}
    assert "auc" not in found and "brier" in found


def test_realised_figures_take_nights_as_independent_where_nights_are_given() -> None:
    by_night = {item.metric: item for item in realised_figures(LABEL, PROBABILITY, DECISION, NIGHTS)}
    by_row = {item.metric: item for item in realised_figures(LABEL, PROBABILITY, DECISION)}
    for metric in ("brier", "selection_rate", "mean_probability"):
        assert (by_night[metric].low, by_night[metric].high) != (by_row[metric].low, by_row[metric].high)


def test_groups_by_hand() -> None:
    found = values(group_figures(LABEL, PROBABILITY, DECISION, NIGHTS, group=GROUP, column="region"))
    assert found["selection_rate", "region=x"] == (2 / 3, 3)
    assert found["selection_rate", "region=y"] == (1 / 3, 3)
    assert found["true_positive_rate", "region=x"] == (0.5, 2)
    assert found["false_positive_rate", "region=x"] == (1.0, 1)
    assert found["true_positive_rate", "region=y"] == (1.0, 1)
    assert found["false_positive_rate", "region=y"] == (0.0, 2)
    assert found["auc", "region=x"] == (0.5, 3)
    assert {group for _, group in found} == {"region=x", "region=y"}


def test_a_rate_without_a_row_of_its_kind_is_left_out() -> None:
    found = values(group_figures(LABEL[:2], PROBABILITY[:2], DECISION[:2], None, group=GROUP[:2], column="region"))
    assert ("true_positive_rate", "region=x") in found and ("false_positive_rate", "region=x") not in found


def test_groups_of_numbers_without_a_decision_and_of_classes_with_one() -> None:
    label, prediction = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.0, 3.0, 4.0, 6.0])
    group = np.array(["x", "x", "y", "y"])
    found = values(group_figures(label, prediction, None, None, group=group, column="g", metric_set=NUMBER))
    assert found["mae", "g=x"] == (0.5, 2) and found["mean_prediction", "g=y"] == (5.0, 2)
    assert ("selection_rate", "g=x") not in found
    decided = values(realised_figures(label, prediction, prediction > 3.5, None, NUMBER))
    assert decided["selection_rate", "all"] == (0.5, 4)
    shares = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    classes = values(group_figures(np.array([0, 1, 0, 1]), shares, None, None, group=group, column="g", metric_set=CLASSES))
    assert classes["selection_rate", "g=x"] == (0.5, 2) and classes["selection_rate", "g=y"] == (0.5, 2)
    assert classes["true_positive_rate", "g=x"] == (1.0, 1) and classes["true_positive_rate", "g=y"] == (0.0, 1)
    assert classes["false_positive_rate", "g=x"] == (0.0, 1) and classes["false_positive_rate", "g=y"] == (1.0, 1)


def test_tenths_by_hand() -> None:
    probability = np.array([0.05, 0.95, 0.15, 0.85, 0.25, 0.75, 0.35, 0.65, 0.45, 0.55, 0.50])
    label = probability > 0.6
    found = values(calibration_figures(label, probability, np.arange(11)))
    assert found["calibration_said", "tenth 1"] == (0.1, 2) and found["calibration_seen", "tenth 1"] == (0.0, 2)
    assert found["calibration_said", "tenth 10"] == (0.95, 1) and found["calibration_seen", "tenth 10"] == (1.0, 1)
    assert [group for metric, group in found if metric == "calibration_seen"] == [f"tenth {i}" for i in range(1, 11)]
    few = calibration_figures(label[:3], probability[:3])
    assert len(few) == 6, "fewer rows than tenths: as many tenths as rows"
    assert calibration_figures(label[:0], probability[:0]) == ()


def test_tenths_take_nights_as_independent_and_stay_within_what_a_share_can_be() -> None:
    probability = np.linspace(0, 1, 40)
    label = probability > 0.5
    by_night = calibration_figures(label, probability, np.arange(40) % 2)
    observed = [item for item in by_night if item.metric == "calibration_seen"]
    assert all(
        item.low is not None and 0.0 <= item.low <= item.value <= item.high <= 1.0 for item in observed if item.high is not None
    )
    assert all(item.low is None for item in by_night if item.metric == "calibration_said")
    alone = calibration_figures(label, probability, np.zeros(40))
    assert all(item.low is None for item in alone if item.metric == "calibration_seen"), "one night has no interval"


@pytest.mark.parametrize(
    ("metric_set", "metric", "bounds"),
    [
        (BINARY, "auc", (0.0, 1.0)),
        (BINARY, "brier", (0.0, 1.0)),
        (BINARY, "calibration_bias", (-1.0, 1.0)),
        (BINARY, "log_loss", (0.0, math.inf)),
        (NUMBER, "mae", (0.0, math.inf)),
        (NUMBER, "rmse", (0.0, math.inf)),
        (NUMBER, "calibration_error", (0.0, math.inf)),
        (NUMBER, "r2", (-math.inf, 1.0)),
        (NUMBER, "selection_rate", (0.0, 1.0)),
        (NUMBER, "bias", (-math.inf, math.inf)),
        (CLASSES, "accuracy", (0.0, 1.0)),
        (CLASSES, "calibration_bias", (-1.0, 1.0)),
        (CLASSES, "log_loss", (0.0, math.inf)),
    ],
)
def test_what_a_figure_can_be_bounds_its_interval(metric_set: Any, metric: str, bounds: tuple[float, float]) -> None:
    assert metric_set.bounds(metric) == bounds


def test_an_interval_is_cut_at_both_bounds_and_nowhere_else() -> None:
    label, nights = np.array([True] * 5 + [False] * 3), np.repeat([1, 2], 4)
    probability = np.array([0.5, 0.5, 0.5, 0.504, 0.5, 0.5, 0.5, 0.5])
    for given, ends in ((nights, {"base_rate": (0.0, 1.0), "selection_rate": (0.0, 1.0)}), (nights * 0, {})):
        found = {item.metric: item for item in realised_figures(label, probability, label, given)}
        for metric, values in {"base_rate": label, "selection_rate": label, "mean_probability": probability}.items():
            uncut = intervals.mean(values.astype(float)).interval(given)
            assert (found[metric].low, found[metric].high) == ends.get(metric, uncut)


@pytest.mark.parametrize(
    ("metric_set", "prediction", "invalid"),
    [
        (BINARY, [0.0, 1.0, -1e-9, 1 + 1e-9, math.nan, math.inf], [False, False, True, True, True, True]),
        (NUMBER, [0.0, -1e9, math.nan, math.inf, -math.inf], [False, False, True, True, True]),
        (
            CLASSES,
            [
                [0.2, 0.3, 0.5],
                [0.2, 0.3, 0.5 + 1e-8],
                [0.2, 0.3, 0.5 - 1e-8],
                [-0.1, 0.6, 0.5],
                [1.1, -0.1, 0.0],
                [math.nan] * 3,
            ],
            [False, True, True, True, True, True],
        ),
        (CLASSES, [[0.2, 0.3, 0.5 + 5e-10], [1.0, 0.0, 0.0]], [False, False]),
    ],
)
def test_a_prediction_that_is_none_is_marked(metric_set: Any, prediction: Any, invalid: list[bool]) -> None:
    assert metric_set.is_invalid(np.array(prediction)).tolist() == invalid


def test_probabilities_of_classes_may_miss_a_sum_of_one_by_a_rounding_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_sets, "SUM_ROUNDING", 2**-10)
    off = np.array([0.0, 2**-10, -(2**-10), 2**-9, -(2**-9)])
    assert CLASSES.is_invalid(np.column_stack([np.full(5, 0.5), 0.5 + off])).tolist() == [False] * 3 + [True] * 2


@pytest.mark.parametrize(
    ("metric_set", "label", "constant"),
    [
        (BINARY, [True], "true"),
        (NUMBER, [2.5], "2.5"),
        (CLASSES, [2], "c"),
        (BINARY, [True, True], "true"),
        (BINARY, [False, False], "false"),
        (BINARY, [True, False], None),
        (NUMBER, [2.5, 2.5], "2.5"),
        (NUMBER, [2.5, 2.6], None),
        (CLASSES, [2, 2], "c"),
        (CLASSES, [2, 0], None),
    ],
)
def test_labels_of_one_value_are_named(metric_set: Any, label: Any, constant: str | None) -> None:
    assert metric_set.constant_label(np.array(label)) == constant


def test_each_task_proves_skill_by_its_own_figure_above_its_own_level() -> None:
    assert (Binary.no_skill, Regression.no_skill, Multiclass.no_skill) == (0.5, 0.0, 0.5)
    assert BINARY.discrimination(LABEL, PROBABILITY, NIGHTS) == metrics.auc(LABEL, PROBABILITY, NIGHTS)
    number = NUMBER.discrimination(np.arange(4.0), np.arange(4.0), None)
    assert (number.metric, number.value) == ("correlation", pytest.approx(1.0))
    shares = np.eye(3)[[0, 1, 2, 0]]
    assert (found := CLASSES.discrimination(np.array([0, 1, 2, 0]), shares, None)).metric == "macro_auc" and found.value == 1.0
    assert [item.higher_is_better for item in (BINARY, NUMBER, CLASSES)] == [True, False, False]


@pytest.mark.parametrize(
    ("metric_set", "label", "prediction", "expected"),
    [
        (BINARY, LABEL, PROBABILITY, ["calibration_error", "calibration_bias", "brier", "base_rate"]),
        (NUMBER, np.arange(6.0), np.arange(6.0), ["calibration_error", "bias", "rmse", "mean_label"]),
        (
            CLASSES,
            np.array([0, 1, 2]),
            np.full((3, 3), 1 / 3),
            ["calibration_error", "calibration_bias", "log_loss", "accuracy"],
        ),
    ],
)
def test_the_calibration_gate_gets_error_and_bias_first(
    metric_set: Any, label: Any, prediction: Any, expected: list[str]
) -> None:
    nights = np.arange(len(label))
    assert [item.metric for item in metric_set.calibration(label, prediction, nights)] == expected


def by_rows(name: str, label: Any, prediction: Any, decision: Any, metric_set: Any) -> list[float]:
    """Return the mean of the first two rows and of the last two."""
    counted = metric_set.group_mean(name, label, prediction, decision)
    among = np.ones(4, dtype=bool) if counted.among is None else counted.among
    return [float(counted.values[rows][among[rows]].mean()) for rows in (slice(0, 2), slice(2, 4))]


def test_fairness_of_numbers_by_hand() -> None:
    label, prediction = np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.0, 3.0, 4.0, 6.0])
    assert by_rows("mae", label, prediction, None, NUMBER) == [0.5, 1.0]
    assert by_rows("mean_prediction", label, prediction, None, NUMBER) == [2.0, 5.0]
    assert by_rows("calibration_bias", label, prediction, None, NUMBER) == [0.5, -1.0]
    assert by_rows("selection_rate", label, prediction, np.array([True, False, True, True]), NUMBER) == [0.5, 1.0]


def test_fairness_of_classes_by_hand() -> None:
    label = np.array([0, 1, 1, 1])
    shares = np.eye(3)[[0, 0, 1, 1]] * 0.8 + 0.1
    assert by_rows("accuracy", label, shares, None, CLASSES) == [0.5, 1.0]
    assert by_rows("selection_rate", label, shares, None, CLASSES) == [0.0, 1.0]
    assert by_rows("true_positive_rate", label, shares, None, CLASSES) == [0.0, 1.0]


def test_fairness_of_probabilities_by_hand() -> None:
    label, probability = np.array([True, False, True, False]), np.array([0.9, 0.3, 0.5, 0.1])
    decision = np.array([True, True, False, False])
    assert by_rows("selection_rate", label, probability, decision, BINARY) == [1.0, 0.0]
    assert by_rows("true_positive_rate", label, probability, decision, BINARY) == [1.0, 0.0]
    assert by_rows("false_positive_rate", label, probability, decision, BINARY) == [1.0, 0.0]
    assert by_rows("calibration_bias", label, probability, decision, BINARY) == pytest.approx([0.1, -0.2])
    counted = BINARY.group_mean("error_cost", label, probability, decision, costs=(1.0, 5.0))
    assert counted.values.tolist() == [0.0, 1.0, 5.0, 0.0] and counted.among is None


def test_what_a_calibration_curve_compares() -> None:
    shares = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4]])
    predicted, observed = CLASSES.predicted_and_observed(np.array([0, 2]), shares)
    assert predicted.tolist() == [0.7, 0.5] and observed.tolist() == [1.0, 0.0]
    predicted, observed = BINARY.predicted_and_observed(LABEL, PROBABILITY)
    assert predicted is PROBABILITY and observed.tolist() == LABEL.astype(float).tolist()
    predicted, observed = NUMBER.predicted_and_observed(np.arange(3.0), np.ones(3))
    assert predicted.tolist() == [1.0] * 3 and observed.tolist() == [0.0, 1.0, 2.0]


def test_the_headings_of_a_page_name_figures_that_exist() -> None:
    shares = np.full((6, 3), 1 / 3)
    measured: list[tuple[Any, Callable[[], Any]]] = [
        (BINARY, lambda: group_figures(LABEL, PROBABILITY, DECISION, NIGHTS, group=np.full(6, "g"), column="c")),
        (
            NUMBER,
            lambda: group_figures(
                np.arange(6.0), np.arange(6.0), None, None, group=np.full(6, "g"), column="c", metric_set=NUMBER
            ),
        ),
        (
            CLASSES,
            lambda: group_figures(np.arange(6) % 3, shares, None, None, group=np.full(6, "g"), column="c", metric_set=CLASSES),
        ),
    ]
    for metric_set, figures in measured:
        names = {item.metric for item in figures()}
        assert set(metric_set.by_group) <= names, metric_set
        assert metric_set.second[0] in names and metric_set.metric in names
    assert "selection_rate" not in metric_set_of("multiclass", ("a", "b")).by_group
    assert CLASSES.by_group["selection_rate"] == "told b"


def test_each_task_has_its_metric_set() -> None:
    assert metric_set_of("binary") is BINARY
    assert isinstance(metric_set_of("regression"), Regression)
    assert metric_set_of("multiclass", ["a", "b"], "b") == Multiclass(("a", "b"), "b")


def test_only_a_pass_has_passed() -> None:
    assert [Verdict("g", outcome, "").passed for outcome in ("pass", "fail", "not_enough_evidence")] == [True, False, False]


def test_limits_of_suspicion_are_read_from_what_belongs_to_the_task() -> None:
    limits: Any = SimpleNamespace(suspicious_above=0.9, suspicious_below=0.1)
    assert BINARY.too_good(0.05, limits) is None and BINARY.too_good(0.91, limits) == "above 0.9"
    assert NUMBER.too_good(0.91, limits) is None and NUMBER.too_good(0.05, limits) == "below 0.1"
