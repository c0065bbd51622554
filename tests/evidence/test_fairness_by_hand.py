"""Differences between groups counted by hand: which rows, which pair, which end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nightloop.evidence import fairness, intervals

LABEL = np.array([1, 1, 0, 0, 1, 1, 0, 0, 1, 0], dtype=bool)
DECISION = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], dtype=bool)
GROUP = np.array(["a"] * 4 + ["b"] * 4 + ["c"] * 2)
NIGHTS = np.array([1, 2, 3, 4, 1, 2, 3, 4, 1, 2])


@pytest.mark.parametrize(
    ("metric", "by_group", "counted", "widest"),
    [
        ("selection_rate_difference", {"a": 0.75, "b": 0.25, "c": 0.0}, [4, 4, 2], ("a", "c")),
        ("true_positive_rate_difference", {"a": 1.0, "b": 0.5, "c": 0.0}, [2, 2, 1], ("a", "c")),
        ("false_positive_rate_difference", {"a": 0.5, "b": 0.0, "c": 0.0}, [2, 2, 1], ("a", "b")),
    ],
)
@pytest.mark.parametrize("compare", [fairness.compare, fairness.compare_rates])
def test_each_rate_stands_on_its_own_rows(compare: Any, metric: Any, by_group: Any, counted: Any, widest: Any) -> None:
    found = compare(metric, LABEL, DECISION, group=GROUP, nights=NIGHTS)
    assert {item.group: item.value for item in found.groups} == pytest.approx(by_group)
    assert [item.n for item in found.groups] == counted
    assert {item.metric for item in found.groups} == {metric.removesuffix("_difference")}
    assert found.difference.value == pytest.approx(max(by_group.values()) - min(by_group.values()))
    assert (found.difference.metric, found.difference.n, found.widest) == (metric, 10, widest)


def test_of_groups_that_are_equal_the_first_counts_as_the_larger() -> None:
    equal = np.array([True, False, True, False])
    found = fairness.compare_rates("selection_rate_difference", equal, equal, group=np.array(["a", "a", "b", "b"]))
    assert (found.difference.value, found.widest) == (0.0, ("a", "b"))


def test_the_upper_end_is_the_outermost_over_all_pairs_and_the_lower_that_of_the_widest() -> None:
    """The widest pair need not have the widest interval: a small group's reaches farther."""
    random = np.random.default_rng(1)
    group = np.repeat(["large", "other", "small"], [400, 400, 12])
    decision = np.concatenate([random.random(400) < 0.5, random.random(400) < 0.3, np.arange(12) < 5])
    found = fairness.compare_rates("selection_rate_difference", decision, decision, group=group)
    shares = {name: intervals.share(decision, group == name) for name in ("large", "other", "small")}
    ends = {}
    for one, other in (("large", "other"), ("large", "small"), ("small", "other")):
        larger, smaller = sorted((one, other), key=lambda name: -shares[name].value)
        ends[larger, smaller] = shares[larger].minus(shares[smaller]).interval()
    assert found.difference.high == max(high for _, high in ends.values())
    assert found.difference.low == ends[found.widest][0]
    assert found.difference.high > ends[found.widest][1], "another pair reaches farther than the widest"


def test_intervals_of_groups_and_differences_are_over_nights() -> None:
    by_night = fairness.compare_rates("selection_rate_difference", LABEL, DECISION, group=GROUP, nights=NIGHTS)
    by_row = fairness.compare_rates("selection_rate_difference", LABEL, DECISION, group=GROUP)
    assert by_night.difference.high != by_row.difference.high
    assert by_night.groups[0].low == intervals.share(DECISION, GROUP == "a").interval(NIGHTS)[0]
    one_night = fairness.compare_rates("selection_rate_difference", LABEL, DECISION, group=GROUP, nights=np.ones(10))
    assert one_night.difference.value == by_row.difference.value
    assert (one_night.difference.low, one_night.difference.high) == (None, None), "one night tells nothing of others"


@pytest.mark.parametrize(("group", "widest"), [(["a"] * 4, ("a", "a")), ([], ("", ""))])
def test_one_group_or_none_has_no_difference(group: list[str], widest: tuple[str, str]) -> None:
    rows = len(group)
    found = fairness.compare_rates("selection_rate_difference", LABEL[:rows], DECISION[:rows], group=np.array(group))
    assert math.isnan(found.difference.value) and found.difference.high is None
    assert (found.widest, len(found.groups), found.difference.n) == (widest, min(rows, 1), rows)


@pytest.mark.parametrize("without", ["a", "b", "c", "ab", "abc"])
def test_a_group_without_a_row_of_the_kind_leaves_no_difference_and_asks_nobody_else(
    monkeypatch: pytest.MonkeyPatch, without: str
) -> None:
    monkeypatch.setattr(fairness, "_agree", lambda *_: pytest.fail("there is nothing to agree on"))
    label = LABEL & ~np.isin(GROUP, list(without))
    found = fairness.compare("true_positive_rate_difference", label, DECISION, group=GROUP)
    assert math.isnan(found.difference.value) and (found.difference.low, found.difference.high) == (None, None)
    assert {item.group for item in found.groups if item.n == 0} == set(without)


def test_means_by_group_by_hand() -> None:
    found = fairness.compare_means("mae_difference", np.arange(10.0), group=GROUP, nights=NIGHTS)
    assert {item.group: (item.value, item.n) for item in found.groups} == {"a": (1.5, 4), "b": (5.5, 4), "c": (8.5, 2)}
    assert (found.difference.value, found.widest) == (7.0, ("c", "a"))
    assert found.groups[0].metric == "mae"


@pytest.mark.parametrize(("by_count", "agrees"), [(0.75, True), (0.75 + 9e-10, True), (0.75 + 2e-9, False), (0.5, False)])
def test_our_count_and_fairlearn_s_agree_to_a_billionth(by_count: float, agrees: bool) -> None:
    arguments = ("selection_rate_difference", LABEL, DECISION, GROUP, by_count)
    if agrees:
        fairness._agree(*arguments)  # type: ignore[arg-type]
        return
    with pytest.raises(ArithmeticError, match=r"selection_rate_difference is .* by our count and 0.75 by Fairlearn's"):
        fairness._agree(*arguments)  # type: ignore[arg-type]
