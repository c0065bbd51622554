"""The data gate: each fault put into a whole training set is named, and a whole one passes whatever its nights are like."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.definitions.gates import DataGate
from nightloop.evidence.gates.training_data import EARLIER, FEWEST_EARLIER, FEWEST_ROWS, TrainingRows, judge_data
from nightloop.nights import Nights

FIRST = date(2024, 1, 1)
NIGHTS, ROWS = 30, 40
LIMITS = DataGate()


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def whole(seed: int = 1, rows: int = ROWS) -> TrainingRows:
    random = np.random.default_rng(seed)
    night = np.repeat(np.array([day(n) for n in range(NIGHTS)], dtype="datetime64[D]"), rows)
    matrix = random.normal(size=(len(night), 2)) * [1, 1000]
    split = {"fit": Nights(day(0), day(17)), "calibrate": Nights(day(18), day(21)), "validate": Nights(day(22), day(29))}
    return TrainingRows(night, matrix, ("income", "debt"), {day(n): rows for n in range(NIGHTS)}, split, day(29))


def of_night(rows: TrainingRows, number: int) -> np.ndarray:
    return rows.night == np.datetime64(day(number))


def without(rows: TrainingRows, gone: np.ndarray) -> TrainingRows:
    return replace(rows, night=rows.night[~gone], matrix=rows.matrix[~gone])


def scaled(rows: TrainingRows, number: int, factor: float, feature: int = 0) -> TrainingRows:
    rows.matrix[of_night(rows, number), feature] *= factor
    return rows


@given(st.integers(0, 10_000))
def test_whole_nights_pass(seed: int) -> None:
    verdict = judge_data(whole(seed), LIMITS)
    assert verdict.passed, verdict.reason
    assert {figure.metric for figure in verdict.figures} == {
        "rows_share",
        "labelled_share",
        "largest_scale_change",
        "largest_missing_rise",
    }


@pytest.mark.parametrize("number", [0, FEWEST_EARLIER - 1, FEWEST_EARLIER, 12, NIGHTS - 1])
def test_a_unit_that_changes_is_named_as_soon_as_three_nights_are_before_it(number: int) -> None:
    verdict = judge_data(scaled(whole(), number, 100), LIMITS)
    if number == FEWEST_EARLIER - 1:
        assert verdict.passed, "two nights before it are too few"
    elif number == 0:
        assert verdict.passed, "the median of the nights before a later one is that of those that are well"
    else:
        assert verdict.outcome == "fail" and "Income changed its scale" in verdict.reason and str(day(number)) in verdict.reason
        assert "debt" not in verdict.reason


def test_a_unit_that_changes_for_good_is_named_for_the_nights_until_it_is_the_rule() -> None:
    rows = whole()
    rows.matrix[rows.night >= np.datetime64(day(20)), 1] /= 100
    verdict = judge_data(rows, LIMITS)
    assert (
        "Debt changed its scale" in verdict.reason
        and f"in night {day(20)}" in verdict.reason
        and "more like it" in verdict.reason
    )


def test_the_limit_of_scale_is_exceeded_above_it_and_not_at_it() -> None:
    rows = scaled(whole(), 15, 200)
    (change,) = [figure.value for figure in judge_data(rows, LIMITS).figures if figure.metric == "largest_scale_change"]
    assert not judge_data(rows, LIMITS.model_copy(update={"maximum_scale_change": change * (1 - 1e-9)})).passed
    assert judge_data(rows, LIMITS.model_copy(update={"maximum_scale_change": change})).passed


def test_a_night_that_is_cut_off_is_named_at_less_than_the_share() -> None:
    for rows, outcome in ((4, "pass"), (3, "fail")):  # of 40: the share is 0.1
        cut = whole()
        gone = of_night(cut, 10) & (np.cumsum(of_night(cut, 10)) > rows)
        cut = replace(without(cut, gone), published={**cut.published, day(10): rows})
        verdict = judge_data(cut, LIMITS)
        assert verdict.outcome == outcome, verdict.reason
    assert f"Night {day(10)} has 3 rows, 0.07 of the nights before it (limit 0.1)" in verdict.reason


def test_labels_that_were_lost_are_named_at_less_than_half_of_the_nights_before() -> None:
    for kept, outcome in ((20, "pass"), (19, "fail")):
        rows = whole()
        gone = of_night(rows, 10) & (np.cumsum(of_night(rows, 10)) > kept)
        verdict = judge_data(without(rows, gone), LIMITS)
        assert verdict.outcome == outcome, verdict.reason
    assert f"Night {day(10)} has labels for 48% of its rows" in verdict.reason


def test_a_column_that_went_missing_where_it_is_judged_is_named_above_the_limit() -> None:
    for lacking, outcome in ((160, "pass"), (161, "fail")):  # of 8 nights of 40
        rows = whole()
        rows.matrix[np.flatnonzero(rows.night >= np.datetime64(day(22)))[:lacking], 0] = np.nan
        verdict = judge_data(rows, LIMITS)
        assert verdict.outcome == outcome, verdict.reason
    assert "Income lacks 0.50 more of its values in the nights 2024-01-23..2024-01-30" in verdict.reason
    rows = whole()
    rows.matrix[of_night(rows, 10), 0] = np.nan
    assert judge_data(rows, LIMITS).passed, "a column that lacks in one night"


def test_a_night_that_repeats_another_is_named_whatever_the_order_of_its_rows() -> None:
    rows = whole()
    rows.matrix[of_night(rows, 9)] = rows.matrix[of_night(rows, 4)][::-1]
    assert judge_data(rows, LIMITS).reason == f"Night {day(9)} repeats night {day(4)}, row by row."
    rows.matrix[np.flatnonzero(of_night(rows, 9))[0], 0] += 1e-9
    assert judge_data(rows, LIMITS).passed


def test_nights_that_are_alike_by_chance_repeat_nothing() -> None:
    few = whole(rows=FEWEST_ROWS - 1)
    few.matrix[of_night(few, 9)] = few.matrix[of_night(few, 4)]
    assert judge_data(few, LIMITS).passed
    rows = whole()
    rows.matrix[of_night(rows, 9)] = rows.matrix[of_night(rows, 4)] = [1.5, 1500]
    assert judge_data(rows, LIMITS).passed, "all rows alike"


def test_a_column_that_stands_still_where_it_is_judged_and_varied_before_is_named() -> None:
    rows = whole()
    judged = rows.night >= np.datetime64(day(22))
    rows.matrix[judged, 1] = 1500.0
    assert "Debt stands still in all nights 2024-01-23..2024-01-30" in judge_data(rows, LIMITS).reason
    rows.matrix[:, 1] = 1500.0
    assert judge_data(rows, LIMITS).passed, "a constant is of no use, but no fault"
    rows.matrix[:, 1] = np.where(judged, 2, 1)
    assert judge_data(rows, LIMITS).passed, "a month is the same for every row of a night"


@pytest.mark.parametrize(
    ("part", "nights", "words"),
    [
        ("calibrate", Nights(day(17), day(21)), "nights to calibrate (2024-01-18..2024-01-22) do not all follow those to fit"),
        (
            "validate",
            Nights(day(21), day(29)),
            "nights to validate (2024-01-22..2024-01-30) do not all follow those to calibrate",
        ),
    ],
)
def test_parts_that_overlap_by_a_night_are_named(part: str, nights: Nights, words: str) -> None:
    rows = whole()
    assert words in judge_data(replace(rows, split={**rows.split, part: nights}), LIMITS).reason


def test_rows_whose_labels_could_not_be_known_are_named() -> None:
    verdict = judge_data(replace(whole(), last_labelled=day(28)), LIMITS)
    assert verdict.reason == f"There are rows of {day(29)}, whose labels were known only to {day(28)}."


def test_too_few_nights_are_no_evidence() -> None:
    rows = whole()
    for nights, outcome in ((FEWEST_EARLIER, "not_enough_evidence"), (FEWEST_EARLIER + 1, "pass")):
        of_first = rows.night < np.datetime64(day(nights))
        split = {
            "fit": Nights(day(0), day(0)),
            "calibrate": Nights(day(1), day(1)),
            "validate": Nights(day(2), day(nights - 1)),
        }
        assert judge_data(replace(without(rows, ~of_first), split=split), LIMITS).outcome == outcome


def test_a_window_that_fills_up_in_its_first_nights_passes() -> None:
    rows = whole()
    since = (rows.night - rows.night[0]).astype(int)
    rows.matrix[:, 0] = np.minimum(since, 28) * np.abs(rows.matrix[:, 0])  # a sum of 28 nights, from nothing
    assert judge_data(rows, LIMITS).passed
    assert EARLIER == 7


@pytest.mark.parametrize("share", [0.08, 0.1, 0.12])
def test_a_flag_that_is_rare_has_no_scale_to_change(share: float) -> None:
    for seed in range(20):
        rows = whole(seed)
        rows.matrix[:, 0] = np.random.default_rng(seed).random(len(rows.night)) < share
        verdict = judge_data(rows, LIMITS.model_copy(update={"maximum_scale_change": 3}))
        assert verdict.passed, verdict.reason


def test_many_problems_are_told_three_by_three() -> None:
    rows = whole()
    for number in range(8, 30, 4):
        scaled(rows, number, 1000)
    reason = judge_data(rows, LIMITS).reason
    assert reason.count("changed its scale") == 3 and "and 3 more like it" in reason


@pytest.mark.parametrize(("share", "outcome"), [(0.899, "fail"), (0.9, "pass"), (0.901, "pass"), (0.0, "fail")])
def test_outcomes_lost_by_how_a_key_is_written_are_held_against_a_limit(share: float, outcome: str) -> None:
    verdict = judge_data(replace(whole(), matching=(share, 500, "60 of 80 find none.")), LIMITS)
    assert verdict.outcome == outcome
    (figure,) = [figure for figure in verdict.figures if figure.metric == "matched_share"]
    assert (figure.value, figure.n, figure.least) == (share, 500, 0.9)
    if outcome == "fail":
        assert f"{share:.0%} of the outcomes find their entity (limit 0.9): 60 of 80 find none." in verdict.reason
        assert ".." not in verdict.reason
