"""The error rates of docs/gates.md, with fewer draws: seeds are those of the benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from nightloop.definitions.gates import PerformanceGate
from tests.benchmarks.promotion_errors import WORLDS, promotions, year

CREDIT, FLIGHTS = WORLDS["credit_risk"], WORLDS["flight_delay"]


@pytest.mark.parametrize("world", [CREDIT, FLIGHTS], ids=list(WORLDS))
def test_a_candidate_worse_by_the_margin_is_seldom_promoted_and_one_of_certain_loss_never(world) -> None:
    share, certain = promotions(world, world.margin, 14, draws=200)
    assert share <= 0.08  # 2.5 % nominal, 4.8 % in nights that are correlated by 0.2
    assert certain == 0


def test_an_equal_and_a_better_candidate_are_promoted_as_often_as_promised() -> None:
    assert promotions(CREDIT, 0.0, 14, draws=100)[0] >= 0.85
    assert promotions(CREDIT, -0.01, 14, draws=60)[0] >= 0.95
    assert promotions(FLIGHTS, 0.0, 84, draws=40)[0] >= 0.75  # 86 to 92 % of 80 draws


def test_half_of_all_steps_of_a_hundredth_were_promoted_though_the_loss_was_certain() -> None:
    """The margin alone lets a candidate through that is worse by 0.01 nearly always; the rule of no certain loss stops many."""
    promoted, certain = promotions(CREDIT, 0.015, 14, draws=200)
    assert promoted <= 0.45 and certain == 0


def test_a_year_of_slightly_worse_candidates_loses_no_more_than_its_budget() -> None:
    gate = PerformanceGate(margin_to_champion=CREDIT.margin)
    anchored, free = (
        [year(CREDIT, 0.01, 14, seed, gate, anchored=anchored)[0] for seed in range(15)] for anchored in (True, False)
    )
    assert max(anchored) <= CREDIT.margin + 1e-9
    assert np.mean(anchored) < CREDIT.margin < np.mean(free)
