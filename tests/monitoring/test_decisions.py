"""When a retrain is asked for, and when it is not, from stored rows alone."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import permutations

import pytest

from nightloop.definitions.use_case import Retrain
from nightloop.evidence.drift import NightDrift
from nightloop.evidence.verdict import Figure, Verdict
from nightloop.monitoring.decisions import SCHEMA, Decision, EarlierNight, Trainings, as_row, decide
from nightloop.monitoring.trainings import EarlierTraining

NIGHT = date(2013, 4, 20)
RULES = Retrain(maximum_age_nights=14, calendar=True, drifted_nights=3, cool_down_nights=7)
HOLDING = RULES.model_copy(update={"calendar": False})


@dataclass(frozen=True)
class Champion:
    version: int
    as_of: date


CHAMPION = Champion(2, NIGHT - timedelta(days=5))


def verdict(outcome):
    return Verdict("any", outcome, f"It is {outcome}.")


def night(days_ago, decision="keep", drift="pass", version=2, **more):
    return EarlierNight(NIGHT - timedelta(days=days_ago), decision, drift, version, **more)


def judge(drift="pass", performance="pass", earlier=(), champion=CHAMPION, *, rules=RULES, calls_for=None, **more):
    moved = NightDrift(verdict(drift), (), calls_for)
    return decide(rules, NIGHT, champion, drift=moved, performance=verdict(performance), earlier=earlier, **more)


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
    assert decision == type(decision)("retrain", "Realised performance failed: It is fail.", "performance")


def test_drift_asks_only_after_enough_nights_in_a_row():
    assert judge(drift="fail", earlier=[night(1, drift="fail")]).decision == "keep"
    decision = judge(drift="fail", earlier=[night(2, drift="fail"), night(1, drift="fail")])
    assert decision.decision == "retrain"
    assert decision.reason.startswith("Features drifted 3 nights in a row:")


def test_data_to_be_repaired_asks_for_no_training():
    failed = [night(2, drift="fail"), night(1, drift="fail")]
    assert judge(drift="fail", earlier=failed, calls_for="training").decision == "retrain"
    assert judge(drift="fail", earlier=failed, calls_for="repair").decision == "keep"
    broken = [night(ago, drift="fail", drift_calls_for="repair") for ago in (3, 2, 1)]
    assert judge(drift="fail", earlier=broken, calls_for="training").decision == "keep"


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


# --- each rule by itself, just below, at and just above its limit ------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 14])
@pytest.mark.parametrize(("beyond", "expected"), [(-1, "keep"), (0, "retrain"), (1, "retrain")])
def test_the_age_counts_from_the_night_the_training_knew(limit, beyond, expected):
    rules = RULES.model_copy(update={"maximum_age_nights": limit})
    champion = Champion(2, NIGHT - timedelta(days=limit + beyond))
    assert judge(champion=champion, rules=rules).decision == expected


@pytest.mark.parametrize("limit", [1, 2, 4])
@pytest.mark.parametrize(("beyond", "expected"), [(-1, "keep"), (0, "retrain"), (1, "retrain")])
def test_the_night_itself_is_one_of_the_drifted_nights(limit, beyond, expected):
    rules = RULES.model_copy(update={"drifted_nights": limit})
    drifted = limit + beyond
    earlier = [night(days_ago, drift="fail") for days_ago in range(1, drifted)]
    decision = judge(drift="fail" if drifted else "pass", earlier=earlier, rules=rules)
    assert decision.decision == expected
    if expected == "retrain":
        count = "1 night" if drifted == 1 else f"{drifted} nights"
        assert decision.reason == f"Features drifted {count} in a row: It is fail."


@pytest.mark.parametrize("drift", ["pass", "not_enough_evidence"])
def test_a_night_that_did_not_drift_itself_asks_for_nothing_whatever_came_before(drift):
    earlier = [night(days_ago, drift="fail") for days_ago in range(1, 9)]
    assert judge(drift=drift, earlier=earlier).decision == "keep"


@pytest.mark.parametrize("drift", ["pass", "not_enough_evidence"])
@pytest.mark.parametrize(("broken", "expected"), [(1, "keep"), (2, "keep"), (3, "retrain")])
def test_the_row_of_drifted_nights_is_counted_back_from_the_newest(drift, broken, expected):
    earlier = [night(days_ago, drift=drift if days_ago == broken else "fail") for days_ago in (1, 2, 3, 4)]
    assert judge(drift="fail", earlier=earlier).decision == expected


def test_rows_of_earlier_nights_may_come_in_any_order():
    earlier = [night(1, drift="fail"), night(3, drift="pass"), night(2, drift="fail")]
    for order in permutations(earlier):
        assert judge(drift="fail", earlier=order).decision == "retrain"
    broken = [night(1, drift="pass"), night(3, drift="fail"), night(2, drift="fail")]
    for order in permutations(broken):
        assert judge(drift="fail", earlier=order).decision == "keep"


@pytest.mark.parametrize("version", [1, 3])
def test_a_change_of_champion_ends_the_row(version):
    earlier = [night(1, drift="fail"), night(2, drift="fail", version=version), night(3, drift="fail")]
    assert judge(drift="fail", earlier=earlier).decision == "keep"


@pytest.mark.parametrize("performance", ["pass", "not_enough_evidence"])
def test_only_a_failure_of_performance_asks(performance):
    assert judge(performance=performance).decision == "keep"


@pytest.mark.parametrize("limit", [0, 1, 7])
def test_the_cool_down_ends_after_its_last_night(limit):
    rules = RULES.model_copy(update={"cool_down_nights": limit})
    inside = judge(performance="fail", earlier=[night(limit, decision="retrain")], rules=rules) if limit else None
    outside = judge(performance="fail", earlier=[night(limit + 1, decision="retrain")], rules=rules)
    assert outside.decision == "retrain"
    if inside is not None:
        assert inside.reason == (
            f"A retrain is due (realised performance failed), but {NIGHT - timedelta(days=limit)} asked for one, "
            f"and the cool-down lasts to {NIGHT}."
        )


def test_the_newest_request_sets_the_end_of_the_cool_down():
    earlier = [night(6, decision="retrain"), night(2, decision="retrain"), night(4, decision="retrain")]
    reason = judge(performance="fail", earlier=earlier).reason
    assert f"but {NIGHT - timedelta(days=2)} asked" in reason
    assert f"lasts to {NIGHT + timedelta(days=5)}." in reason


def test_a_night_that_kept_starts_no_cool_down():
    earlier = [night(days_ago) for days_ago in (1, 2, 3)]
    assert judge(performance="fail", earlier=earlier).decision == "retrain"


def test_the_same_night_decided_before_holds_nothing_back():
    """Monitored again, its own row of before is among the stored ones."""
    assert judge(performance="fail", earlier=[night(0, decision="retrain")]).decision == "retrain"
    assert judge(drift="fail", earlier=[night(0, drift="fail"), night(1, drift="fail")]).decision == "keep"


OLD = Champion(2, NIGHT - timedelta(days=20))
DRIFTED = (night(1, drift="fail"), night(2, drift="fail"))


@pytest.mark.parametrize(
    ("performance", "drift", "champion", "reason"),
    [
        ("fail", "fail", OLD, "Realised performance failed: It is fail."),
        ("fail", "pass", CHAMPION, "Realised performance failed: It is fail."),
        ("pass", "fail", OLD, "Features drifted 3 nights in a row: It is fail."),
        ("pass", "pass", OLD, "Champion version 2 was trained as of 2013-03-31, 20 nights ago (at most 14)."),
    ],
)
def test_of_several_reasons_the_gravest_is_given(performance, drift, champion, reason):
    decision = judge(performance=performance, drift=drift, champion=champion, earlier=DRIFTED)
    assert (decision.decision, decision.reason) == ("retrain", reason)


def test_a_young_champion_is_spoken_of_in_the_singular():
    reason = judge(champion=Champion(7, NIGHT - timedelta(days=1)), drift="not_enough_evidence").reason
    assert reason == "Champion version 7 is 1 night old (at most 14); drift: not enough evidence; realised performance: pass."


def test_the_cool_down_holds_for_the_calendar_too():
    decision = judge(champion=OLD, earlier=[night(3, decision="retrain")])
    assert decision.decision == "keep"
    assert (
        "A retrain is due (champion version 2 was trained as of 2013-03-31, 20 nights ago (at most 14)), but" in decision.reason
    )


# --- a champion that holds, trainings that run or failed, and what one would gain ---------------------------------------


@pytest.mark.parametrize("age", [14, 15, 400])
def test_age_alone_does_not_retrain_a_champion_that_holds(age):
    old = Champion(2, NIGHT - timedelta(days=age))
    decision = judge(champion=old, rules=HOLDING)
    assert (decision.decision, decision.due) == ("keep", None)
    assert decision.reason.startswith(f"Champion version 2 is {age} nights old (at most 14), and it holds; drift: pass")
    assert judge(champion=old, rules=RULES).decision == "retrain", "unless a calendar is asked for"
    doubted = judge(champion=old, rules=HOLDING, performance="not_enough_evidence")
    assert (doubted.decision, doubted.due) == ("retrain", "age")
    assert doubted.reason.endswith("nights ago (at most 14), and nothing shows that it holds.")


def test_a_year_of_a_good_champion_asks_for_no_training():
    """Without the rule it was every eighth night once it was of age: 44 trainings a year."""
    for rules, expected in ((HOLDING, 0), (RULES, 44)):
        earlier: list[EarlierNight] = []
        for place in range(365):
            of, champion = NIGHT + timedelta(days=place), Champion(2, NIGHT - timedelta(days=1))
            moved = NightDrift(verdict("pass"), ())
            row = decide(rules, of, champion, drift=moved, performance=verdict("pass"), earlier=earlier)
            earlier.append(EarlierNight(of, row.decision, "pass", 2))
        assert sum(row.decision == "retrain" for row in earlier) == expected


def test_nothing_is_asked_for_while_a_training_runs():
    runs = EarlierTraining(NIGHT - timedelta(days=2), "anna", "running")
    decision = judge(performance="fail", trainings=Trainings(running=runs))
    assert (decision.decision, decision.due) == ("keep", "performance")
    assert decision.reason == (
        "A retrain is due (realised performance failed), but the training as of 2013-04-18, asked for by anna, has not ended."
    )


FAILED = EarlierTraining(NIGHT - timedelta(days=9), "monitor", "failed", "performance: It is no better")


def after_failure(again, *failures):
    return Trainings(failed=failures or (FAILED,), new_evidence_from=NIGHT + timedelta(days=again))


@pytest.mark.parametrize(("again", "expected"), [(-1, "retrain"), (0, "retrain"), (1, "keep")])
def test_a_training_that_failed_is_not_asked_for_on_the_same_evidence(again, expected):
    decision = judge(champion=OLD, trainings=after_failure(again))
    assert (decision.decision, decision.due) == (expected, "age")
    if expected == "keep":
        assert decision.reason.endswith(
            ", but the training as of 2013-04-11 (performance: It is no better); from 2013-04-21 on its gates judge new nights."
        )


def test_several_failures_are_counted():
    reason = judge(champion=OLD, trainings=after_failure(5, FAILED, FAILED)).reason
    assert "but 2 trainings failed since the champion's, the last as of 2013-04-11 (performance: It is no better)" in reason


def test_a_person_is_asked_where_performance_fails_and_a_training_did_not_help():
    earlier = [night(9, "retrain", due="performance")]
    decision = judge(performance="fail", earlier=earlier, trainings=after_failure(5))
    assert (decision.decision, decision.due) == ("ask", "performance")
    assert decision.reason.endswith("Until then a person decides: repair the data, roll back, or change the model.")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("age", "retrain"), ("drift", "retrain"), ("value", "retrain"), ("performance", "ask"), (None, "ask")],
)
def test_a_graver_reason_than_that_of_the_failed_training_is_new_evidence(asked, expected):
    earlier = [night(9, "retrain", due=asked)]
    assert judge(performance="fail", earlier=earlier, trainings=after_failure(5)).decision == expected
    assert judge(performance="fail", earlier=[], trainings=after_failure(5)).decision == "ask", "a person asked for that one"


def gain(low, value=900.0, high=1800.0):
    return Figure("expected_gain", value, low, high, 4000)


@pytest.mark.parametrize(("low", "expected"), [(-0.01, "keep"), (0.0, "keep"), (0.01, "retrain")])
def test_a_training_that_pays_is_asked_for_though_every_limit_holds(low, expected):
    decision = judge(gain=gain(low), currency="EUR")
    assert (decision.decision, decision.due) == (expected, "value" if expected == "retrain" else None)
    assert decision.reason.endswith(f"A training is expected to gain 900 EUR ({low:,.0f} to 1,800).")
    assert decision.gain == gain(low)


def test_what_is_given_up_by_waiting_is_told_and_stored():
    decision = judge(performance="fail", earlier=[night(2, "retrain")], gain=gain(5.0), currency="EUR")
    assert decision.decision == "keep"
    assert decision.reason.endswith("lasts to 2013-04-25. A training is expected to gain 900 EUR (5 to 1,800).")
    row = as_row(
        decision,
        champion=CHAMPION,
        drift=NightDrift(verdict("pass"), ()),
        performance=verdict("fail"),
        matching=Verdict("matching", "pass", "x"),
    )
    assert (row["due"], row["expected_gain"], row["expected_gain_low"], row["expected_gain_high"]) == (
        "performance", 900.0, 5.0, 1800.0,
    )  # fmt: skip


# --- rows of the decisions table ---------------------------------------------------------------------------------------

MATCHING = Verdict("matching", "pass", "All are there.")


def test_the_row_of_a_night_holds_decision_verdicts_and_champion():
    drift, performance = Verdict("drift", "fail", "It moved."), Verdict("performance", "pass", "It is good.")
    moved = NightDrift(drift, (), "repair")
    row = as_row(Decision("keep", "Because."), champion=CHAMPION, drift=moved, performance=performance, matching=MATCHING)
    assert row == {
        "decision": "keep",
        "reason": "Because.",
        "due": None,
        "expected_gain": None,
        "expected_gain_low": None,
        "expected_gain_high": None,
        "drift_verdict": "fail",
        "drift_reason": "It moved.",
        "drift_calls_for": "repair",
        "performance_verdict": "pass",
        "performance_reason": "It is good.",
        "matching_verdict": "pass",
        "matching_reason": "All are there.",
        "champion_version": 2,
        "champion_as_of": CHAMPION.as_of,
    }


def test_the_columns_of_the_table_are_those_of_a_row():
    moved = NightDrift(verdict("pass"), ())
    row = as_row(Decision("keep", "x"), champion=CHAMPION, drift=moved, performance=verdict("pass"), matching=MATCHING)
    assert set(SCHEMA.names) == row.keys()


def test_a_stored_row_is_read_as_an_earlier_night():
    moved = NightDrift(verdict("fail"), (), "training")
    row = as_row(Decision("retrain", "x"), champion=CHAMPION, drift=moved, performance=verdict("pass"), matching=MATCHING)
    assert EarlierNight.of({"night": NIGHT, **row}) == EarlierNight(NIGHT, "retrain", "fail", 2, "training")
    del row["drift_calls_for"]
    assert EarlierNight.of({"night": NIGHT, **row}) == EarlierNight(NIGHT, "retrain", "fail", 2)
