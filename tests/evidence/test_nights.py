"""Faults and shifts are found on time, nights that only wander are left alone, and parts of a night add up."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.evidence.nights.budget import FAULT, SHIFT, Alarm, Answer, judge_nights, rejected
from nightloop.evidence.nights.profiles import DRAWN_IN, ColumnProfile, Grid
from nightloop.evidence.nights.questions import with_looks
from nightloop.evidence.nights.reference import Column, night_columns

FIRST, REFERENCE, ROWS, FEATURES = date(2024, 1, 1), 60, 200, 5
VALUES = st.lists(st.sampled_from([0.0, 1.0, 2.5, -3.0, 1e308, math.inf, -math.inf, math.nan]), max_size=30)


def rows(seed: int, nights: int, effect: float, memory: float = 0.0) -> np.ndarray:
    """Values (nights, rows, features): each night has a level of its own, which may remember the one before."""
    random = np.random.default_rng([20240101, seed])
    level = random.normal(size=(nights, FEATURES))
    for night in range(1, nights):
        level[night] = memory * level[night - 1] + math.sqrt(1 - memory**2) * level[night]
    return effect * level[:, None, :] + random.normal(size=(nights, ROWS, FEATURES))


def reference(values: np.ndarray) -> list[Column]:
    nights = np.repeat(np.datetime64(FIRST) + np.arange(REFERENCE), ROWS)
    stored = night_columns([f"f{i}" for i in range(FEATURES)], values[:REFERENCE].reshape(-1, FEATURES), nights)
    return [Column.from_json(column) for column in json.loads(json.dumps(stored, allow_nan=False))["columns"]]


def judged(columns: list[Column], later: np.ndarray, budget: float = 2.0) -> list[Answer]:
    """Judge each of the nights after the reference, as the monitor does: night by night, on profiles."""
    profiles: dict[int, list[ColumnProfile]] = {}
    answers = []
    for at, night in enumerate(later, start=FIRST.toordinal() + REFERENCE):
        profiles[at] = [column.grid.count(night[:, place]) for place, column in enumerate(columns)]
        answer = judge_nights(columns, profiles, windows=[0] * FEATURES, false_alarms_a_year=budget)
        assert answer is not None
        answers.append(answer)
    return answers


@pytest.mark.parametrize(("effect", "memory"), [(0.0, 0.0), (0.15, 0.0), (0.15, 0.5)])
def test_nights_without_drift_are_left_alone_within_the_budget(effect: float, memory: float) -> None:
    nights = 2 * 50
    alarms = 0
    for seed in range(2):
        values = rows(seed, REFERENCE + 50, effect, memory)
        alarms += sum(bool(answer.alarms) for answer in judged(reference(values), values[REFERENCE:]))
    assert alarms <= 2 + 2 * nights / 365


@pytest.mark.parametrize("effect", [0.0, 0.15])
def test_one_feature_a_hundred_times_too_large_is_found_on_its_night(effect: float) -> None:
    for seed in range(3):
        values = rows(10 + seed, REFERENCE + 6, effect)
        values[-1, :, 2] *= 100
        *before, last = judged(reference(values), values[REFERENCE:])
        assert not any(answer.alarms for answer in before)
        assert [(alarm.question, alarm.feature) for alarm in last.alarms] == [(FAULT, "f2")]
        assert last.sentence.startswith("A fault of data: f2: ")


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_values_that_go_missing_are_found_within_two_nights(share: float) -> None:
    for seed in range(3):
        values = rows(20 + seed, REFERENCE + 7, 0.15)
        values[-2:, : int(share * ROWS), 1] = np.nan
        found = judged(reference(values), values[REFERENCE:])[-2:]
        assert any(alarm.feature == "f1" and alarm.measure == "missing" for answer in found for alarm in answer.alarms)


def test_a_moved_level_is_found_as_a_shift_and_dated() -> None:
    values = rows(30, REFERENCE + 20, 0.15)
    values[REFERENCE + 5 :, :, 0] += 0.4
    answers = judged(reference(values), values[REFERENCE:])
    shifts = [alarm for answer in answers for alarm in answer.alarms]
    moved = next(alarm for alarm in shifts if alarm.question == SHIFT)
    start = FIRST.toordinal() + REFERENCE + 5
    assert [answer.calls_for for answer in answers if moved in answer.alarms] == ["training"]
    assert moved.feature == "f0" and abs(moved.since.toordinal() - start) <= 3 and 0.2 < moved.change < 0.7


def test_infinite_values_are_counted_and_unseen() -> None:
    values = rows(40, REFERENCE + 1, 0.0)
    values[-1, :40, 3] = np.inf
    (answer,) = judged(reference(values), values[REFERENCE:])
    assert {("infinite", 40.0), ("unseen_share", 0.2)} <= {(of.metric, of.value) for of in answer.figures if of.group == "f3"}
    assert [alarm.feature for alarm in answer.alarms] == ["f3"]


@pytest.mark.parametrize("count", [0, 1])
def test_a_night_of_no_row_or_of_one_is_no_alarm(count: int) -> None:
    values = rows(50, REFERENCE + 1, 0.15)
    (answer,) = judged(reference(values), values[REFERENCE:, :count])
    assert answer.alarms == () and answer.sentence == ""


def test_each_feature_is_given_the_smallest_shift_that_would_have_been_seen() -> None:
    def smallest(effect: float) -> float:
        values = rows(60, REFERENCE + 1, effect)
        return next(
            of.value for of in judged(reference(values), values[REFERENCE:])[0].figures if of.metric == "smallest_shift"
        )

    assert 0.1 < smallest(0.0) < smallest(0.5) < 4


def test_a_short_reference_is_no_judge() -> None:
    columns = reference(rows(70, REFERENCE, 0.0))
    nights = columns[0].nights
    short = replace(
        nights, **{name: getattr(nights, name)[:13] for name in ("night", "rows", "missing", "unseen", "mean", "form")}
    )
    few = [replace(column, nights=short) for column in columns]
    assert judge_nights(few, {}, windows=[0] * FEATURES, false_alarms_a_year=2.0) is None
    assert judge_nights([], {}, windows=[], false_alarms_a_year=2.0) is None


def test_rejections_are_those_of_the_textbook() -> None:
    """Benjamini and Hochberg's own example (1995): four of fifteen at 0.05."""
    known = [
        0.0001,
        0.0004,
        0.0019,
        0.0095,
        0.0201,
        0.0278,
        0.0298,
        0.0344,
        0.0459,
        0.3240,
        0.4262,
        0.5719,
        0.6528,
        0.7590,
        1.0,
    ]
    assert rejected(np.array([*known[::-1]]), 0.05).tolist() == [False] * 11 + [True] * 4
    assert not rejected(np.array([np.nan, 0.9]), 0.05).any()


def test_a_scan_of_spans_costs_as_many_looks_as_its_height() -> None:
    assert with_looks(np.array([1.0, 0.5])).tolist() == [1.0, 0.5]
    assert with_looks(np.array([1e-5]))[0] == pytest.approx(1e-5 * 0.37 * 4.4172**2, rel=1e-3)


@given(VALUES, VALUES, VALUES)
def test_profiles_of_parts_add_up_whatever_their_order(seen: list[float], one: list[float], other: list[float]) -> None:
    grid = Grid.of(np.array(seen, dtype=float))
    parts = [grid.count(np.array(part, dtype=float)) for part in (one, other)]
    whole = grid.count(np.array([*other, *one], dtype=float))
    assert parts[0] + parts[1] == parts[1] + parts[0] == whole
    assert sum(whole.counts) + whole.missing + whole.infinite == whole.rows == len(one) + len(other)
    assert math.isnan(whole.mean) if not whole.finite else abs(whole.mean) <= DRAWN_IN


def test_what_lies_beyond_the_range_or_between_the_levels_is_unseen() -> None:
    levels, numbers = Grid.of(np.array([0.0, 1.0, 3.0])), Grid.of(np.arange(101.0))
    assert levels.count(np.array([0.0, 1.0, 2.0, 3.0, 4.0])).unseen == 2
    assert numbers.count(np.array([-50.1, -50.0, 33.3, 150.0, 150.1])).unseen == 2


DAYS = np.repeat(np.arange("2024-01-01", "2024-01-21", dtype="datetime64[D]"), 20)  # 20 nights of 20 rows


@pytest.mark.parametrize(
    ("of_one_night", "has_levels"), [(0, True), (2, True), (3, False), (20, False)], ids="{} nights of their own value".format
)
def test_values_that_a_night_has_to_itself_are_no_categories(of_one_night: int, has_levels: bool) -> None:
    """Of 20 nights; a tenth of the rows may be so, as rare categories are."""
    values = np.tile([1.0, 2.0], len(DAYS) // 2)
    own = np.isin(DAYS, DAYS[::20][:of_one_night])
    values[own] = 3.0 + (DAYS[own] - DAYS[0]).astype(float) / 2
    grid = Grid.of(values, DAYS)
    assert grid.has_levels == has_levels
    assert grid.count(np.array([3.25])).unseen == has_levels


def test_two_nights_do_not_tell_what_a_category_is() -> None:
    assert Grid.of(np.array([1.0, 2.0, 3.0]), np.array(["2024-01-01", "2024-01-01", "2024-01-02"], "datetime64[D]")).has_levels


@pytest.mark.parametrize(
    ("alarms", "expected"),
    [
        ([], None),
        ([(FAULT, "a", "mean", 0.5)], "repair"),
        ([(SHIFT, "a", "mean", 2.0)], "training"),
        ([(SHIFT, "a", "mean", -2.1)], "repair"),
        ([(SHIFT, "a", "missing", 0.02)], "repair"),
        ([(SHIFT, "a", "ends", 1.0)], "training"),
        ([(FAULT, "a", "form", 1.1), (SHIFT, "a", "ends", 1.0)], "repair"),
        ([(FAULT, "a", "unseen", 0.9), (SHIFT, "b", "mean", 0.3)], "training"),
    ],
)
def test_only_a_population_that_moved_calls_for_a_training(alarms: list[tuple[str, str, str, float]], expected: str) -> None:
    assert Answer(tuple(Alarm(*alarm, FIRST, 0.0) for alarm in alarms), ()).calls_for == expected


def test_an_alarm_says_what_changed_and_since_when() -> None:
    faults = [Alarm(FAULT, name, "missing", 0.2, FIRST, 0.0) for name in "bcde"]
    shifts = [Alarm(SHIFT, "a", "mean", -0.5, FIRST, 0.0), Alarm(SHIFT, "f", "form", 1.0, FIRST, 0.0)]
    one = "share of missing values moved by +20.0% on this night"
    assert Answer((*shifts, *faults), ()).sentence == (
        f"A fault of data: b: {one}; c: {one}; d: {one}; and 1 more. A shift of the population: a: mean moved -0.50 standard "
        "deviations since 2024-01-01; f: form of the distribution left the reference's since 2024-01-01."
    )
