"""Weights that make group and label independent, thresholds that make rates equal, and the rule by which one model is taken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.evidence.fairness.mitigation import UNMITIGATED, Option, choose, counted_rows, equal_rates, reweighing
from nightloop.evidence.verdict import Figure

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=60)


@given(ROWS)
def test_weighed_rows_have_the_same_share_of_positives_in_every_group(rows) -> None:
    group, label = (np.array(of) for of in zip(*rows, strict=True))
    weight = reweighing(group, label)
    assert (weight > 0).all()
    for name in np.unique(group):
        of = group == name
        if label[of].any() and not label[of].all():
            assert np.average(label[of], weights=weight[of]) == pytest.approx(label.mean())
            assert weight[of].sum() == pytest.approx(of.sum()), "a group keeps its share of all rows"


def test_the_weights_are_those_of_kamiran_and_calders_by_hand() -> None:
    group, label = np.array(list("mmmmff")), np.array([True, True, True, False, True, False])
    # P(m) P(1) / P(m, 1) = 4/6 * 4/6 / (3/6), and so on.
    expected = {("m", True): 8 / 9, ("m", False): 4 / 3, ("f", True): 4 / 3, ("f", False): 2 / 3}
    assert reweighing(group, label).tolist() == pytest.approx([expected[pair] for pair in zip(group, label, strict=True)])


def test_each_group_selects_the_share_that_one_threshold_selects_of_all() -> None:
    random = np.random.default_rng(1)
    group = np.repeat(np.array(["a", "b", "c"]), [400, 300, 300])
    prediction = random.random(1000) * np.where(group == "a", 1.0, 0.6)
    counted = np.ones(1000, dtype=bool)
    thresholds = equal_rates(prediction, counted, group, threshold=0.5, minimum_rows=1)
    rate = np.mean(prediction >= 0.5)
    for name, threshold in thresholds.items():
        assert np.mean(prediction[group == name] >= threshold) == pytest.approx(rate, abs=0.5 / 300)
    assert thresholds["a"] > 0.5 > thresholds["b"], "the group that was favoured must show more"


def test_only_the_rows_that_the_rate_counts_set_a_threshold() -> None:
    prediction, group = np.array([0.9, 0.8, 0.4, 0.3, 0.7, 0.2]), np.array(list("aaaabb"))
    label = np.array([True, False, True, False, True, True])
    positives = counted_rows("true_positive_rate_difference", label)
    assert positives.tolist() == label.tolist()
    assert counted_rows("false_positive_rate_difference", label).tolist() == (~label).tolist()
    assert counted_rows("selection_rate_difference", label).all()
    # Half of the four positives lies at 0.5 or above: one of each group's two.
    assert equal_rates(prediction, positives, group, threshold=0.5, minimum_rows=2) == pytest.approx({"a": 0.65, "b": 0.45})


@pytest.mark.parametrize(("minimum", "named"), [(3, {"a", "b"}), (4, {"a"}), (5, set())])
def test_a_group_with_too_few_rows_gets_no_threshold(minimum: int, named: set[str]) -> None:
    group = np.array(list("aaaabbb"))
    assert set(equal_rates(np.linspace(0, 1, 7), np.ones(7, bool), group, threshold=0.5, minimum_rows=minimum)) == named


@pytest.mark.parametrize(("threshold", "selected"), [(2.0, 0), (0.0, 3)])
def test_none_and_all_can_be_selected(threshold: float, selected: int) -> None:
    prediction, group = np.array([0.1, 0.5, 1.0]), np.array(["a"] * 3)
    (cut,) = equal_rates(prediction, np.ones(3, bool), group, threshold=threshold, minimum_rows=1).values()
    assert (prediction >= cut).sum() == selected


def option(name: str, loss: float, gap: float) -> Option:
    return Option(
        name, Figure("auc", 0.75 - loss, None, None, 9), Figure("auc_lost", loss, None, None, 9), Figure("gap", gap, 0, 1, 9)
    )


PLAIN = option(UNMITIGATED, 0.0, 0.2)


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([option("reweighing", 0.01, 0.1), option("exponentiated_gradient", 0.02, 0.05)], "reweighing"),
        ([option("reweighing", 0.0101, 0.1)], UNMITIGATED),
        ([option("reweighing", 0.0, 0.1), option("group_thresholds", 0.01, 0.1)], "reweighing"),
        ([option("reweighing", -0.01, 0.2)], UNMITIGATED),
        ([option("reweighing", 0.0, float("nan")), option("group_thresholds", 0.0, 0.3)], UNMITIGATED),
        ([option("reweighing", float("nan"), 0.01)], UNMITIGATED),
    ],
)
def test_the_least_gap_is_taken_of_what_loses_no_more_than_may_be_lost(others: list[Option], chosen: str) -> None:
    assert choose([PLAIN, *others], 0.01)[0] == chosen


def test_the_reason_names_what_was_too_dear() -> None:
    name, reason = choose([PLAIN, option("reweighing", 0.004, 0.1), option("exponentiated_gradient", 0.02, 0.05)], 0.01)
    assert name == "reweighing"
    assert reason == (
        "Reweighing has the least gap, 0.100 [0.000 to 1.000], for 0.004 [no interval] of AUC, of which 0.01 may be lost; "
        "more is lost by exponentiated_gradient."
    )


def test_where_no_gap_can_be_measured_nothing_is_taken_for_it() -> None:
    unknown = [option(UNMITIGATED, 0.0, float("nan")), option("reweighing", 0.0, float("nan"))]
    assert choose(unknown, 0.01) == (UNMITIGATED, "No gap could be measured.")
