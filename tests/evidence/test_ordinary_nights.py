"""What the reference tells of ordinary nights: weekdays, memory, trend; each part of the theory is missed when it is gone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import stdtr

from nightloop.evidence.nights.budget import judge_nights
from nightloop.evidence.nights.histograms import beyond_mean
from nightloop.evidence.nights.nulls import Null
from nightloop.evidence.nights.questions import jumped, moved, with_looks
from nightloop.evidence.nights.reference import Column
from nightloop.evidence.nights.streams import Stream

NIGHTS, COLUMNS, MONDAY = 84, 12, 738_886  # of the reference; 2024-01-01
NONE = np.zeros(COLUMNS, dtype=np.int64)


def stream(values: np.ndarray, start: int) -> Stream:
    """Nights from one on, whose rows alone give next to no noise."""
    return Stream(np.arange(start, start + len(values)), values, np.full(values.shape, 1e-4))


def ordinary(seed: int, nights: int, memory: float = 0.0) -> np.ndarray:
    """Nights (nights, COLUMNS) with a standard deviation of 1, each remembering the one before."""
    random = np.random.default_rng(seed)
    level = random.normal(size=(nights, COLUMNS))
    for night in range(1, nights):
        level[night] = memory * level[night - 1] + np.sqrt(1 - memory**2) * level[night]
    return level


def test_a_monday_is_compared_with_mondays() -> None:
    values = ordinary(1, NIGHTS) + np.where(np.arange(NIGHTS) % 7 == 0, 8.0, 0.0)[:, None]
    before = stream(values, MONDAY)
    null, expected = Null.of(before, NONE), np.median(values[np.arange(NIGHTS) % 7 == 0], axis=0)
    as_mondays = jumped(null, before, stream(expected[None], MONDAY + NIGHTS)).chance
    as_others = jumped(null, before, stream(expected[None] - 8, MONDAY + NIGHTS)).chance
    assert as_mondays.min() > 0.05 and as_others.max() < 1e-4


def test_an_ordinary_night_after_a_fault_is_no_fault() -> None:
    values = ordinary(2, NIGHTS + 2, memory=0.9)
    values[NIGHTS] = values[NIGHTS] + 60
    before = stream(values[:NIGHTS], MONDAY)
    after = jumped(Null.of(before, NONE), before, stream(values[NIGHTS:], MONDAY + NIGHTS))
    assert after.chance.min() > 1e-3


def test_a_level_of_nights_that_remember_is_known_less_well_than_that_of_nights_that_do_not() -> None:
    spreads = []
    for memory in (0.0, 0.8):
        values = ordinary(3, NIGHTS + 10, memory)
        null = Null.of(stream(values[:NIGHTS], MONDAY), NONE)
        spread = moved(null, stream(values[NIGHTS:], MONDAY + NIGHTS)).spread
        spreads.append(float(np.median(spread)))
    assert spreads[1] > 1.8 * spreads[0]


def test_a_level_is_known_no_better_than_that_of_the_reference() -> None:
    values = ordinary(4, NIGHTS + 60)
    null = Null.of(stream(values[:NIGHTS], MONDAY), NONE)
    spread = moved(null, stream(values[NIGHTS:] + 5, MONDAY + NIGHTS)).spread
    assert np.all(spread**2 >= null.wander.variance / NIGHTS), "the part of the reference alone"


def test_a_reference_that_moved_by_itself_lets_later_nights_move_on() -> None:
    moving = np.arange(NIGHTS + 20)[:, None] * 0.1
    values = ordinary(5, NIGHTS + 20) + moving
    before, live = stream(values[:NIGHTS], MONDAY), stream(values[NIGHTS:], MONDAY + NIGHTS)
    assert moved(Null.of(before, NONE), live).chance.min() > 1e-3


def test_a_season_that_the_reference_shows_is_no_shift_and_makes_later_levels_less_sure() -> None:
    night = np.arange(NIGHTS + 60)[:, None]
    season = 6 * np.sin(2 * np.pi * (night / 365 + np.random.default_rng(8).random(COLUMNS)))
    values = ordinary(7, NIGHTS + 60)
    before, live = stream((values + season)[:NIGHTS], MONDAY), stream((values + season)[NIGHTS:], MONDAY + NIGHTS)
    with_season, without = Null.of(before, NONE), Null.of(stream(values[:NIGHTS], MONDAY), NONE)
    assert moved(with_season, live).chance.min() > 1e-3
    assert moved(without, live).chance.max() < 1e-6, "a reference without it does not expect it"
    soon, late = (moved(with_season, stream(values[NIGHTS : NIGHTS + to], MONDAY + NIGHTS)).spread for to in (14, 60))
    assert np.all(late > soon)


def test_a_histogram_that_only_moved_tells_nothing_beyond_its_mean() -> None:
    random, edges = np.random.default_rng(9), np.array([-1.2, -0.8, -0.5, -0.25, 0.0, 0.25, 0.5, 0.8, 1.2])

    def counts(values: np.ndarray) -> np.ndarray:
        return np.bincount(np.searchsorted(edges, values), minlength=10)[None]

    drawn = random.normal(size=200_000)
    (moved_form,), (moved_ends,) = beyond_mean(counts(drawn), counts(random.normal(size=200_000) + 0.5))
    (wide_form,), (wide_ends,) = beyond_mean(counts(drawn), counts(random.normal(size=200_000) * 1.5))
    assert moved_form < 0.01 and abs(moved_ends) < 0.05 and wide_form > 0.1 and wide_ends > 0.3
    assert np.isnan(beyond_mean(counts(drawn), np.zeros((1, 10), dtype=np.int64))).all()


def test_the_chance_of_a_moved_level_pays_for_its_looks() -> None:
    values = ordinary(6, NIGHTS + 20)
    values[NIGHTS:] += 1.5
    tested = moved(Null.of(stream(values[:NIGHTS], MONDAY), NONE), stream(values[NIGHTS:], MONDAY + NIGHTS))
    alone = 2 * stdtr(tested.degrees, -np.abs(tested.distance / tested.spread))
    assert tested.chance == pytest.approx(with_looks(alone)) and np.all(tested.chance > 1.5 * alone)


@pytest.mark.parametrize(
    ("shift", "scale", "measures"),
    [(0.04, 1.0, set()), (0.08, 1.0, {"mean"}), (0.0, 1.1, set()), (0.0, 1.8, {"form", "ends"})],
)
def test_what_is_certain_but_small_is_no_alarm(shift: float, scale: float, measures: set[str]) -> None:
    random, rows = np.random.default_rng(7), 20_000
    nights = np.repeat(np.datetime64("2024-01-01") + np.arange(30), rows)
    column = Column.of("f", random.normal(size=30 * rows), nights)
    later = {MONDAY + 30 + at: [column.grid.count(random.normal(size=rows) * scale + shift)] for at in range(14)}
    answer = judge_nights([column], later, windows=[0], false_alarms_a_year=2.0)
    assert answer is not None and {alarm.measure for alarm in answer.alarms} == measures
