"""Groups counted by hand: which rows, which pair, which end; and how rows are divided."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nightloop.evidence import intervals
from nightloop.evidence.fairness.fairness import Assessment, assess, means_of
from nightloop.evidence.fairness.group_counts import Mean, crossing, grouping, groupings

LABEL = np.array([1, 1, 0, 0, 1, 1, 0, 0, 1, 0], dtype=bool)
DECISION = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=bool)
GROUP = np.array(["a"] * 4 + ["b"] * 4 + ["c"] * 2)
NIGHTS = np.array([1, 2, 3, 4, 1, 2, 3, 4, 1, 2])
MEANS = {
    "selection_rate": Mean(DECISION),
    "true_positive_rate": Mean(DECISION, LABEL),
    "false_positive_rate": Mean(DECISION, ~LABEL),
    "mae": Mean(np.arange(10.0)),
    "calibration_bias": Mean(np.array([0.2, -0.1, 0, 0, -0.4, -0.2, 0, 0, 0.1, 0.1])),
}


def counted(*measures: str, group: Any = GROUP, nights: Any = NIGHTS, means: Any = None) -> Assessment:
    return assess(means or MEANS, measures, groupings({"g": group}), nights, minimum_nights=1)


@pytest.mark.parametrize(
    ("measure", "value", "widest"),
    [
        ("selection_rate_difference", 0.75, ("a", "c")),
        ("selection_rate_ratio", 0.0, ("a", "c")),
        ("true_positive_rate_difference", 1.0, ("a", "c")),
        ("false_positive_rate_difference", 0.5, ("a", "b")),
        ("equalised_odds_difference", 1.0, ("a", "c")),
        ("mae_difference", 7.0, ("c", "a")),
        ("calibration_bias", 0.15, ("b",)),
    ],
)
def test_each_measure_stands_on_its_rows(measure: str, value: float, widest: tuple[str, ...]) -> None:
    (item,) = counted(measure).comparisons
    assert item.gap.value == pytest.approx(value)
    assert (item.gap.metric, item.gap.n, item.gap.group, item.widest) == (measure, 10, "all", widest)


def test_each_mean_of_each_group() -> None:
    figures = {(item.metric, item.group): (item.value, item.n) for item in counted("equalised_odds_difference").groups}
    assert figures == {
        ("true_positive_rate", "a"): (1.0, 2),
        ("true_positive_rate", "b"): (0.5, 2),
        ("true_positive_rate", "c"): (0.0, 1),
        ("false_positive_rate", "a"): (0.5, 2),
        ("false_positive_rate", "b"): (0.0, 2),
        ("false_positive_rate", "c"): (0.0, 1),
    }
    assert means_of(["equalised_odds_difference", "true_positive_rate_difference", "selection_rate_ratio"]) == (
        "true_positive_rate",
        "false_positive_rate",
        "selection_rate",
    )


def test_of_groups_that_are_equal_the_first_counts_as_the_larger() -> None:
    equal = np.array([True, False, True, False])
    means = {"selection_rate": Mean(equal)}
    (item,) = counted(
        "selection_rate_difference", group=np.array(["a", "a", "b", "b"]), nights=NIGHTS[:4], means=means
    ).comparisons
    assert (item.gap.value, item.widest) == (0.0, ("a", "b"))


def test_the_upper_end_is_the_outermost_over_all_pairs_of_one_pair_each() -> None:
    """The widest pair need not have the widest interval: a small group's reaches farther."""
    random = np.random.default_rng(1)
    group = np.repeat(["large", "other", "small"], [400, 400, 12])
    decision = np.concatenate([random.random(400) < 0.5, random.random(400) < 0.3, np.arange(12) < 5])
    nights = np.arange(812) % 10
    (item,) = counted(
        "selection_rate_difference", group=group, nights=nights, means={"selection_rate": Mean(decision)}
    ).comparisons
    shares = {name: intervals.share(decision, group == name) for name in ("large", "other", "small")}
    ends = {}
    for one, other in (("large", "other"), ("large", "small"), ("small", "other")):
        ends[one, other] = shares[one].minus(shares[other]).interval(nights)
    assert item.gap.high == pytest.approx(max(high for _, high in ends.values()))
    assert item.gap.high > ends[item.widest][1], "another pair reaches farther than the widest"
    lower = max(low for low, _ in ends.values())
    assert 0 < item.gap.low < lower, "the lower end holds for all pairs at once, so it lies farther away"


def test_intervals_of_groups_are_over_nights() -> None:
    groups = {item.group: item for item in counted("selection_rate_difference").groups}
    low, high = intervals.share(DECISION, GROUP == "a").interval(NIGHTS)
    assert (groups["a"].low, groups["a"].high) == pytest.approx((low, high))
    one_night = counted("selection_rate_difference", nights=np.ones(10))
    assert one_night.comparisons[0].gap.value == 0.75
    assert {(item.low, item.high) for item in one_night.groups} == {(None, None)}


@pytest.mark.parametrize(("values", "rows"), [(["a"] * 4, 4), ([], 0)])
def test_one_group_or_none_has_no_difference(values: list[str], rows: int) -> None:
    means = {"selection_rate": Mean(DECISION[:rows])}
    found = counted("selection_rate_difference", group=np.array(values), nights=NIGHTS[:rows], means=means)
    (item,) = found.comparisons
    assert math.isnan(item.gap.value) and item.gap.high is None
    assert (item.widest, len(found.groups), item.gap.n) == ((), min(rows, 1), rows)


@pytest.mark.parametrize("without", ["a", "b", "c", "ab", "abc"])
def test_a_group_without_a_row_of_the_kind_is_named_and_not_compared(without: str) -> None:
    label = LABEL & ~np.isin(GROUP, list(without))
    assessed = counted("true_positive_rate_difference", means={"true_positive_rate": Mean(DECISION, label)})
    (item,) = assessed.comparisons
    assert {name.split()[0] for name in item.small} == set(without)
    assert {figure.group for figure in assessed.groups if math.isnan(figure.value)} == set(without)
    assert math.isnan(item.gap.value) == (len(without) > 1)


# --- how rows are divided ---------------------------------------------------------------------------------------------


def test_groups_are_the_distinct_values_in_order() -> None:
    divided = grouping("sex", np.array(["m", "f", "m"]))
    assert (divided.name, divided.groups, divided.place.tolist()) == ("sex", ("f", "m"), [1, 0, 1])


def test_a_crossing_has_the_combinations_that_have_rows() -> None:
    sex, age, region = np.array(["m", "f", "m", "m"]), np.array(["old", "old", "new", "old"]), np.array(["x", "y", "y", "x"])
    singles = groupings({"sex": sex, "age": age, "region": region}, [("sex", "age"), ("age", "sex", "region")])
    assert [each.name for each in singles] == ["sex", "age", "region", "sex x age", "age x sex x region"]
    assert [each.is_crossing for each in singles] == [False] * 3 + [True] * 2
    assert singles[0].groups == ("f", "m") and singles[1].groups == ("age=new", "age=old")
    assert singles[3].groups == ("sex=f, age=old", "sex=m, age=new", "sex=m, age=old")
    assert singles[3].place.tolist() == [2, 0, 1, 2]
    assert [singles[4].groups[place] for place in singles[4].place] == [
        "age=old, sex=m, region=x",
        "age=old, sex=f, region=y",
        "age=new, sex=m, region=y",
        "age=old, sex=m, region=x",
    ]


def test_a_crossing_of_no_rows_has_no_group() -> None:
    nothing = np.array([], dtype=str)
    assert crossing([grouping("a", nothing), grouping("b", nothing)]).groups == ()
