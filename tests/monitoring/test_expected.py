"""What a training would gain: the champion's first nights against its newest, from stored figures alone."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest

from nightloop.definitions import UseCase
from nightloop.definitions.use_case import Value
from nightloop.evidence.verdict import Figure
from nightloop.lake import Commit, Lake
from nightloop.model.champions import Champion
from nightloop.monitoring import metrics_table
from nightloop.monitoring.expected import gain_of_training
from nightloop.monitoring.metrics_table import Sourced
from nightloop.monitoring.performance import performance_of
from nightloop.nights import Night
from nightloop.workspace import Workspace
from tests.fixtures_sales import definition, night
from tests.monitoring.test_performance import matured

LAST = 30  # the place of the night that is decided
CHAMPION = Champion(1, night(0), night(1), {})


@pytest.fixture
def lake(workspace: Workspace) -> Lake:
    return workspace.lake


def use_case(cost: float = 0.0) -> UseCase:
    declared = definition()
    watched = declared.monitoring.model_copy(update={"minimum_rows": 100, "performance_nights": 7})
    value = Value(currency="EUR", true_positive=10.0, false_positive=-5.0, training=cost)
    rules = declared.retrain.model_copy(update={"maximum_age_nights": 20})
    return declared.model_copy(update={"monitoring": watched, "value": value, "retrain": rules})


def publish(
    lake: Lake, of: Night, share: float, *, n: int = 800, version: int = 1, group: str = "all", ends: bool = True
) -> None:
    low, high = (share - 0.02, share + 0.02) if ends else (None, None)
    figure = Figure("pooled_value_captured", share, low, high, n, group)
    other = Figure("pooled_value", 9.0, 8.0, 10.0, n)
    rows = metrics_table.as_table(use_case(), [Sourced("rows of a test", version, (figure, other))])
    lake.publish("sales/metrics", of, rows, Commit("test", "sales"))


def gain(lake: Lake, cost: float = 0.0, champion: Champion = CHAMPION, *versions: int) -> Figure | None:
    performance = performance_of(use_case(cost), matured(*(versions or (1,) * 7)), champion.version)
    return gain_of_training(use_case(cost), night(LAST), lake, champion, performance)


def test_the_gain_is_the_share_lost_of_what_there_is_in_a_champions_life(lake: Lake) -> None:
    publish(lake, night(5), 0.9)
    rows = matured(*(1,) * 7)
    assert rows.decision is not None
    hits, alarms = int((rows.decision & rows.label).sum()), int((rows.decision & ~rows.label).sum())
    gainable = 10.0 * float(np.mean(rows.label)) * 200 * 20  # of 200 rows a night, for 20 nights
    captured = (10 * hits - 5 * alarms) / (10 * int(rows.label.sum()))
    measured, dear = gain(lake), gain(lake, 400.0)
    assert measured is not None and dear is not None
    assert measured.value == pytest.approx((0.9 - captured) * gainable)
    assert dear.value == pytest.approx(measured.value - 400)
    assert measured.low is not None and measured.high is not None and measured.low < measured.value < measured.high


def test_the_first_whole_window_of_the_champion_is_the_level(lake: Lake) -> None:
    publish(lake, night(3), 0.1, n=99)
    publish(lake, night(4), 0.2, ends=False)
    publish(lake, night(5), 0.3, version=2)
    publish(lake, night(6), 0.4, group="model_version=1")
    assert gain(lake) is None, "none of these is a window of its own"
    publish(lake, night(7), 0.9, n=100)
    first = gain(lake)
    publish(lake, night(8), 0.5)
    assert first is not None and gain(lake) == first


@pytest.mark.parametrize(("before", "is_known"), [(8, True), (7, True), (6, False)])
def test_windows_that_share_nights_are_not_compared(lake: Lake, before: int, is_known: bool) -> None:
    publish(lake, night(LAST) - timedelta(days=before), 0.9)
    assert (gain(lake) is not None) == is_known


def test_without_a_value_or_an_outcome_of_the_champion_nothing_is_known(lake: Lake) -> None:
    assert gain(lake) is None, "no night is monitored"
    publish(lake, night(5), 0.9)
    assert gain(lake) is not None
    assert gain(lake, 0.0, Champion(2, night(0), night(1), {})) is None
    assert gain(lake, 0.0, Champion(1, night(LAST), night(LAST), {})) is None, "it is new"
    unvalued = use_case().model_copy(update={"value": None})
    performance = performance_of(unvalued, matured(*(1,) * 7), 1)
    assert gain_of_training(unvalued, night(LAST), lake, CHAMPION, performance) is None
    assert isinstance(lake.read("sales/metrics"), pa.Table)
