"""Groups compared at once: Fairlearn and a slow reference agree, a gap in a crossing is found, nobody is left out."""

from __future__ import annotations

import math
import warnings
from itertools import combinations, product
from statistics import mean, stdev
from typing import Any

import numpy as np
import pytest

from nightloop.evidence.fairness import fairness
from nightloop.evidence.fairness.fairness import assess
from nightloop.evidence.fairness.group_counts import Mean, check_by_fairlearn, groupings

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate")
MEASURES = ("selection_rate_difference", "selection_rate_ratio", "true_positive_rate_difference", "equalised_odds_difference")


def decided(seed: int, nights: int = 14, rows: int = 200, groups: int = 4) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    night = np.repeat(np.arange(nights), rows)
    group = random.integers(0, groups, len(night))
    mood = random.normal(0, 0.05, nights)[night]
    decision = random.random(len(night)) < 0.3 + 0.05 * group + mood
    return random.random(len(night)) < 0.4, decision, np.char.add("g", group.astype(str)), night


def means(label: Any, decision: Any) -> dict[str, Mean]:
    return dict(zip(RATES, (Mean(decision), Mean(decision, label), Mean(decision, ~label)), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_every_figure_is_that_of_fairlearn(seed: int) -> None:
    from fairlearn.metrics import (
        MetricFrame,
        demographic_parity_difference,
        demographic_parity_ratio,
        equal_opportunity_difference,
        equalized_odds_difference,
        false_positive_rate,
        selection_rate,
        true_positive_rate,
    )

    label, decision, group, night = decided(seed, rows=40)
    assessed = assess(means(label, decision), MEASURES, groupings({"g": group}), night)
    by_fairlearn = [
        function(label, decision, sensitive_features=group)
        for function in (
            demographic_parity_difference,
            demographic_parity_ratio,
            equal_opportunity_difference,
            equalized_odds_difference,
        )
    ]
    assert [comparison.gap.value for comparison in assessed.comparisons] == pytest.approx(by_fairlearn)
    functions = dict(zip(RATES, (selection_rate, true_positive_rate, false_positive_rate), strict=True))
    frame = MetricFrame(metrics=functions, y_true=label, y_pred=decision, sensitive_features=group)
    for figure in assessed.groups:
        assert figure.value == pytest.approx(frame.by_group[figure.metric][figure.group])
    rows = {"selection_rate": np.ones_like(label), "true_positive_rate": label, "false_positive_rate": ~label}
    assert [item.n for item in assessed.groups] == [
        int((rows[item.metric] & (group == item.group)).sum()) for item in assessed.groups
    ]


def test_crossings_are_fairlearn_s_too() -> None:
    from fairlearn.metrics import MetricFrame, selection_rate

    label, decision, group, night = decided(6, groups=3)
    other = np.where(np.arange(len(label)) % 3 == 0, "x", "y")
    divided = groupings({"g": group, "h": other}, [("g", "h")])
    assessed = assess(means(label, decision), ["selection_rate_difference"], divided, night)
    frame = MetricFrame(metrics=selection_rate, y_true=label, y_pred=decision, sensitive_features={"g": group, "h": other})
    crossed = {item.group: item.value for item in assessed.groups if ", " in item.group and item.metric == "selection_rate"}
    assert crossed == pytest.approx({f"g={one}, h={two}": value for (one, two), value in frame.by_group.items()})
    assert assessed.comparisons[2].gap.value == pytest.approx(frame.difference())
    assert [item.gap.group for item in assessed.comparisons] == ["all", "h", "g x h"]


@pytest.mark.parametrize("fault", [0.0, 2e-9, math.nan])
def test_our_count_and_fairlearn_s_agree_to_a_billionth(fault: float) -> None:
    label, decision, group, night = decided(2)
    (grouping,) = groupings({"g": group})
    assessed = assess(means(label, decision), MEASURES, [grouping], night)
    off = [fairness.replace(item, value=item.value + fault) for item in assessed.groups]
    if fault == 0.0 or math.isnan(fault):  # what is not measured is not asked for
        check_by_fairlearn(means(label, decision), grouping, off)
        return
    with pytest.raises(ArithmeticError, match=r"the selection_rate of g0 is .* by our count and .* by Fairlearn's"):
        check_by_fairlearn(means(label, decision), grouping, off)


def test_a_group_without_a_row_of_the_kind_is_no_quarrel_with_fairlearn() -> None:
    label, decision, group, night = decided(3)
    label &= group != "g1"
    (grouping,) = groupings({"g": group})
    figures = assess(means(label, decision), MEASURES, [grouping], night).groups
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_by_fairlearn(means(label, decision), grouping, figures)


# --- a slow reference in plain Python ---------------------------------------------------------------------------------


def plain_rates(label: Any, decision: Any, group: Any, rows: list[int]) -> dict[tuple[str, str], float]:
    rates = {}
    for name in sorted(set(group)):
        for metric, among in (("selection_rate", None), ("true_positive_rate", True), ("false_positive_rate", False)):
            counted = [bool(decision[i]) for i in rows if group[i] == name and (among is None or bool(label[i]) == among)]
            rates[(metric, str(name))] = sum(counted) / len(counted) if counted else math.nan
    return rates


def plain_ends(label: Any, decision: Any, group: Any, night: Any, draws: list[list[int]]) -> tuple[float, float, float]:
    """Return difference of the selection rate with both ends, by loops over rows, nights, pairs and draws."""
    from scipy.stats import norm, t

    names, nights = sorted(set(group)), sorted(set(night))
    rates = plain_rates(label, decision, group, list(range(len(label))))
    of_night = {each: [i for i in range(len(label)) if night[i] == each] for each in nights}
    drawn = [plain_rates(label, decision, group, [i for each in draw for i in of_night[nights[each]]]) for draw in draws]
    apart, error, deviations = {}, {}, [0.0] * len(draws)
    for one, other in combinations(names, 2):
        first, second = ("selection_rate", one), ("selection_rate", other)
        apart[one, other] = rates[first] - rates[second]
        sums = []
        for each in nights:
            parts = [
                sum(bool(decision[i]) - rates[key] for i in of_night[each] if group[i] == key[1]) for key in (first, second)
            ]
            sizes = [sum(g == key[1] for g in group) for key in (first, second)]
            sums.append(parts[0] / sizes[0] - parts[1] / sizes[1])
        error[one, other] = math.sqrt(len(nights) / (len(nights) - 1) * sum(value**2 for value in sums))
        resampled = [rate[first] - rate[second] for rate in drawn]
        spread = stdev(resampled) * math.sqrt((len(draws) - 1) / len(draws))
        deviations = [max(old, abs(new - apart[one, other]) / spread) for old, new in zip(deviations, resampled, strict=True)]
    at_once = t.ppf(norm.cdf(np.quantile(deviations, 0.99)), len(nights) - 1)
    one_end = t.ppf(0.975, len(nights) - 1)
    low = max(0.0, *(abs(apart[pair]) - at_once * error[pair] for pair in apart))
    return max(map(abs, apart.values())), low, max(abs(apart[pair]) + one_end * error[pair] for pair in apart)


@pytest.mark.parametrize(("seed", "groups"), [(1, 2), (2, 3), (3, 4)])
def test_a_slow_reference_gives_the_same_ends(seed: int, groups: int) -> None:
    label, decision, group, night = decided(seed, nights=6, rows=30, groups=groups)
    draws = 40
    assessed = assess(means(label, decision), ["selection_rate_difference"], groupings({"g": group}), night, draws=draws)
    weights = fairness.night_weights(6, draws)
    as_lists = [[place for place, times in enumerate(row) for _ in range(int(times))] for row in weights]
    gap = assessed.comparisons[0].gap
    assert (gap.value, gap.low, gap.high) == pytest.approx(plain_ends(label, decision, group, night, as_lists))


def test_nights_are_drawn_with_replacement_and_the_same_each_time() -> None:
    weights = fairness.night_weights(9, 500)
    assert (weights.sum(axis=1) == 9).all() and (weights == fairness.night_weights(9, 500)).all()
    assert mean(weights[:, 0]) == pytest.approx(1, abs=0.2) and weights.max() > 2


# --- what is found, and what is left open -----------------------------------------------------------------------------


def crossed(seed: int = 1, gap: float = 0.25, rows: int = 400, nights: int = 14) -> tuple[Any, ...]:
    """By sex alike, by age alike, and ``gap`` apart in each of their combinations."""
    random = np.random.default_rng(seed)
    size = rows * nights
    night = np.repeat(np.arange(nights), rows)
    sex, age = random.integers(0, 2, size), random.integers(0, 2, size)
    decision = random.random(size) < 0.3 + gap / 2 * np.where(sex == age, 1, -1)
    return random.random(size) < 0.3, decision, np.where(sex, "f", "m"), np.where(age, "old", "young"), night


def test_a_gap_that_only_shows_in_a_crossing_is_found_there() -> None:
    label, decision, sex, age, night = crossed()
    divided = groupings({"sex": sex, "age": age}, [("sex", "age")])
    by = {item.by: item for item in assess(means(label, decision), ["selection_rate_difference"], divided, night).comparisons}
    assert by["sex"].gap.high < 0.1 and by["age"].gap.high < 0.1
    assert by["sex x age"].gap.low > 0.2
    assert by["sex x age"].widest in set(
        product(("sex=f, age=old", "sex=m, age=young"), ("sex=f, age=young", "sex=m, age=old"))
    )


def test_small_groups_of_a_crossing_are_compared_as_one_and_named() -> None:
    label, decision, sex, age, night = crossed()
    age = np.where(np.arange(len(age)) % 500 < 4, np.where(np.arange(len(age)) % 500 < 2, "oldest", "youngest"), age)
    divided = groupings({"sex": sex, "age": age}, [("sex", "age")])
    assessed = assess(means(label, decision), ["selection_rate_difference"], divided, night, minimum_rows=30)
    item = assessed.comparisons[2]
    assert set(item.pooled) == {"sex=f, age=oldest", "sex=f, age=youngest", "sex=m, age=oldest", "sex=m, age=youngest"}
    assert item.small == () and item.is_crossing
    (pool,) = [figure for figure in assessed.groups if figure.group == "4 smaller groups" and figure.metric == "selection_rate"]
    assert pool.n == int(np.isin(age, ["oldest", "youngest"]).sum())
    assert pool.value == pytest.approx(decision[np.isin(age, ["oldest", "youngest"])].mean())
    too_small = assess(means(label, decision), ["selection_rate_difference"], divided, night, minimum_rows=60)
    assert too_small.comparisons[2].small == (f"4 smaller groups ({pool.n})",)
    assert (
        too_small.comparisons[1].small == ("age=oldest (24)", "age=youngest (22)") or len(too_small.comparisons[1].small) == 2
    )


@pytest.mark.parametrize(("rows", "is_small"), [(29, True), (30, False), (31, False)])
def test_the_least_size_of_a_group_at_its_limit(rows: int, is_small: bool) -> None:
    label, decision, group, night = decided(4, groups=2)
    group = group.astype("U8")
    places = np.arange(rows) * 80  # on every night
    group[places] = "islands"
    assessed = assess(means(label, decision), ["selection_rate_difference"], groupings({"g": group}), night, minimum_rows=30)
    (item,) = assessed.comparisons
    assert item.small == ((f"islands ({rows})",) if is_small else ())
    assert assessed.groups[2].n == rows, "it is shown all the same"


@pytest.mark.parametrize(("nights", "is_small"), [(4, True), (5, False)])
def test_rows_of_too_few_nights_are_no_group(nights: int, is_small: bool) -> None:
    label, decision, group, night = decided(4, groups=2)
    group = np.where((night < nights) & (group == "g1"), "islands", "rest")
    (item,) = assess(means(label, decision), ["selection_rate_difference"], groupings({"g": group}), night).comparisons
    islands = int((group == "islands").sum())
    assert item.small == ((f"islands ({islands} of 4 nights)",) if is_small else ())
    assert math.isnan(item.gap.value) == is_small


def test_a_share_of_zero_is_not_certain() -> None:
    label, decision, group, night = decided(5, groups=2, rows=100)
    decision &= group == "g1"
    items = assess(means(label, decision), MEASURES[:2], groupings({"g": group}), night).comparisons
    assert items[0].gap.high > items[0].gap.value > 0.2
    assert items[1].gap.value == 0.0 and 0.0 == items[1].gap.low < items[1].gap.high < 1


def test_where_no_one_is_selected_there_is_no_ratio() -> None:
    label, decision, group, night = decided(5, groups=2)
    difference, ratio = assess(means(label, decision & False), MEASURES[:2], groupings({"g": group}), night).comparisons
    assert difference.gap.value == 0.0 and math.isnan(ratio.gap.value)
    assert difference.gap.high > 0, "nights that all show none do not make it certain"


def test_shrunken_figures_lie_between_the_group_and_all_and_the_small_move_most() -> None:
    random = np.random.default_rng(8)
    night = np.repeat(np.arange(14), 300)
    size = random.choice(["a", "b", "c", "d"], len(night), p=[0.4, 0.4, 0.17, 0.03])
    other = np.where(np.arange(len(night)) % 2, "x", "y")
    decision = random.random(len(night)) < np.where(size == "d", 0.5, np.where(size == "c", 0.4, 0.3))
    groups = assess(
        {"selection_rate": Mean(decision)},
        ["selection_rate_difference"],
        groupings({"s": size, "o": other}, [("s", "o")]),
        night,
    ).groups
    raw = {item.group: item for item in groups if item.metric == "selection_rate" and "," in item.group}
    pulled = {item.group: item.value for item in groups if item.metric == "selection_rate_shrunken"}
    assert raw.keys() == pulled.keys() and len(raw) == 8
    low, high = min(pulled.values()), max(pulled.values())
    assert min(item.value for item in raw.values()) < low < high < max(item.value for item in raw.values())
    moved = {name: abs(pulled[name] - item.value) for name, item in raw.items()}
    assert max(moved, key=lambda name: moved[name]).startswith("s=d")


def test_a_difference_of_one_night_has_no_interval() -> None:
    label, decision, group, _ = decided(2, groups=2)
    (item,) = assess(
        means(label, decision), ["selection_rate_difference"], groupings({"g": group}), np.ones(len(label)), minimum_nights=1
    ).comparisons
    assert item.gap.value > 0 and (item.gap.low, item.gap.high) == (None, None)
