"""When a retrain is asked for, and when it is not, from stored rows alone."""

from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from nightloop.definitions.use_case import Retrain
from nightloop.evidence.verdict import Verdict
from nightloop.monitoring.decisions import EarlierNight, decide

NIGHT = date(2013, 4, 20)
RULES = Retrain(maximum_age_nights=14, drifted_nights=3, cool_down_nights=7)


@dataclass(frozen=True)
class Champion:
    version: int
    as_of: date


CHAMPION = Champion(2, NIGHT - timedelta(days=5))


def verdict(outcome):
    return Verdict("any", outcome, f"It is {outcome}.")


def night(days_ago, decision="keep", drift="pass", version=2):
    return EarlierNight(NIGHT - timedelta(days=days_ago), decision, drift, version)


def judge(drift="pass", performance="pass", earlier=(), champion=CHAMPION):
    return decide(RULES, NIGHT, champion, drift=verdict(drift), performance=verdict(performance), earlier=earlier)


def test_a_young_champion_without_trouble_is_kept_and_the_reason_says_so():
    decision = judge(performance="not_enough_evidence")
    assert decision.decision == "keep"
    assert decision.reason == (
        "Champion version 2 is 5 nights old (at most 14); drift: pass; realised performance: not enough evidence."
    )


@pytest.mark.parametrize(("age", "expected"), [(13, "keep"), (14, "retrain"), (60, "retrain")])
def test_the_calendar_asks_at_the_maximum_age(age, expected):
    decision = judge(champion=Champion(2, NIGHT - timedelta(days=age)))
    assert decision.decision == expected


def test_failed_performance_asks_at_once_and_is_named_before_the_calendar():
    decision = judge(performance="fail", champion=Champion(2, NIGHT - timedelta(days=99)))
    assert decision == type(decision)("retrain", "Realised performance failed: It is fail.")


def test_drift_asks_only_after_enough_nights_in_a_row():
    assert judge(drift="fail", earlier=[night(1, drift="fail")]).decision == "keep"
    decision = judge(drift="fail", earlier=[night(2, drift="fail"), night(1, drift="fail")])
    assert decision.decision == "retrain"
    assert decision.reason.startswith("Features drifted 3 nights in a row:")


def test_a_night_without_drift_breaks_the_row():
    earlier = [night(3, drift="fail"), night(2, drift="fail"), night(1, drift="not_enough_evidence")]
    assert judge(drift="fail", earlier=earlier).decision == "keep"


def test_drift_from_another_champions_reference_does_not_count():
    earlier = [night(2, drift="fail", version=1), night(1, drift="fail", version=1)]
    assert judge(drift="fail", earlier=earlier).decision == "keep"


def test_a_night_that_was_never_decided_does_not_end_the_row():
    assert judge(drift="fail", earlier=[night(3, drift="fail"), night(2, drift="fail")]).decision == "retrain"


@pytest.mark.parametrize(("days_ago", "expected"), [(1, "keep"), (7, "keep"), (8, "retrain")])
def test_the_cool_down_holds_back_a_second_request(days_ago, expected):
    decision = judge(performance="fail", earlier=[night(days_ago, decision="retrain")])
    assert decision.decision == expected
    if expected == "keep":
        assert "cool-down lasts to" in decision.reason


def test_nights_after_this_one_are_not_looked_at():
    later = [night(-1, decision="retrain"), night(-1, drift="fail"), night(-2, drift="fail")]
    assert judge(drift="fail", earlier=later).decision == "keep"
    assert judge(performance="fail", earlier=later).decision == "retrain"
