"""Which earlier decisions a night looks back on, and what it asks for; the rest is told by whole nights in tests/jobs."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from nightloop.definitions import UseCase
from nightloop.errors import ChampionMissing
from nightloop.monitoring.decisions import EarlierNight
from nightloop.monitoring.judging import _earlier, measure
from nightloop.nights import Nights
from nightloop.workspace import Workspace
from tests.fixtures_sales import definition, night


def with_cool_down(nights: int) -> UseCase:
    use_case = definition()
    return use_case.model_copy(update={"retrain": use_case.retrain.model_copy(update={"cool_down_nights": nights})})


class Decisions:
    """Stands for the lake: one decision, and the nights that were asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Nights]] = []

    def exists(self, table: str) -> bool:
        return table == "sales/decisions"

    def read(self, table: str, nights: Nights) -> pa.Table:
        self.asked.append((table, nights))
        return pa.Table.from_pylist(
            [{"night": nights.last, "decision": "retrain", "drift_verdict": "passed", "champion_version": 3}]
        )


@pytest.mark.parametrize(("cool_down", "days"), [(0, 31), (29, 31), (30, 31), (31, 32), (60, 61)])
def test_a_night_looks_back_a_month_or_as_long_as_it_cools_down(cool_down: int, days: int) -> None:
    lake = Decisions()
    workspace: Any = SimpleNamespace(lake=lake)
    earlier = _earlier(with_cool_down(cool_down), night(0), workspace)
    day_before = night(0) - timedelta(days=1)
    assert lake.asked == [("sales/decisions", Nights(night(0) - timedelta(days=days), day_before))]
    assert earlier == [EarlierNight(day_before, "retrain", "passed", 3)]


def test_the_first_night_looks_back_on_nothing(workspace: Workspace) -> None:
    assert _earlier(definition(), night(0), workspace) == []


def test_a_scored_night_without_a_pinned_champion_is_not_judged(workspace: Workspace) -> None:
    with pytest.raises(ChampionMissing, match="the night is scored but no champion is pinned"):
        measure(definition(), night(0), workspace, scores=None)  # type: ignore[arg-type]
