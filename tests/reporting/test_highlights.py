"""Highlights name what needs a person's attention, at the limit and not before it, each from a row."""

from __future__ import annotations

import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.definitions.use_case import Value as Worth
from nightloop.reporting.highlights import Highlight, highlights, join_nights
from nightloop.reporting.week import Key, ReportedEvent, Value
from tests.reporting.conftest import line, night, value, week

WHOLE = [line(place) for place in range(7)]
QUIET = [Highlight("good", "Nothing asks for attention: every night was monitored, and no verdict failed.")]


def last_night_with(figures: dict[Key, Value]) -> list:
    return [*WHOLE[:6], line(6, figures)]


def test_a_quiet_week_says_so_in_one_good_sentence(flights: UseCase) -> None:
    assert highlights(week(WHOLE), flights) == QUIET


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ([0], "2013-04-01"),
        ([0, 1], "2013-04-01 and 2013-04-02"),
        ([0, 1, 4], "2013-04-01, 2013-04-02 and 2013-04-05"),
    ],
)
def test_nights_are_joined_as_in_a_sentence(places: list[int], sentence: str) -> None:
    assert join_nights([night(place) for place in places]) == sentence


@pytest.mark.parametrize(
    ("first", "last", "is_missed"), [(0, 6, True), (0, 4, True), (4, 6, True), (0, 3, False), (5, 6, False)]
)
def test_a_night_outside_of_the_use_cases_nights_is_not_missed(
    flights: UseCase, first: int, last: int, is_missed: bool
) -> None:
    ended = flights.model_copy(update={"first_night": night(first), "last_night": night(last)})
    sentences = [item.text for item in highlights(week([*WHOLE[:4], *WHOLE[5:]]), ended)]
    assert any(text.startswith("2013-04-05 was not monitored") for text in sentences) == is_missed


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ([3], "2013-04-04 was not monitored: no figure of this page includes it."),
        ([2, 3], "2013-04-03 and 2013-04-04 were not monitored: no figure of this page includes them."),
    ],
)
def test_a_night_that_was_not_monitored_is_named_first_as_bad(flights: UseCase, missing: list[int], words: str) -> None:
    lines = [item for place, item in enumerate(WHOLE) if place not in missing]
    assert highlights(week(lines), flights) == [Highlight("bad", words)]


def test_failed_verdicts_name_their_nights_and_the_newest_reason(flights: UseCase) -> None:
    lines = [*WHOLE[:4], line(4, drift="fail"), line(5, drift="fail"), line(6, performance="fail")]
    assert highlights(week(lines), flights) == [
        Highlight("bad", "Realised performance failed on 2013-04-07. Last: performance of night 6"),
        Highlight("bad", "Drift failed on 2013-04-05 and 2013-04-06. Last: drift of night 5"),
    ]


def test_a_verdict_without_evidence_is_a_warning_and_no_failure(flights: UseCase) -> None:
    lines = [line(0, performance="not_enough_evidence"), *WHOLE[1:]]
    assert highlights(week(lines), flights) == [
        Highlight("warn", "Realised performance could not be judged on 2013-04-01: performance of night 0")
    ]


def test_each_night_that_asked_for_a_retrain_has_its_sentence(flights: UseCase) -> None:
    lines = [*WHOLE[:5], line(5, decision="retrain", reason="Old."), line(6, decision="retrain", reason="Older.")]
    assert highlights(week(lines), flights) == [
        Highlight("warn", "2013-04-06 asked for a retrain: Old."),
        Highlight("warn", "2013-04-07 asked for a retrain: Older."),
    ]


def test_restated_nights_are_named_in_one_sentence(flights: UseCase) -> None:
    first = {("restated_outcomes", "night=2013-03-28"): value(2), ("restated_auc", "night=2013-03-28"): value(0.7)}
    second = {("restated_outcomes", "night=2013-03-28"): value(1), ("restated_outcomes", "night=2013-03-30"): value(1200)}
    lines = [line(0, first), line(1, second), *WHOLE[2:]]
    assert highlights(week(lines), flights) == [
        Highlight(
            "warn",
            "Restated: 1,203 outcomes of 2013-03-28 and 2013-03-30 were corrected after they matured; "
            "the realised figures stand on the newest.",
        )
    ]


@pytest.mark.parametrize(("brier", "noted"), [(0.1999, False), (0.2, True), (0.2001, True)])
def test_scores_no_better_than_the_base_rate_are_bad_from_equality_on(flights: UseCase, brier: float, noted: bool) -> None:
    lines = last_night_with({("pooled_brier", "all"): value(brier), ("pooled_base_rate_brier", "all"): value(0.2)})
    expected = f"Scores were no better than predicting the base rate: Brier {brier:.4f} against 0.2000."
    assert (highlights(week(lines), flights) == [Highlight("bad", expected)]) is noted
    assert noted or highlights(week(lines), flights) == QUIET


def test_figures_of_earlier_nights_do_not_speak_for_the_week(flights: UseCase) -> None:
    figures = {("pooled_brier", "all"): value(0.9), ("pooled_base_rate_brier", "all"): value(0.2)}
    assert highlights(week([*WHOLE[:5], line(5, figures), line(6)]), flights) == QUIET


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.001, 0.03, "Probabilities are too high: by 0.020 on average (0.001 to 0.030, n = 1,000)."),
        (0.0, 0.03, None),
        (-0.01, 0.03, None),
        (None, None, None),
    ],
)
def test_a_bias_is_noted_only_where_its_interval_leaves_zero(
    flights: UseCase, low: float | None, high: float | None, words: str | None
) -> None:
    lines = last_night_with({("pooled_calibration_bias", "all"): value(0.02, low, high)})
    assert highlights(week(lines), flights) == ([Highlight("warn", words)] if words else QUIET)


@pytest.mark.parametrize(("high", "noted"), [(-0.001, True), (0.0, False), (0.001, False)])
def test_a_bias_below_zero_is_too_low(flights: UseCase, high: float, noted: bool) -> None:
    (found,) = highlights(week(last_night_with({("pooled_calibration_bias", "all"): value(-0.02, -0.03, high)})), flights)
    assert ("Probabilities are too low: by 0.020" in found.text) is noted


def test_a_number_is_a_prediction_and_its_bias_is_named_so(delays: UseCase) -> None:
    (found,) = highlights(week(last_night_with({("pooled_bias", "all"): value(3.0, 1.0, 5.0)})), delays)
    assert found == Highlight("warn", "Predictions are too high: by 3.000 on average (1.000 to 5.000, n = 1,000).")


def rates(most: float, least: float = 0.1, n: int = 500) -> dict[Key, Value]:
    return {
        ("pooled_selection_rate", "origin=EWR"): value(most, n=n),
        ("pooled_selection_rate", "origin=JFK"): value(0.3, n=500),
        ("pooled_selection_rate", "origin=LGA"): value(least, n=500),
    }


@pytest.mark.parametrize(("most", "noted"), [(0.49, False), (0.5, False), (0.51, True)])
def test_a_gap_between_groups_is_noted_above_the_limit_of_the_gate(flights: UseCase, most: float, noted: bool) -> None:
    (found,) = highlights(week(last_night_with(rates(most))), flights)
    words = f"The selection rate of origin=EWR is {most - 0.1:.3f} above that of origin=LGA; the gate allows 0.4."
    assert (found == Highlight("bad", words)) is noted


@pytest.mark.parametrize(("n", "noted"), [(499, False), (500, True)])
def test_a_group_with_too_few_rows_is_not_compared(flights: UseCase, n: int, noted: bool) -> None:
    assert (highlights(week(last_night_with(rates(0.9, n=n))), flights) != QUIET) is noted


def test_groups_of_another_column_and_one_group_alone_are_not_compared(flights: UseCase) -> None:
    other = {("pooled_selection_rate", f"carrier={name}"): value(rate) for name, rate in (("UA", 0.9), ("AA", 0.1))}
    alone = {("pooled_selection_rate", "origin=EWR"): value(0.9), ("pooled_auc", "origin=JFK"): value(0.1)}
    assert highlights(week(last_night_with(other)), flights) == QUIET
    assert highlights(week(last_night_with(alone)), flights) == QUIET


@pytest.mark.parametrize(
    ("quarantined", "rows_in", "noted"),
    [(10, 990, False), (11, 989, True), (0, 1000, False), (11, None, False), (11, 0, False)],
)
def test_quarantine_is_noted_above_one_in_a_hundred_records(
    flights: UseCase, quarantined: int, rows_in: int | None, noted: bool
) -> None:
    lines = [line(0, {("rows_quarantined", "all"): value(quarantined)}, rows_in=rows_in), *WHOLE[1:]]
    expected = f"{quarantined} records of 2013-04-01 were quarantined ({rows_in} were taken in)."
    assert highlights(week(lines), flights) == ([Highlight("warn", expected)] if noted else QUIET)


def test_alerts_that_were_not_delivered_name_each_night_once(flights: UseCase) -> None:
    events = [
        ReportedEvent(night(2), "alert not delivered", "mail", "refused"),
        ReportedEvent(night(1), "alert not delivered", "mail", "refused"),
        ReportedEvent(night(2), "alert not delivered", "slack", "no such channel"),
        ReportedEvent(night(3), "alert", "drift", "drifted"),
    ]
    assert highlights(week(WHOLE, events), flights) == [
        Highlight("warn", "Alerts were not delivered on 2013-04-02 and 2013-04-03: no such channel")
    ]


def test_what_is_bad_comes_before_what_is_a_warning(flights: UseCase) -> None:
    lines = [line(0, decision="retrain"), *WHOLE[1:5], line(6, drift="fail")]
    assert [item.severity for item in highlights(week(lines), flights)] == ["bad", "bad", "warn"]


@pytest.mark.parametrize(
    ("of", "high", "severity"), [(0.0, 50.0, None), (-0.01, 50.0, "warn"), (-90.0, 0.0, "warn"), (-90.0, -0.01, "bad")]
)
def test_answers_that_cost_more_than_they_gain_are_told(flights: UseCase, of: float, high: float, severity: str | None) -> None:
    valued = flights.model_copy(update={"value": Worth(currency="USD", true_positive=9.0, false_positive=-2.0)})
    lines = last_night_with({("pooled_value", "all"): value(of, -120.4, high, 3400)})
    amount = f"{of:,.0f} USD (-120 to {high:,.0f}; 3,400 rows)"
    sentence = f"To decide nothing would have been better: the answers were worth {amount}."
    assert highlights(week(lines), valued) == ([Highlight(severity, sentence)] if severity else QUIET)  # type: ignore[arg-type]
    assert highlights(week(lines), flights) == QUIET, "no value is declared"


def test_a_night_that_asks_a_person_is_bad(flights: UseCase) -> None:
    lines = [*WHOLE[:6], line(6, decision="ask", reason="Trainings did not help.")]
    assert highlights(week(lines), flights) == [Highlight("bad", "2013-04-07 asks a person: Trainings did not help.")]
