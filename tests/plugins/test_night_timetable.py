"""Airflow asks the timetable: each local day is one run and one key, by schedule and by backfill."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pendulum
import pytest
from airflow.timetables.base import DagRunInfo, TimeRestriction
from hypothesis import given
from hypothesis import strategies as st

from nightloop.daily import Daily
from nightloop.errors import UsageError
from plugins.night_timetable import NightTimetable
from tests.test_daily import KNOWN, ZONES, changes

DAY = timedelta(days=1)


def runs(timetable: NightTimetable, start: datetime, count: int = 10) -> list[DagRunInfo]:
    """Return the runs that a scheduler which catches up would make."""
    restriction = TimeRestriction(pendulum.instance(start), None, catchup=True)
    found: list[DagRunInfo] = []
    last: DagRunInfo | None = None
    while len(found) < count:
        last = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        assert last is not None
        found.append(last)
    return found


def keys(found: Any) -> list[str]:
    return [str(run.partition_key) for run in found]


def assert_one_key_a_day(zone: str, line: str, day: date) -> None:
    timetable, daily = NightTimetable(line, time_zone=zone), Daily.of(line, zone)
    found = runs(timetable, datetime(day.year, day.month, day.day, tzinfo=UTC) - 5 * DAY)
    nights = [date.fromisoformat(key) for key in keys(found)]
    assert nights == list(daily.nights(nights[0], nights[-1])) and day in range_of(nights)
    assert [run.run_after for run in found] == [daily.run_of(night) for night in nights]
    for before, after in pairwise(run.run_after for run in found):
        assert timetable._get_prev(after) == before and timetable._get_next(before) == after
        assert timetable._get_prev(after + timedelta(seconds=1)) == after


def range_of(nights: list[date]) -> list[date]:
    return [nights[0] + n * DAY for n in range((nights[-1] - nights[0]).days + 1)]


@pytest.mark.parametrize("case", KNOWN)
def test_known_changes_of_the_clocks_lose_no_night_and_double_none(case: str) -> None:
    zone, at, day = KNOWN[case]
    assert_one_key_a_day(zone, f"{at.minute} {at.hour} * * *", day)


@given(st.sampled_from(ZONES), st.integers(0, 10_000), st.integers(0, 23), st.integers(0, 59))
def test_any_change_of_the_clocks_loses_no_night(zone: str, pick: int, hour: int, minute: int) -> None:
    days = changes(zone) or (date(2024, 3, 31),)
    assert_one_key_a_day(zone, f"{minute} {hour} * * *", days[pick % len(days)])


def test_the_spring_night_of_new_york_has_its_run() -> None:
    timetable = NightTimetable("0 2 * * *", time_zone="America/New_York")
    found = runs(timetable, datetime(2013, 3, 9, tzinfo=UTC), 3)
    assert keys(found) == ["2013-03-08", "2013-03-09", "2013-03-10"]
    assert [run.run_after.isoformat() for run in found[1:]] == ["2013-03-10T07:00:00+00:00", "2013-03-11T06:00:00+00:00"]


def test_without_catching_up_only_the_newest_night_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    timetable = NightTimetable("0 2 * * *", time_zone="Europe/Berlin")
    now = pendulum.datetime(2024, 3, 31, 1, 30)  # 03:30 in Berlin, on the day without 02:00
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: now)
    newest = timetable.next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(pendulum.datetime(2024, 1, 1), None, catchup=False)
    )
    assert newest is not None and newest.partition_key == "2024-03-30" and newest.run_after <= now
    later = timetable.next_dagrun_info_v2(
        last_dagrun_info=newest, restriction=TimeRestriction(pendulum.datetime(2024, 1, 1), None, catchup=False)
    )
    assert later is not None and later.partition_key == "2024-03-31" and later.run_after > now


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Pacific/Apia", "Asia/Tokyo"])
def test_the_dates_of_a_backfill_are_nights_both_ends_included(zone: str) -> None:
    timetable = NightTimetable("0 2 * * *", time_zone=zone)
    ends = pendulum.datetime(2013, 4, 1), pendulum.datetime(2013, 4, 3)
    found = list(timetable.iter_partition_dagrun_infos(earliest=ends[0], latest=ends[1]))
    assert keys(found) == ["2013-04-01", "2013-04-02", "2013-04-03"]
    assert all(timetable.resolve_partition_date(run.partition_key) == run.partition_date for run in found)
    noon = list(timetable.iter_partition_dagrun_infos(earliest=ends[0] + DAY / 2, latest=ends[1] + DAY / 2))
    assert keys(noon) == ["2013-04-02", "2013-04-03"]


def test_it_is_read_back_as_it_was_written() -> None:
    timetable = NightTimetable("30 4 * * *", time_zone="Asia/Tokyo")
    again = NightTimetable.deserialize(timetable.serialize())
    assert again == timetable and again._daily == timetable._daily and again.summary == "30 4 * * *"
    assert timetable.partitioned


def test_a_schedule_of_other_days_is_refused() -> None:
    with pytest.raises(UsageError, match="is not once a day"):
        NightTimetable("0 2 * * 1", time_zone="UTC")
