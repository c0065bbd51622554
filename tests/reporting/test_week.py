"""A week is read from the rows of its seven nights, and its features are ranked by their worst night."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.errors import NotReady
from nightloop.lake import Commit
from nightloop.monitoring.metrics_table import SCHEMA
from nightloop.nights import Nights
from nightloop.reporting.week import EVENT_NAMES, read_week, week_of
from nightloop.workspace import Workspace
from tests.reporting.conftest import MONDAY, night

WEEK = Nights(night(0), night(6))
COMMIT = Commit("monitor", "flight_delay")
Row = tuple[str, str, float]


def publish(workspace: Workspace, place: int, rows: list[Row]) -> None:
    """Publish a night's decision and metrics: (metric, group, value)."""
    table = pa.Table.from_pylist(
        [
            {
                "use_case": "flight_delay",
                "model_version": 1,
                "group": group,
                "metric": metric,
                "value": number,
                "n": 9,
                "source": "s",
            }
            for metric, group, number in rows
        ],
        SCHEMA,
    )
    workspace.lake.publish("flight_delay/metrics", night(place), table, COMMIT)
    decision = pa.table({"decision": ["keep"], "drift_verdict": ["pass"]})
    workspace.lake.publish("flight_delay/decisions", night(place), decision, COMMIT)


def distances(feature: str, psi: float, shift: float = 0.0, *, missing: float = 0.0) -> list[Row]:
    """Return a feature's rows of one night: thresholds are 0.25 for the PSI and 0.5 for the shift of the mean."""
    figures = {
        "psi": psi,
        "psi_threshold": 0.25,
        "mean_shift": shift,
        "mean_shift_threshold": 0.5,
        "missing_share": missing,
        "reference_missing_share": 0.01,
    }
    return [(metric, feature, number) for metric, number in figures.items()]


@pytest.mark.parametrize("place", range(7))
def test_every_night_from_monday_to_sunday_is_of_one_week(place: int) -> None:
    assert week_of(night(place)) == WEEK
    assert MONDAY.weekday() == 0


@pytest.mark.parametrize(("day", "monday"), [(date(2013, 3, 31), date(2013, 3, 25)), (date(2013, 4, 8), date(2013, 4, 8))])
def test_the_nights_before_monday_and_after_sunday_are_of_other_weeks(day: date, monday: date) -> None:
    assert week_of(day) == Nights(monday, monday + timedelta(days=6))


def test_nights_of_other_weeks_are_not_read(workspace: Workspace, flights: UseCase) -> None:
    for place in (-1, 0, 6, 7):
        publish(workspace, place, [("auc", "all", 0.6 + place / 100)])
    week = read_week(flights, WEEK, workspace)
    assert [line.night for line in week.monitored] == [night(0), night(6)]
    assert [line.night for line in week.lines] == list(WEEK)
    assert week.last.figure("auc").value == pytest.approx(0.66)
    assert week.last.figure("auc", "origin=EWR") is None


def test_a_week_without_a_decision_is_not_ready_and_names_the_command(workspace: Workspace, flights: UseCase) -> None:
    publish(workspace, 7, [])
    with pytest.raises(NotReady, match=r"monitor flight_delay 2013-04-01\.\.2013-04-07"):
        read_week(flights, WEEK, workspace)


def test_rows_in_are_those_that_can_be_scored(workspace: Workspace, flights: UseCase) -> None:
    others = [name for name in flights.sources if name != flights.entity.source]
    publish(workspace, 0, [("rows_in", f"source={name}", 10.0) for name in flights.sources])
    publish(workspace, 1, [("rows_in", f"source={name}", 10.0) for name in others])
    week = read_week(flights, WEEK, workspace)
    assert week.lines[0].rows_in == 10
    assert week.lines[1].rows_in is None


def test_a_feature_stands_with_its_worst_night_by_the_worse_of_its_two_distances(
    workspace: Workspace, flights: UseCase
) -> None:
    publish(workspace, 0, distances("distance", psi=0.5, shift=0.5, missing=0.3))  # 2 thresholds, by the PSI
    publish(workspace, 1, distances("distance", psi=0.1, shift=1.5, missing=0.2))  # 3 thresholds, by the shift
    publish(workspace, 2, distances("distance", psi=0.25, shift=0.5))  # at the threshold: not drifted
    (feature,) = read_week(flights, WEEK, workspace).features
    assert (feature.excess, feature.worst) == (pytest.approx(3.0), night(1))
    assert (feature.drifted, feature.judged) == (2, 3)
    assert (feature.missing_share, feature.reference_missing_share) == (0.2, 0.01)


def test_features_are_ranked_by_excess_and_those_of_the_calendar_come_last(workspace: Workspace, flights: UseCase) -> None:
    (calendar, *_) = [name for name, feature in flights.features.items() if feature.calendar]
    rows = [*distances("b", 0.1), *distances("a", 0.1), *distances("distance", 0.2), *distances(calendar, 0.9)]
    publish(workspace, 0, rows)
    features = read_week(flights, WEEK, workspace).features
    assert [item.name for item in features] == ["distance", "a", "b", calendar]
    assert [item.watched for item in features] == [True, True, True, False]


def test_a_drift_page_is_linked_from_its_own_night(workspace: Workspace, flights: UseCase) -> None:
    publish(workspace, 0, [])
    publish(workspace, 1, [])
    workspace.ledger.record("page_written", "flight_delay", night=night(1), subject="flight_delay/page.html")
    workspace.ledger.record("page_written", "flight_delay", night=night(8), subject="flight_delay/later.html")
    assert [line.page for line in read_week(flights, WEEK, workspace).monitored] == [None, "flight_delay/page.html"]


def test_events_stand_in_the_order_of_their_nights_with_the_best_of_their_words(workspace: Workspace, flights: UseCase) -> None:
    publish(workspace, 0, [])
    ledger = workspace.ledger
    ledger.record(
        "gate_judged", "flight_delay", night=night(3), subject="2/fairness", payload={"outcome": "fail", "reason": "Too far."}
    )
    ledger.record("alert_raised", "flight_delay", night=night(1), subject="drift", payload={"headline": "Drift", "what": "x"})
    ledger.record("champion_promoted", "flight_delay", night=night(3), subject="2", payload={"version": 2})
    ledger.record("training_requested", "flight_delay", night=night(2), subject="ada", payload={})
    events = read_week(flights, WEEK, workspace).events
    assert [(event.night, event.kind, event.subject, event.text) for event in events] == [
        (night(1), "alert", "drift", "Drift"),
        (night(2), "training requested", "ada", ""),
        (night(3), "gate judged", "2/fairness", "Too far."),
        (night(3), "champion promoted", "2", "2"),
    ]


def test_events_of_other_nights_use_cases_and_kinds_and_decisions_to_keep_are_left_out(
    workspace: Workspace, flights: UseCase
) -> None:
    publish(workspace, 0, [])
    ledger = workspace.ledger
    ledger.record("alert_raised", "flight_delay", night=night(7), payload={"what": "next week"})
    ledger.record("alert_raised", "credit_risk", night=night(1), payload={"what": "another use case"})
    ledger.record("alert_raised", "flight_delay", payload={"what": "of no night"})
    ledger.record("champion_pinned", "flight_delay", night=night(1), payload={"version": 1})
    ledger.record("decision_made", "flight_delay", night=night(1), subject="keep", payload={"reason": "Fine."})
    ledger.record("decision_made", "flight_delay", night=night(2), subject="retrain", payload={"reason": "Old."})
    assert [event.text for event in read_week(flights, WEEK, workspace).events] == ["Old."]


@pytest.mark.parametrize("kind", EVENT_NAMES)
def test_every_kind_of_event_that_the_page_reports_is_one_that_the_code_records(kind: str) -> None:
    from tests.house.claims import source_text

    assert source_text().count(f'"{kind}"') >= 2  # once here, once where it is recorded
