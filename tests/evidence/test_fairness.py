"""Differences between groups: Fairlearn agrees, small samples do not pass, and the interval holds the truth."""

import math

import numpy as np
import pytest

from nightloop.evidence import fairness

RATES = {"a": 0.30, "b": 0.45, "c": 0.40}


def decided(seed: int, nights: int = 14, rows: int = 200, rates=RATES):
    random = np.random.default_rng(seed)
    night = np.repeat(np.arange(nights), rows)
    group = random.choice(list(rates), len(night))
    mood = random.normal(0, 0.05, nights)[night]
    decision = random.random(len(night)) < np.array([rates[name] for name in group]) + mood
    return random.random(len(night)) < 0.4, decision, group, night


def test_the_difference_is_fairlearns_and_names_the_groups_that_lie_farthest_apart():
    from fairlearn.metrics import MetricFrame, true_positive_rate

    label, decision, group, night = decided(1)
    found = fairness.compare("true_positive_rate_difference", label, decision, group=group, nights=night)
    frame = MetricFrame(metrics=true_positive_rate, y_true=label, y_pred=decision, sensitive_features=group)
    assert found.difference.value == pytest.approx(frame.difference())
    assert {item.group: item.value for item in found.groups} == pytest.approx(dict(frame.by_group))
    assert found.widest == (frame.by_group.idxmax(), frame.by_group.idxmin())
    assert [item.n for item in found.groups] == [int((label & (group == name)).sum()) for name in "abc"]


def test_a_gap_between_our_count_and_fairlearns_is_an_error_not_a_figure(monkeypatch):
    label, decision, group, night = decided(2)
    monkeypatch.setattr(fairness, "_rows_counted", lambda metric, label: label)
    with pytest.raises(ArithmeticError, match="Fairlearn"):
        fairness.compare("selection_rate_difference", label, decision, group=group, nights=night)


def test_the_upper_end_covers_the_true_difference():
    """One-sided 97.5 % nominal: the upper end may lie below the truth in about one case of forty."""
    trials = 300
    below = 0
    for seed in range(trials):
        label, decision, group, night = decided(seed, rows=100)
        estimate = fairness.compare_rates("selection_rate_difference", label, decision, group=group, nights=night)
        below += estimate.difference.high < 0.15
    assert below / trials <= 0.045


def test_a_group_without_a_row_of_the_kind_leaves_no_difference():
    label = np.array([True, True, False, False])
    found = fairness.compare("true_positive_rate_difference", label, label, group=np.array(["a", "a", "b", "b"]))
    assert math.isnan(found.difference.value) and found.difference.high is None
