"""Realised figures stand on their own rows, and a verdict is not given where there is nothing to give it on."""

import numpy as np
import pytest

from nightloop.evidence.performance import PerformanceLimits, performance_verdict
from nightloop.evidence.realised import calibration_figures, group_figures, realised_figures

RNG = np.random.default_rng(1)
PROBABILITY = RNG.random(900)
LABEL = RNG.random(900) < PROBABILITY
DECISION = PROBABILITY > 0.5
NIGHTS = np.repeat(np.arange(3), 300)
LIMITS = PerformanceLimits(200, floor=0.6)


def by_metric(figures):
    return {figure.metric: figure for figure in figures}


def test_figures_agree_with_scikit_learn():
    from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

    found = by_metric(realised_figures(LABEL, PROBABILITY, DECISION))
    assert found["auc"].value == pytest.approx(roc_auc_score(LABEL, PROBABILITY))
    assert found["brier"].value == pytest.approx(brier_score_loss(LABEL, PROBABILITY))
    assert found["log_loss"].value == pytest.approx(log_loss(LABEL, PROBABILITY))
    assert found["base_rate_brier"].value == pytest.approx(brier_score_loss(LABEL, np.full(900, LABEL.mean())))
    assert found["selection_rate"].value == pytest.approx(DECISION.mean())


def test_no_interval_leaves_what_a_figure_can_be():
    for figure in realised_figures(LABEL, PROBABILITY, DECISION, np.repeat([0, 1], [890, 10])):
        if figure.metric != "log_loss" and figure.low is not None:
            assert -1 <= figure.low <= figure.value <= figure.high <= 1


def test_groups_stand_on_their_own_rows():
    group = np.where(np.arange(900) % 2, "odd", "even")
    figures = group_figures(LABEL, PROBABILITY, DECISION, NIGHTS, group=group, column="parity")
    odd = by_metric(figure for figure in figures if figure.group == "parity=odd")
    rows = group == "odd"
    assert odd["selection_rate"].value == pytest.approx(DECISION[rows].mean())
    assert odd["true_positive_rate"].value == pytest.approx(DECISION[rows & LABEL].mean())
    assert odd["true_positive_rate"].n == (rows & LABEL).sum()
    assert odd["false_positive_rate"].value == pytest.approx(DECISION[rows & ~LABEL].mean())


def test_calibration_covers_every_row_once_in_ascending_tenths():
    seen = [figure for figure in calibration_figures(LABEL, PROBABILITY) if figure.metric == "calibration_said"]
    assert sum(figure.n for figure in seen) == 900
    assert [figure.value for figure in seen] == sorted(figure.value for figure in seen)


@pytest.mark.parametrize(
    ("label", "nights", "said"),
    [
        (LABEL[:0], NIGHTS[:0], "No label of a scored night is known yet."),
        (LABEL[:199], NIGHTS[:199], "199 matured labels are too few"),
        (np.zeros(900, bool), NIGHTS, "All 900 matured labels are alike"),
        (LABEL[:300], NIGHTS[:300], "stands on one scored night"),
    ],
)
def test_too_little_is_no_evidence(label, nights, said):
    n = len(label)
    figures = realised_figures(label, PROBABILITY[:n], DECISION[:n], nights)
    verdict = performance_verdict(figures, n, len(set(nights)), LIMITS)
    assert verdict.outcome == "not_enough_evidence"
    assert said in verdict.reason


def test_only_an_interval_wholly_under_the_floor_fails():
    good = realised_figures(LABEL, PROBABILITY, DECISION, NIGHTS)
    bad = realised_figures(LABEL, 1 - PROBABILITY, DECISION, NIGHTS)
    assert performance_verdict(good, 900, 3, LIMITS).outcome == "pass"
    assert performance_verdict(bad, 900, 3, LIMITS).outcome == "fail"
    assert performance_verdict(good, 900, 3, PerformanceLimits(200, floor=0.83)).outcome == "pass"
