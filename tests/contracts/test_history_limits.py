"""Limits from earlier nights, by a second route: plain Python over a few written-out nights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from statistics import median

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.contracts.history_limits import (
    ENOUGH,
    ENOUGH_TO_COMPARE,
    OF_COLUMN,
    PROBABILITIES,
    RECENT_NIGHTS,
    WEEKDAYS,
    WEEKS,
    History,
    present,
    present_limit,
    quantile_limits,
    quantiles,
    recent,
    summary,
    typical_rows,
    typical_rows_of_weekday,
    typical_shares,
)
from nightloop.nights import Night

NIGHT = date(2024, 3, 20)
NIGHTS = ENOUGH_TO_COMPARE


def before(days: int) -> Night:
    return NIGHT - timedelta(days=days)


# --- summaries ---------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_quantiles_are_those_of_pandas_nearest(values: list[float]) -> None:
    expected = pd.Series(values).quantile(list(PROBABILITIES), interpolation="nearest").tolist()
    assert quantiles(pa.chunked_array([values]), PROBABILITIES) == expected


def test_a_summary_counts_what_is_missing_and_orders_what_is_there() -> None:
    rows = pa.table(
        {
            "number": pa.array([4.0, None, math.nan, 1.0]),
            "whole": pa.array([3, 1, 2, None], pa.int64()),
            "text": pa.array(["b", None, "a", "b"]),
            "flag": pa.array([True, None, False, True]),
            "at": pa.array([datetime(2024, 1, 1, tzinfo=UTC)] * 4, pa.timestamp("us", "UTC")),
            "nothing": pa.array([None] * 4, pa.string()),
        }
    )
    found = summary(rows)
    assert found == {
        "number": {"missing": 2, "quantiles": [1.0, 1.0, 1.0, 4.0, 4.0]},
        "whole": {"missing": 1, "quantiles": [1, 1, 2, 3, 3]},
        "text": {"missing": 1, "counts": {"a": 1, "b": 2}},
        "flag": {"missing": 1},
        "at": {"missing": 0},
        "nothing": {"missing": 4},
    }
    assert list(found["text"]["counts"]) == ["a", "b"]


@pytest.mark.parametrize(("distinct", "is_category"), [(49, True), (50, True), (51, False)])
def test_a_text_of_more_than_fifty_values_is_a_name_and_no_category(distinct: int, is_category: bool) -> None:
    rows = pa.table({"t": [f"v{i}" for i in range(distinct)] * 2})
    assert ("counts" in summary(rows)["t"]) is is_category


def test_a_text_that_looks_like_a_category_at_first_and_is_none_later_is_not_counted() -> None:
    rows = pa.table({"t": ["a"] * 10_000 + [f"v{i}" for i in range(50)]})
    assert "counts" not in summary(rows)["t"]
    assert "counts" in summary(rows.slice(1000, 9049))["t"]


def test_what_is_present_is_neither_null_nor_nan() -> None:
    assert present(pa.chunked_array([[1.0, None], [math.nan, 2.0]])).to_pylist() == [1.0, 2.0]
    assert present(pa.chunked_array([["a", None]])).to_pylist() == ["a"]


# --- which nights count ------------------------------------------------------------------------------------------------


def test_recent_nights_are_the_28_before_and_in_order() -> None:
    history = {before(days): History(days) for days in (29, 28, 1, 0, -1, 14)}
    assert list(recent(NIGHT, history)) == [before(28), before(14), before(1)]
    assert list(recent(NIGHT, history, 14)) == [before(14), before(1)]
    assert RECENT_NIGHTS == 28


def counts(by_days: Mapping[int, int]) -> dict[Night, History]:
    return {before(days): History(rows) for days, rows in by_days.items()}


@pytest.mark.parametrize(
    ("by_days", "expected"),
    [
        ({}, None),
        ({1: 5, 2: 7}, None),  # too few
        ({1: 5, 2: 7, 3: 9}, 7),
        ({1: 5, 2: 7, 3: 9, 4: 11}, 7),  # of an even number the lower middle: a number of rows there was
        ({1: 5, 2: 5, 3: 5, 7: 100, 14: 100}, 5),  # two of the same weekday are too few to go by
        ({1: 5, 2: 5, 3: 5, 4: 5, 7: 100, 14: 200, 21: 300}, 200),
        ({1: 5, 2: 5, 3: 5, 4: 5, 7: 100, 14: 200, 35: 300}, 5),  # 35 nights ago is not recent
        ({7: 100, 14: 200, 28: 300}, 200),
        ({29: 1, 30: 1, 31: 1}, None),
        ({0: 1, -1: 1, -2: 1}, None),  # neither the night itself nor what comes after
    ],
)
def test_the_typical_number_of_rows(by_days: Mapping[int, int], expected: int | None) -> None:
    assert typical_rows(NIGHT, counts(by_days)) == expected


@pytest.mark.parametrize(
    ("weeks", "expected"),
    [
        ({}, None),
        ({1: 10, 2: 20}, None),
        ({1: 10, 2: 20, 3: 30}, 20),
        ({week: week for week in range(1, 9)}, 4),
        ({week: week for week in range(1, 13)}, 4),  # the eight newest: 1 to 8
        ({week: week for week in range(5, 13)}, 8),
        ({10: 10, 11: 11, 12: 12}, 11),  # twelve weeks back still count
        ({11: 11, 12: 12, 13: 13}, None),  # thirteen do not
        ({0: 1, -1: 2, -2: 3}, None),
    ],
)
def test_the_typical_number_of_rows_of_a_weekday(weeks: Mapping[int, int], expected: int | None) -> None:
    others = {days: 999 for days in range(1, 90) if days % 7}
    assert typical_rows_of_weekday(NIGHT, counts({7 * week: rows for week, rows in weeks.items()} | others)) == expected
    assert (ENOUGH, WEEKDAYS, WEEKS) == (3, 8, 12)


# --- limits of a column ------------------------------------------------------------------------------------------------


def night(values: list[float], missing: int = 0, rows: int = 100) -> History:
    return History(rows, {"x": {"missing": missing, "quantiles": values}})


def limits_by_hand(nights: list[History], i: int, tolerance: float) -> tuple[float, float]:
    """Median, give or take the tolerance times the spread between nights joined with the error within one."""
    values = [one.columns["x"]["quantiles"][i] for one in nights]
    between = 1.4826 * median([abs(value - median(values)) for value in values])
    errors = []
    for one in nights:
        each, n = one.columns["x"]["quantiles"], one.row_count - one.columns["x"]["missing"]
        low, high = max(i - 1, 0), min(i + 1, 4)
        slope = (each[high] - each[low]) / (PROBABILITIES[high] - PROBABILITIES[low])
        errors.append(math.sqrt(PROBABILITIES[i] * (1 - PROBABILITIES[i]) / n) * slope)
    spread = tolerance * math.sqrt(between**2 + median(errors) ** 2)
    return median(values) - spread, median(values) + spread


def drawn(seed: int, nights: int = NIGHTS) -> list[History]:
    rng = np.random.default_rng(seed)
    return [night(sorted(rng.normal(10, 3, 5).tolist()), int(rng.integers(0, 20))) for _ in range(nights)]


@pytest.mark.parametrize("tolerance", [1.0, 6.0])
def test_limits_of_quantiles_agree_with_those_by_hand(tolerance: float) -> None:
    nights = drawn(1)
    found = quantile_limits(nights, "x", tolerance)
    assert found is not None and len(found) == len(PROBABILITIES)
    for i, pair in enumerate(found):
        assert pair == pytest.approx(limits_by_hand(nights, i, tolerance))


def test_parameters_of_a_column_are_those_limits() -> None:
    nights = drawn(2)
    median_limits = limits_by_hand(nights, 2, 6)
    assert OF_COLUMN["median_low"][1](nights, "x", 6) == pytest.approx(median_limits[0])
    assert OF_COLUMN["median_high"][1](nights, "x", 6) == pytest.approx(median_limits[1])
    ranges = OF_COLUMN["usual_quantiles"][1](nights, "x", 6)
    assert ranges["quantiles"] == [0.05, 0.25, 0.5, 0.75, 0.95]
    assert [pytest.approx(pair) for pair in ranges["value_ranges"]] == [list(limits_by_hand(nights, i, 6)) for i in range(5)]


def test_nights_that_never_differ_leave_the_error_within_one() -> None:
    """A column between 0 and 1 of 100 rows: the median's error is sqrt(0.25 / 100) / density, and the density is 1."""
    flat = [night([0.05, 0.25, 0.5, 0.75, 0.95]) for _ in range(NIGHTS)]
    limits = quantile_limits(flat, "x", 2)
    assert limits is not None
    assert limits[2] == pytest.approx((0.5 - 2 * 0.05, 0.5 + 2 * 0.05))
    assert limits[0] == pytest.approx((0.05 - 2 * math.sqrt(0.05 * 0.95 / 100), 0.05 + 2 * math.sqrt(0.05 * 0.95 / 100)))
    missing = [night([0.05, 0.25, 0.5, 0.75, 0.95], missing=75) for _ in range(NIGHTS)]
    assert quantile_limits(missing, "x", 2)[2] == pytest.approx((0.5 - 2 * 0.1, 0.5 + 2 * 0.1)), "25 rows tell half as much"


def test_the_spread_between_nights_is_robust() -> None:
    """Half of the nights at 9, half at 11: median 10, absolute deviation 1, and one wild night changes nothing."""
    point = [night([v, v, v, v, v]) for v in [9.0, 11.0] * 7]
    for nights in (point, [*point, night([10.0] * 5), night([1e6] * 5), night([-1e6] * 5)]):
        limits = quantile_limits(nights, "x", 1)
        assert limits is not None
        assert limits[2] == pytest.approx((10 - 1.4826, 10 + 1.4826))


def test_a_tolerance_widens_the_limits_in_proportion() -> None:
    nights = drawn(3)
    one, three = quantile_limits(nights, "x", 1), quantile_limits(nights, "x", 3)
    assert one is not None and three is not None
    for (low, high), (lowest, highest) in zip(one, three, strict=True):
        assert highest - lowest == pytest.approx(3 * (high - low))
        assert highest + lowest == pytest.approx(high + low)


@pytest.mark.parametrize("other", [{}, {"y": {"missing": 0, "quantiles": [1.0] * 5}}, {"x": {"missing": 100}}])
def test_nights_that_do_not_have_the_column_do_not_count(other: dict[str, dict[str, object]]) -> None:
    enough = drawn(4)
    assert quantile_limits([*enough, History(100, other)], "x", 6) == quantile_limits(enough, "x", 6)
    few = [*enough[1:], History(100, other)]
    assert quantile_limits(few, "x", 6) is None
    for name in ("median_low", "median_high", "usual_quantiles"):
        assert OF_COLUMN[name][1](few, "x", 6) is None


# --- shares ------------------------------------------------------------------------------------------------------------


def present_by_hand(pairs: list[tuple[int, int]], tolerance: float) -> float:
    shares = [1 - missing / rows for missing, rows in pairs]
    between = 1.4826 * median([abs(share - median(shares)) for share in shares])
    smooth = [((missing + 1) / (rows + 2), rows) for missing, rows in pairs]
    within = median([math.sqrt(p * (1 - p) / rows) for p, rows in smooth])
    return median(shares) - tolerance * math.sqrt(between**2 + within**2)


def test_the_smallest_share_of_present_values_agrees_with_that_by_hand() -> None:
    pairs = [(i % 5, 90 + i) for i in range(NIGHTS)]
    nights = [History(rows, {"x": {"missing": missing}}) for missing, rows in pairs]
    assert present_limit(nights, "x", 6) == pytest.approx(present_by_hand(pairs, 6))
    assert OF_COLUMN["present_low"][1](nights, "x", 2) == pytest.approx(present_by_hand(pairs, 2))
    assert present_limit(nights[1:], "x", 6) is None
    assert present_limit([*nights[1:], History(0, {"x": {"missing": 0}}), History(9, {})], "x", 6) is None


def test_a_share_below_zero_is_zero_and_one_that_never_moved_still_may_a_little() -> None:
    always = [History(100, {"x": {"missing": 0}})] * NIGHTS
    limit = present_limit(always, "x", 6)
    assert limit == pytest.approx(1 - 6 * math.sqrt((1 / 102) * (101 / 102) / 100))
    assert present_limit([History(4, {"x": {"missing": 2}})] * NIGHTS, "x", 6) == 0.0


def test_the_shares_of_a_text_are_over_all_nights_together() -> None:
    nights = [History(4, {"x": {"missing": 0, "counts": {"a": 3, "b": 1}}})] * (NIGHTS - 1)
    assert typical_shares(nights, "x") is None
    last = History(NIGHTS, {"x": {"missing": 0, "counts": {"c": NIGHTS, "a": 1}}})
    shares = typical_shares([*nights, last], "x")
    total = 4 * (NIGHTS - 1) + NIGHTS + 1
    assert shares == {"values": ["a", "b", "c"], "weights": [(3 * 13 + 1) / total, 13 / total, 14 / total]}
    assert sum(shares["weights"]) == pytest.approx(1)
    assert OF_COLUMN["usual_shares"][1]([*nights, last], "x", 6) == shares
    assert typical_shares([*nights, History(3, {"x": {"missing": 3}}), History(3, {})], "x") is None
