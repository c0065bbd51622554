"""The fast path on whole columns and tables: each figure by plain Python, each limit at, just below and just above it."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from statistics import fmean, median
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.contracts.fast_path import fast_result
from nightloop.contracts.results import Result
from nightloop.contracts.suite import Rule
from tests.contracts.rules import column, rule

NOON = datetime(2024, 3, 20, 12, tzinfo=UTC)
STAMP = pa.timestamp("us", "UTC")
NAN = float("nan")
MAX, MIN = "column_max_to_be_between", "column_min_to_be_between"
MEAN, MEDIAN = "column_mean_to_be_between", "column_median_to_be_between"
QUANTILES, ROWS = "column_quantile_values_to_be_between", "table_row_count_to_be_between"
CONTAIN, DIVERGENCE = "column_distinct_values_to_contain_set", "column_kl_divergence_to_be_less_than"
NAMES = "table_columns_to_match_ordered_list"
FIGURES = {MAX: 9.0, MIN: 1.0, MEAN: 4.0, MEDIAN: 2.0}  # of 1, 2, 9 with a null and a NaN beside them


def holds(asked: Rule, table: pa.Table) -> bool:
    result = fast_result(asked, table)
    assert result is not None, "the fast path left it to Great Expectations"
    assert result.rows == ()
    return result.success


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_at_a_limit_is_within_it(kind: str) -> None:
    rows, figure = column("x", [9.0, None, 1.0, NAN, 2.0]), FIGURES[kind]
    for limits, success in [
        ({"min_value": figure}, True),
        ({"max_value": figure}, True),
        ({"min_value": figure, "max_value": figure}, True),
        ({"min_value": math.nextafter(figure, 10)}, False),
        ({"max_value": math.nextafter(figure, 0)}, False),
        ({"min_value": 0, "max_value": math.nextafter(figure, 0)}, False),
        ({}, True),
    ]:
        assert holds(rule(kind, column="x", **limits), rows) is success, limits


@pytest.mark.parametrize(("kind", "figure"), [(MAX, "7"), (MIN, "1"), (MEAN, "4.0"), (MEDIAN, "4.0")])
def test_a_broken_limit_shows_the_figure(kind: str, figure: str) -> None:
    assert fast_result(rule(kind, column="x", min_value=100), column("x", [1, 7], pa.int64())) == Result(False, (), figure)


@pytest.mark.parametrize("kind", FIGURES)
def test_a_column_without_a_value_has_no_figure_and_breaks_the_rule(kind: str) -> None:
    for empty in (column("x", [None], pa.int64()), column("x", [NAN, None], pa.float64())):
        assert fast_result(rule(kind, column="x", min_value=0), empty) == Result(False, (), "None")


def test_instants_have_extremes_only() -> None:
    rows = column("x", [NOON, NOON + timedelta(hours=1), None], STAMP)
    assert holds(rule(MAX, column="x", min_value=NOON + timedelta(hours=1)), rows)
    assert not holds(rule(MAX, column="x", min_value=NOON + timedelta(hours=1, microseconds=1)), rows)
    assert holds(rule(MIN, column="x", max_value=NOON), rows)
    assert not holds(rule(MIN, column="x", min_value=NOON + timedelta(microseconds=1)), rows)
    for left in (rule(MEDIAN, column="x", min_value=NOON), rule(MEAN, column="x", min_value=NOON), rule(MEAN, column="x")):
        assert fast_result(left, rows) is None
    ranges = {"quantiles": [0.5], "value_ranges": [[NOON, None]]}
    assert fast_result(rule(QUANTILES, column="x", quantile_ranges=ranges), rows) is None


def test_the_mean_of_booleans_is_the_share_of_true() -> None:
    rows = column("x", [True, True, False, None])
    assert holds(rule(MEAN, column="x", min_value=2 / 3, max_value=2 / 3), rows)
    assert not holds(rule(MEAN, column="x", min_value=0.67), rows)
    assert fast_result(rule(MAX, column="x", max_value=1), rows) is None


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=20))
def test_median_and_mean_agree_with_plain_python(values: list[int]) -> None:
    rows = column("x", values, pa.int64())
    assert holds(rule(MEDIAN, column="x", min_value=median(values), max_value=median(values)), rows)
    assert holds(rule(MEAN, column="x", min_value=fmean(values) - 1e-9, max_value=fmean(values) + 1e-9), rows)


@pytest.mark.parametrize(
    ("limits", "success"),
    [
        ({"min_value": 3}, True), ({"min_value": 4}, False), ({"max_value": 3}, True), ({"max_value": 2}, False),
        ({"min_value": 3, "max_value": 3}, True), ({}, True),
    ],
)  # fmt: skip
def test_the_number_of_rows_at_a_limit_is_within_it(limits: dict[str, int], success: bool) -> None:
    assert holds(rule(ROWS, **limits), column("x", [1, None, 3])) is success


def test_columns_match_in_names_and_order() -> None:
    rows = pa.table({"a": [1], "b": [2]})
    assert holds(rule(NAMES, column_list=["a", "b"]), rows)
    for other in (["b", "a"], ["a"], ["a", "b", "c"]):
        assert fast_result(rule(NAMES, column_list=other), rows) == Result(False, (), "['a', 'b']")


def test_a_quantile_is_the_value_nearest_in_rank() -> None:
    rows = column("x", [50, 10, 40, 20, 30, None], pa.int64())
    for probability, value in ((0, 10), (0.05, 10), (0.25, 20), (0.5, 30), (0.7, 40), (0.95, 50), (1, 50)):
        ranges = {"quantiles": [probability], "value_ranges": [[value, value]]}
        assert holds(rule(QUANTILES, column="x", quantile_ranges=ranges), rows), probability
    broken = {"quantiles": [0.25, 0.5], "value_ranges": [[20, 20], [31, 99]]}
    result = fast_result(rule(QUANTILES, column="x", quantile_ranges=broken), rows)
    assert result == Result(False, (), "{'quantiles': [0.25, 0.5], 'values': [20, 30]}")


@pytest.mark.parametrize(
    ("limits", "success"),
    [
        ([100.005, None], True),  # within a ten thousandth of the limit
        ([100.02, None], False),
        ([None, 99.995], True),
        ([None, 99.98], False),
        ([None, None], True),
        ([100, 100], True),
        ([101, 99], False),
    ],
)
def test_a_quantile_close_to_a_limit_is_within_it(limits: list[float | None], success: bool) -> None:
    ranges = {"quantiles": [0.5], "value_ranges": [limits]}
    assert holds(rule(QUANTILES, column="x", quantile_ranges=ranges), column("x", [100.0])) is success


def test_near_zero_a_quantile_has_an_absolute_tolerance() -> None:
    for limit, success in ((0.9e-8, True), (1.2e-8, False)):
        ranges = {"quantiles": [0.5], "value_ranges": [[limit, 1]]}
        assert holds(rule(QUANTILES, column="x", quantile_ranges=ranges), column("x", [0.0])) is success


def test_each_expected_value_has_to_occur_and_others_may() -> None:
    rows = column("x", ["b", "a", None, "a"])
    assert holds(rule(CONTAIN, column="x", value_set=["a"]), rows)
    assert holds(rule(CONTAIN, column="x", value_set=["a", "b"]), rows)
    assert fast_result(rule(CONTAIN, column="x", value_set=["a", "c"]), rows) == Result(False, (), "['a', 'b']")


# --- divergence --------------------------------------------------------------------------------------------------------


def divergence(observed: dict[str, int], expected: dict[str, float]) -> float:
    """Kullback-Leibler divergence of the observed shares from the expected ones, in nats, straight from its definition."""
    total, mass = sum(observed.values()), sum(expected.values())
    return sum(n / total * math.log((n / total) / (expected[value] / mass)) for value, n in observed.items() if n)


def diverging(threshold: float, expected: dict[str, float], **more: Any) -> Rule:
    partition = {"values": list(expected), "weights": list(expected.values())}
    return rule(DIVERGENCE, column="x", partition_object=partition, threshold=threshold, **more)


@settings(deadline=None)
@given(
    st.fixed_dictionaries({"a": st.integers(1, 9), "b": st.integers(0, 9), "c": st.integers(0, 9)}),
    st.fixed_dictionaries({"a": st.floats(0.1, 1), "b": st.floats(0.1, 1), "c": st.floats(0.1, 1)}),
)
def test_a_divergence_is_that_of_its_definition_and_holds_at_its_threshold(
    observed: dict[str, int], expected: dict[str, float]
) -> None:
    rows = column("x", [value for value, n in observed.items() for _ in range(n)] + [None])
    figure = divergence(observed, expected)
    assert holds(diverging(figure + 1e-9, expected), rows)
    assert not holds(diverging(figure - 1e-9, expected), rows)


def test_new_values_share_the_weight_held_out_for_them() -> None:
    rows = column("x", ["a"] * 8 + ["new", "newer"])
    expected = {"a": 0.9, "new": 0.05, "newer": 0.05}
    figure = divergence({"a": 8, "new": 1, "newer": 1}, expected)
    assert holds(diverging(figure + 1e-9, {"a": 1.0}, tail_weight_holdout=0.1), rows)
    result = fast_result(diverging(figure - 1e-6, {"a": 1.0}, tail_weight_holdout=0.1), rows)
    assert result == Result(False, (), f"{figure:.6g}")


def test_a_value_that_was_never_expected_is_infinitely_far_without_a_holdout() -> None:
    assert fast_result(diverging(99, {"a": 1.0}), column("x", ["a", "new"])) == Result(False, (), "None")
    assert fast_result(diverging(99, {"a": 1.0, "b": 0.0}), column("x", ["b"])) == Result(False, (), "None")
    assert holds(diverging(0, {"a": 1.0, "b": 0.0}), column("x", ["a"]))


def test_the_same_shares_do_not_diverge() -> None:
    assert holds(diverging(0, {"a": 0.5, "b": 0.5}), column("x", ["a", "b", None]))
    assert holds(diverging(0, {"a": 2, "b": 2}), column("x", ["a", "b"])), "weights need not sum to one"


# --- what the fast path must leave to Great Expectations ---------------------------------------------------------------

TABLE = pa.table(
    {"n": [1, 2], "t": ["a", "b"], "none": pa.array([None, None], pa.string()), "at": pa.array([NOON, NOON], STAMP)}
)
HALF = {"quantiles": [0.5], "value_ranges": [[0, None]]}
PARTITION = {"values": ["a", "b"], "weights": [0.5, 0.5]}


@pytest.mark.parametrize(
    "unanswered",
    [
        *(rule(kind, column="n", min_value=0, strict_min=True) for kind in (MAX, MIN, MEAN, MEDIAN)),
        *(rule(kind, column="n", min_value="0") for kind in (MAX, MIN, MEAN, MEDIAN)),
        *(rule(kind, column="n", min_value=True) for kind in (MAX, MIN, MEAN, MEDIAN)),
        *(rule(kind, column="t", min_value="a") for kind in (MAX, MIN, MEAN, MEDIAN)),
        rule(MAX, column="at", min_value="2024-03-20"),
        rule(MAX, column="at", min_value=NOON.replace(tzinfo=None)),
        rule(MAX, column="at", min_value=NOON, max_value=1),
        rule(ROWS, min_value=1, strict_min=True),
        rule(NAMES, column_list=["n"], exact_match=False),
        rule(QUANTILES, column="n", quantile_ranges=HALF, allow_relative_error=True),
        rule(QUANTILES, column="t", quantile_ranges=HALF),
        rule(CONTAIN, column="t", value_set=["a"], parse_strings_as_datetimes=True),
        rule(CONTAIN, column="n", value_set=[1]),
        rule(CONTAIN, column="t", value_set="a"),
        rule(CONTAIN, column="none", value_set=["a"]),
        rule(DIVERGENCE, column="t", partition_object=PARTITION, threshold=1, internal_weight_holdout=0.1),
        rule(DIVERGENCE, column="t", partition_object=PARTITION),
        rule(DIVERGENCE, column="t", partition_object=None, threshold=1),
        rule(DIVERGENCE, column="t", partition_object={"bins": [0, 1], "weights": [1]}, threshold=1),
        rule(DIVERGENCE, column="n", partition_object=PARTITION, threshold=1),
        rule(DIVERGENCE, column="none", partition_object=PARTITION, threshold=1),
    ],
    ids=lambda item: f"{item.name} {sorted(item.kwargs)}",
)
def test_what_the_fast_path_does_not_know_it_does_not_answer(unanswered: Rule) -> None:
    assert fast_result(unanswered, TABLE) is None


def test_quantiles_of_a_column_without_a_value_are_left_to_great_expectations() -> None:
    assert fast_result(rule(QUANTILES, column="x", quantile_ranges=HALF), column("x", [None], pa.int64())) is None
