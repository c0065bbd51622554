"""One run a local day, in every time zone and across every change of its clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.daily import Daily, check_nights, time_of
from nightloop.definitions import UseCase
from nightloop.errors import BadNight, UsageError
from nightloop.nights import Nights, cutoff
from tests.meaning.definitions import changed

DAY = timedelta(days=1)
ZONES = sorted(zone for zone in available_timezones() if not zone.startswith(("Etc/", "SystemV/")))


@cache
def changes(zone: str) -> tuple[date, ...]:
    """Return the local days between 1990 and 2040 on which the zone's offset changes."""
    info, found = ZoneInfo(zone), []
    at, end = datetime(1990, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)
    while at < end:
        if at.astimezone(info).utcoffset() != (at + 7 * DAY).astimezone(info).utcoffset():
            days = (at + timedelta(hours=n) for n in range(24 * 7))
            found += [
                moment.astimezone(info).date()
                for moment in days
                if moment.astimezone(info).utcoffset() != (moment + timedelta(hours=1)).astimezone(info).utcoffset()
            ]
        at += 7 * DAY
    return tuple(found)


def runs_around(daily: Daily, day: date) -> list[tuple[datetime, date]]:
    """Return (instant, night) of the runs of the days around one, found by walking through the hours."""
    start = datetime.combine(day - 4 * DAY, time.min, UTC)
    found: dict[date, datetime] = {}
    for minutes in range(0, 8 * 24 * 60, 15):
        now = start + timedelta(minutes=minutes)
        found.setdefault(daily.newest(now), now)
    return [(at, night) for night, at in sorted(found.items())][1:]


def assert_each_day_has_one(daily: Daily, day: date) -> None:
    zone = ZoneInfo(daily.time_zone)
    seen = runs_around(daily, day)
    hours = (datetime.combine(day - 5 * DAY, time.min, UTC) + timedelta(minutes=30 * n) for n in range(48 * 10))
    local_days = sorted({hour.astimezone(zone).date() for hour in hours})
    between = [one for one in local_days if seen[0][1] <= one <= seen[-1][1]]
    assert [night for _, night in seen] == between, (daily, day)
    for at, night in seen:
        run = daily.run_of(night)
        assert at - timedelta(minutes=15) < run <= at and run >= cutoff(night, daily.time_zone)


@given(st.sampled_from(ZONES), st.integers(0, 10_000), st.times())
def test_each_local_day_has_exactly_one_run_across_any_change_of_the_clocks(zone: str, pick: int, at: time) -> None:
    days = changes(zone) or (date(2024, 3, 31),)
    assert_each_day_has_one(Daily(at.replace(second=0, microsecond=0), zone), days[pick % len(days)])


KNOWN = {
    "New York in spring, into the leap": ("America/New_York", time(2, 0), date(2013, 3, 10)),
    "Berlin in spring": ("Europe/Berlin", time(2, 30), date(2024, 3, 31)),
    "Berlin in autumn, an hour that comes twice": ("Europe/Berlin", time(2, 30), date(2024, 10, 27)),
    "clocks that leap at midnight": ("America/Sao_Paulo", time(0, 0), date(2017, 10, 15)),
    "clocks that fall back over midnight": ("America/St_Johns", time(0, 0), date(2010, 11, 7)),
    "half an hour": ("Australia/Lord_Howe", time(2, 15), date(2024, 10, 6)),
    "a day that never was": ("Pacific/Apia", time(2, 0), date(2011, 12, 30)),
}


@pytest.mark.parametrize("case", KNOWN)
def test_known_changes(case: str) -> None:
    zone, at, day = KNOWN[case]
    assert_each_day_has_one(Daily(at, zone), day)


def test_the_day_that_samoa_never_had_is_no_night() -> None:
    daily = Daily(time(2, 0), "Pacific/Apia")
    nights = [night for _, night in runs_around(daily, date(2011, 12, 30))]
    assert date(2011, 12, 30) not in nights and {date(2011, 12, 29), date(2011, 12, 31)} <= set(nights)
    assert daily.next_day(date(2011, 12, 29)) == date(2011, 12, 31) and not daily.has(date(2011, 12, 30))
    listed = list(daily.nights(date(2011, 12, 28), date(2012, 1, 1)))
    assert [night.day for night in listed] == [28, 29, 31, 1]


def test_a_run_is_due_from_its_very_instant_on() -> None:
    daily = Daily(time(2, 0), "America/New_York")
    run = daily.run_of(date(2013, 3, 9))
    assert run == datetime(2013, 3, 10, 7, 0, tzinfo=UTC)  # 02:00 is leapt over: 03:00 in summer time
    assert daily.newest(run) == date(2013, 3, 9)
    assert daily.newest(run - timedelta(microseconds=1)) == date(2013, 3, 8)


def test_a_night_ends_when_its_last_hour_is_over_the_second_time() -> None:
    """In Newfoundland the clocks fell from 00:01 back to 23:01 of the day before: its last hour came twice."""
    end = cutoff(date(2010, 11, 6), "America/St_Johns")
    assert end == datetime(2010, 11, 7, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "at"),
    [("0 2 * * *", time(2, 0)), ("59 23 * * *", time(23, 59)), ("05 00 * * *", time(0, 5)), (" 1  3 * * * ", time(3, 1))],
)
def test_a_line_of_once_a_day_is_a_time(line: str, at: time) -> None:
    assert time_of(line) == at and Daily.of(line, "UTC") == Daily(at, "UTC")


OTHER_LINES = ["", "* 2 * * *", "0 * * * *", "0 2 * * 1", "0 2 1 * *", "0 2 * 1 *", "0 1,2 * * *", "*/5 2 * * *", "60 2 * * *"]
OTHER_LINES += ["0 24 * * *", "0 2 * *", "0 2 * * * *", "@daily", "0 -2 * * *", "٠ 2 * * *", "0 2-3 * * *"]


@pytest.mark.parametrize("line", OTHER_LINES)
def test_any_other_line_is_none(line: str) -> None:
    assert time_of(line) is None
    with pytest.raises(UsageError, match="is not once a day"):
        Daily.of(line, "UTC")


def nights_of(zone: str = "America/New_York", last: date | None = None) -> UseCase:
    """Return a use case of these nights."""
    return changed(lambda declared: declared.update(time_zone=zone, first_night="2024-03-01", last_night=last))


def test_a_night_is_refused_until_its_very_end() -> None:
    use_case, night = nights_of(), Nights(date(2024, 3, 9), date(2024, 3, 10))
    end = cutoff(date(2024, 3, 10), "America/New_York")
    check_nights(use_case, night, end)
    early = end - timedelta(microseconds=1)
    with pytest.raises(BadNight, match="the night 2024-03-10 is not over: it ends at 2024-03-11 00:00 in America/New_York"):
        check_nights(use_case, night, early)
    check_nights(use_case, night, early, even_if_unfinished=True)


@pytest.mark.parametrize("unfinished", [False, True])
def test_nights_outside_of_the_use_case_are_refused(unfinished: bool) -> None:
    use_case, now = nights_of(last=date(2024, 3, 9)), datetime(2030, 1, 1, tzinfo=UTC)
    check_nights(use_case, Nights(date(2024, 3, 1), date(2024, 3, 9)), now, even_if_unfinished=unfinished)
    for outside in (Nights(date(2024, 2, 29), date(2024, 3, 1)), Nights(date(2024, 3, 9), date(2024, 3, 10))):
        with pytest.raises(BadNight, match=r"2024-0(2-29|3-10) is outside the nights of the use case 'shop'"):
            check_nights(use_case, outside, now, even_if_unfinished=unfinished)
