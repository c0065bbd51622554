"""What answers are worth: signs, nothing for doing nothing, more for each event found; and intervals that hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nightloop.evidence.money import Cells, expected_gain, value_figures, value_of_decisions, value_of_predictions
from nightloop.evidence.verdict import Figure

ROWS = 12
flags = arrays(np.bool_, ROWS)
amounts = st.floats(0.01, 1e4, allow_nan=False)
numbers = arrays(np.float64, ROWS, elements=st.floats(-1e3, 1e3, allow_nan=False))


@st.composite
def cells(draw: st.DrawFn) -> Cells:
    """Cells of which none is worth more when wrong than when right."""
    negative, missed = draw(st.floats(-1e3, 1e3)), draw(st.floats(-1e3, 1e3))
    return Cells(missed + draw(amounts), negative - draw(amounts), negative, missed)


@given(flags, cells())
def test_to_decide_nobody_is_worth_nothing(label: np.ndarray, of: Cells) -> None:
    assert not value_of_decisions(label, np.zeros(ROWS, np.bool_), of).any()


@given(flags, flags, cells(), st.integers(0, ROWS - 1))
def test_each_event_found_is_worth_more_and_each_false_alarm_less(
    label: np.ndarray, decision: np.ndarray, of: Cells, row: int
) -> None:
    without, with_it = decision.copy(), decision.copy()
    without[row], with_it[row] = False, True
    gained = (value_of_decisions(label, with_it, of) - value_of_decisions(label, without, of))[row]
    assert gained > 0 if label[row] else gained < 0


@given(flags, flags, cells())
def test_no_decision_is_worth_more_than_knowing_the_outcome(label: np.ndarray, decision: np.ndarray, of: Cells) -> None:
    perfect, worst = (value_of_decisions(label, known, of) for known in (label, ~label))
    values = value_of_decisions(label, decision, of)
    assert (worst <= values).all() and (values <= perfect).all()
    assert (perfect >= 0).all() and (worst <= 0).all()


@given(numbers, numbers, amounts, st.floats(-1e3, 1e3))
def test_a_number_is_worth_the_error_it_spares(label: np.ndarray, prediction: np.ndarray, cost: float, instead: float) -> None:
    def worth(answer: np.ndarray) -> np.ndarray:
        return value_of_predictions(label, answer, unit_error=cost, without_model=instead)

    assert not worth(np.full(ROWS, instead)).any(), "the number that is used anyhow is worth nothing"
    assert (worth(label) >= 0).all() and (worth(prediction) <= worth(label) + 1e-6).all()
    nearer = (prediction + label) / 2
    assert (worth(nearer) >= worth(prediction) - 1e-6).all(), "nearer to what came is worth no less"


def test_amounts_by_hand() -> None:
    label, decision = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert value_of_decisions(label, decision, Cells(160, -20)).tolist() == [160, 0, -20, 0]
    assert value_of_decisions(label, decision, Cells(160, -20, 5, -300)).tolist() == [460, 0, -25, 0]
    came, answer = np.array([10.0, -5.0]), np.array([7.0, 5.0])
    assert value_of_predictions(came, answer, unit_error=2.0, without_model=0.0).tolist() == [14.0, -10.0]


def test_a_sum_stands_on_its_rows_and_nights() -> None:
    values, nights = np.array([160.0, 0.0, -20.0, 0.0, 160.0, 0.0]), np.array([1, 1, 1, 2, 2, 2])
    total, of_row, _ = value_figures(values, np.abs(values), nights)
    assert (total.metric, total.value, total.n) == ("value", 300.0, 6)
    assert (of_row.metric, of_row.value, of_row.n) == ("value_per_row", 50.0, 6)
    assert total.low is not None and of_row.low is not None and total.low == pytest.approx(6 * of_row.low)
    assert total.high is not None and of_row.high is not None and total.high == pytest.approx(6 * of_row.high)
    assert value_figures(values, values, np.ones(6))[0].low is None, "one night tells nothing of others"
    assert value_figures(np.zeros(0), np.zeros(0)) == ()


def test_the_interval_of_a_sum_holds_the_truth() -> None:
    """1,000 windows of 14 nights of 50 decisions whose nights differ, seed 19: 95 % +- 2 % of intervals hold the mean."""
    random = np.random.default_rng(19)
    held = 0
    for _ in range(1000):
        nights = np.repeat(np.arange(14), 50)
        values = random.normal(3.0, 10.0, nights.size) + random.normal(0, 2.0, 14)[nights]
        total, *_ = value_figures(values, np.ones(nights.size), nights)
        assert total.low is not None and total.high is not None
        held += total.low <= 3.0 * nights.size <= total.high
    assert 0.93 <= held / 1000 <= 0.97


def test_the_share_captured_does_not_move_with_the_rate_of_events() -> None:
    random, shares = np.random.default_rng(20), []
    for rate in (0.05, 0.5):
        label = random.random(200_000) < rate
        decision = label & (random.random(label.size) < 0.7)  # seven in ten of them, whatever their number
        cells = Cells(100, -10)
        values, perfect = value_of_decisions(label, decision, cells), value_of_decisions(label, label, cells)
        figures = {item.metric: item for item in value_figures(values, perfect, np.arange(label.size) % 50)}
        shares.append(figures["value_captured"].value)
    assert shares == pytest.approx([0.7, 0.7], abs=0.02)
    assert [item.metric for item in value_figures(np.zeros(3), np.zeros(3))] == ["value", "value_per_row"], "nothing to gain"


def test_the_interval_of_the_share_holds_the_truth() -> None:
    """1,000 windows of 14 nights of 100 loans with their own rates, seed 21: 95 % +- 3 % of intervals hold 0.6."""
    random, held = np.random.default_rng(21), 0
    for _ in range(1000):
        night = np.repeat(np.arange(14), 100)
        label = random.random(night.size) < random.uniform(0.1, 0.5, 14)[night]
        decision = label & (random.random(night.size) < 0.6)
        cells = Cells(100, -10)
        values, perfect = value_of_decisions(label, decision, cells), value_of_decisions(label, label, cells)
        share = value_figures(values, perfect, night)[-1]
        assert share.low is not None and share.high is not None
        held += share.low <= 0.6 <= share.high
    assert 0.92 <= held / 1000 <= 0.98


def captured(value: float, low: float | None, high: float | None) -> Figure:
    return Figure("value_captured", value, low, high, 900)


def test_what_a_training_gains_is_the_share_lost_of_what_there_is_to_gain() -> None:
    gain = expected_gain(captured(0.7, 0.67, 0.73), captured(0.5, 0.46, 0.54), gainable=10_000, cost=400)
    assert (gain.metric, gain.value, gain.n) == ("expected_gain", pytest.approx(1600), 900)
    assert (gain.low, gain.high) == (pytest.approx(1100), pytest.approx(2100)), "half-widths of 0.03 and 0.04 are 0.05"
    with pytest.raises(ValueError, match="without an interval"):
        expected_gain(captured(0.7, None, None), captured(0.5, 0.4, 0.6), gainable=1, cost=0)


def test_a_champion_that_captures_what_it_did_is_not_worth_a_training() -> None:
    """1,000 pairs of windows of one model, seed 22: its training seems to pay in at most 3 %, and less where it costs."""
    random = np.random.default_rng(22)

    def window() -> Figure:
        night = np.repeat(np.arange(14), 60)
        label = random.random(night.size) < 0.3
        decision = label & (random.random(night.size) < 0.6)
        cells = Cells(100, -10)
        values, perfect = value_of_decisions(label, decision, cells), value_of_decisions(label, label, cells)
        return value_figures(values, perfect, night)[-1]

    gains = [expected_gain(window(), window(), gainable=50_000, cost=0) for _ in range(1000)]
    assert sum(gain.low is not None and gain.low > 0 for gain in gains) <= 30
    assert sum(gain.low is not None and gain.low - 400 > 0 for gain in gains) <= sum(gain.low > 0 for gain in gains if gain.low)
