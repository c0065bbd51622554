"""Which nights a task works on, and what it tells when it is done."""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest

from jobs.published import Published
from nightloop.errors import BadNight
from nightloop.nights import Nights
from plugins.monitoring import alerts_of
from plugins.operators import form_range, partition_night, partition_week, run_options, scored_range, summary, totals


def run_keyed(key: str | None) -> dict[str, object]:
    """The context of a run with a partition key."""
    return {"dag_run": SimpleNamespace(partition_key=key)}


@pytest.mark.parametrize("key", [None, "", "  ", "2013-13-01", "1 April"])
def test_a_run_without_a_night_is_refused(key):
    with pytest.raises(BadNight):
        partition_night(run_keyed(key))


def test_a_run_works_on_the_night_of_its_key():
    assert list(partition_night(run_keyed("2013-04-01"))) == [date(2013, 4, 1)]


def test_a_week_is_seven_nights_from_its_monday():
    assert partition_week(run_keyed("2013-04-01")) == Nights(date(2013, 4, 1), date(2013, 4, 7))
    with pytest.raises(BadNight, match="no Monday"):
        partition_week(run_keyed("2013-04-02"))


def test_a_form_gives_a_range_and_refuses_one_that_ends_before_it_begins():
    assert len(form_range({"params": {"first_night": "2013-01-01", "last_night": "2013-01-31"}})) == 31
    with pytest.raises(BadNight):
        form_range({"params": {"first_night": "2013-02-01", "last_night": "2013-01-31"}})


@pytest.mark.parametrize(
    ("stage", "conf", "options"),
    [
        ("ingest", {"todays_rules": True}, {"todays_rules": True}),
        ("monitor", {"todays_rules": True}, {"todays_rules": True}),
        ("score", {"todays_rules": True}, {}),
        ("ingest", {"todays_rules": "true"}, {}),
        ("ingest", {}, {}),
        ("ingest", None, {}),
    ],
)
def test_the_rules_of_today_are_asked_for_by_the_runs_configuration(stage, conf, options):
    assert run_options(stage, {"dag_run": SimpleNamespace(conf=conf)}) == options


def pulls(rows: object) -> dict[str, object]:
    """The context of a task that reads what ``score_range`` returned."""
    return {"ti": SimpleNamespace(xcom_pull=lambda task_ids: rows)}


def test_bootstrap_monitors_the_nights_that_were_scored_and_no_others():
    assert scored_range(pulls([{"night": "2013-03-31"}])) == Nights(date(2013, 3, 31), date(2013, 3, 31))
    long = [{"table": "flight_delay/scores", "first_night": "2013-03-01", "last_night": "2013-03-31"}]
    assert scored_range(pulls(long)) == Nights(date(2013, 3, 1), date(2013, 3, 31))
    assert scored_range(pulls([])) is None


def published(night: date, rows: int) -> Published:
    return Published("flight_delay", night, "score", "flight_delay/scores", 3, rows, "abc")


def test_a_night_is_told_with_its_digest_and_a_long_range_with_its_totals():
    assert summary([published(date(2013, 4, 1), 9)]) == [
        "published flight_delay/scores night=2013-04-01: 9 rows, version 3, digest abc"
    ]
    month = [published(night, 2) for night in Nights(date(2013, 4, 1), date(2013, 4, 30))]
    assert summary(month) == ["published 30 nights of flight_delay/scores: 60 rows"]
    assert totals(month)[0]["last_night"] == "2013-04-30"


def decision(**more: str) -> dict[str, object]:
    """A row of the decisions table."""
    row = {
        "night": date(2013, 4, 3),
        "decision": "keep",
        "reason": "All is well.",
        "drift_verdict": "pass",
        "drift_reason": "none drifted.",
        "performance_verdict": "not_enough_evidence",
        "performance_reason": "12 rows.",
    }
    return {**row, **more}


def test_a_quiet_night_gives_nobody_cause_to_be_told():
    assert alerts_of("flight_delay", decision(), "") == []


def test_a_failed_drift_verdict_is_told_with_its_own_reason():
    (alert,) = alerts_of("flight_delay", decision(drift_verdict="fail", drift_reason="wind drifted."), "http://x")
    assert (alert.kind, alert.subject, alert.figure) == ("verdict_failed", "drift", "wind drifted.")
    assert alert.command == "python -m jobs monitor flight_delay 2013-04-03"


def test_a_decided_training_is_told_with_the_decisions_reason():
    (alert,) = alerts_of("flight_delay", decision(decision="retrain", reason="The champion is old."), "http://x")
    assert (alert.kind, alert.figure) == ("retrain_decided", "The champion is old.")
