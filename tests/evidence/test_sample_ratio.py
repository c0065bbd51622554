"""Rows that are divided as the shares say pass; a lost tenth of an arm does not; few rows tell nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from nightloop.evidence.sample_ratio import ALPHA, sample_ratio

SHARES = {"champion": 0.95, "canary": 0.05}


def test_the_p_value_is_that_of_a_chi_squared_test() -> None:
    verdict = sample_ratio({"champion": 9460, "canary": 540}, SHARES)
    p = next(figure for figure in verdict.figures if figure.metric == "sample_ratio_p").value
    assert p == pytest.approx(chisquare([9460, 540], [9500, 500]).pvalue) and verdict.outcome == "pass"
    assert "canary 540 of 500.0 expected" in verdict.reason


def test_ordinary_draws_pass_and_a_canary_that_loses_a_tenth_of_its_rows_fails() -> None:
    draw = np.random.default_rng(5)
    canaries = draw.binomial(100_000, 0.05, size=4_000)
    failed = [sample_ratio({"champion": 100_000 - n, "canary": n}, SHARES).outcome == "fail" for n in canaries.tolist()]
    assert np.mean(failed) <= ALPHA + 4 * np.sqrt(ALPHA / 4_000), "as often as it states"
    assert sample_ratio({"champion": 95_000, "canary": 4_500}, SHARES).outcome == "fail"
    assert sample_ratio({"champion": 95_000}, SHARES).outcome == "fail", "an arm without rows is missing, not fine"


@pytest.mark.parametrize(("canary", "outcome"), [(424, "fail"), (425, "pass"), (575, "pass"), (576, "fail")])
def test_the_limit_is_a_chance_of_one_in_two_thousand(canary: int, outcome: str) -> None:
    assert sample_ratio({"champion": 10_000 - canary, "canary": canary}, SHARES).outcome == outcome


def test_fewer_than_five_expected_rows_of_an_arm_are_too_few() -> None:
    assert sample_ratio({"champion": 98, "canary": 1}, SHARES).outcome == "not_enough_evidence"
    assert sample_ratio({"champion": 95, "canary": 5}, SHARES).outcome == "pass"
    assert sample_ratio({}, SHARES).figures == ()
