"""A night without scores by its time is an alert whether a run exists or not; the alert ends when the scores are there."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import ingest, score
from jobs.upkeep.skip import skip
from nightloop.alerts import listed
from nightloop.nights import Nights, one
from nightloop.upkeep.deadlines import WATCHED, check_deadlines, deadline, late_nights
from nightloop.upkeep.notices import look_around
from nightloop.workspace import Workspace
from tests.jobs.changing import FIRST, NIGHTS, Things

DAY = timedelta(days=1)
LAST = NIGHTS.last
READY = datetime(2024, 3, 7, 6, 0, tzinfo=UTC)  # the deadline of the sixth night
EARLY = READY - timedelta(microseconds=1)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five scored nights of six, and a deadline."""
    things = Things(tmp_path_factory.mktemp("five") / "things")
    things.change(lambda declared: declared.update(ready_by="06:00"))
    things.build(Nights(FIRST, LAST - DAY))
    things.promote(FIRST)
    score.run(things.use_case, Nights(FIRST, LAST - DAY), things.workspace)
    return things.folder


@pytest.fixture
def things(five: Path, tmp_path: Path) -> Things:
    shutil.copytree(five, tmp_path / "things")
    things = Things(tmp_path / "things")
    things.change(lambda declared: declared.update(ready_by="06:00"))
    return things


def at(things: Things, now: datetime) -> Workspace:
    return replace(things.workspace, clock=lambda: now)


def test_a_deadline_is_a_time_of_the_morning_after_in_the_time_zone(things: Things) -> None:
    assert deadline(things.use_case, LAST) == READY
    use_case = things.change(lambda declared: declared.update(time_zone="America/New_York"))
    assert deadline(use_case, NIGHTS.last) == READY + timedelta(hours=5)
    use_case = things.change(lambda declared: declared.pop("ready_by"))
    assert deadline(use_case, LAST) is None and late_nights(use_case, at(things, READY), READY) == []
    assert check_deadlines(use_case, at(things, READY)) == []


def test_a_night_is_late_from_its_deadline_on_and_says_what_it_lacks(things: Things) -> None:
    assert late_nights(things.use_case, at(things, EARLY), EARLY) == []
    (late,) = late_nights(things.use_case, at(things, READY), READY)
    assert (late.night, late.deadline, late.lacks) == (LAST, READY, "ingest: not taken in")
    ingest.run(things.use_case, one(LAST), things.workspace)
    (late,) = late_nights(things.use_case, at(things, READY), READY)
    assert late.lacks == "features: tiles, aggregates, features, labels not built"


def test_it_is_alerted_once_and_its_end_is_told(things: Things) -> None:
    for hours in (0, 1, 2):
        check_deadlines(things.use_case, at(things, READY + timedelta(hours=hours)))
    ((stored, _),) = listed(things.workspace.ledger)
    assert stored.alert.headline == f"things: no scores by 06:00, night {LAST}"
    assert stored.alert.urgency == "now" and stored.alert.figure == "it lacks ingest: not taken in"
    assert "2024-03-07 06:00 (UTC)" in stored.alert.what and f"status things {LAST}" in stored.alert.do
    things.build(one(LAST))
    score.run(things.use_case, one(LAST), things.workspace)
    assert check_deadlines(things.use_case, at(things, READY + timedelta(hours=3))) == []
    ((ended, _), *_) = listed(things.workspace.ledger)
    assert ended.ended_at is not None


def test_a_night_given_up_is_not_late(things: Things) -> None:
    skip(things.use_case, LAST, at(things, READY), reason="lost", by="ada")
    assert late_nights(things.use_case, at(things, READY), READY) == []
    ingest.run(things.use_case, one(LAST), things.workspace)  # its data came after all
    assert [late.night for late in late_nights(things.use_case, at(things, READY), READY)] == [LAST]


def test_what_was_missed_long_ago_is_not_told_again(things: Things) -> None:
    end = READY + WATCHED
    assert LAST in {late.night for late in late_nights(things.use_case, at(things, end), end - timedelta(microseconds=1))}
    assert LAST not in {late.night for late in late_nights(things.use_case, at(things, end), end)}


def test_a_night_without_a_champion_says_so(tmp_path: Path) -> None:
    things = Things(tmp_path)
    things.change(lambda declared: declared.update(ready_by="06:00"))
    things.build()
    late = late_nights(things.use_case, at(things, READY), READY)
    assert {item.lacks for item in late} == {"no champion is effective on it"} and len(late) == len(NIGHTS)


def test_a_pause_that_keeps_nights_away_is_alerted_until_none_waits(things: Things) -> None:
    workspace = at(things, EARLY)
    lines = list(look_around(things.use_case, workspace, {"things.ingest": [LAST], "things.score": []}))
    assert lines == [f"things.ingest is paused, and 1 nights wait for it, the first {LAST}"]
    list(look_around(things.use_case, workspace, {"things.ingest": [LAST, LAST + DAY]}))
    ((stored, _),) = listed(workspace.ledger)
    assert stored.alert.headline == "things: things.ingest is paused" and stored.alert.urgency == "today"
    assert list(look_around(things.use_case, workspace, {"things.ingest": []})) == []
    assert listed(workspace.ledger)[0][0].ended_at is not None
