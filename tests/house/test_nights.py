"""Nights are read strictly, and end where the calendar of their time zone says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.errors import BadNight
from nightloop.nights import Nights, cutoff, one, parse_night, parse_nights


@pytest.mark.parametrize("text", ["", "   ", None])
def test_a_blank_partition_key_is_refused_with_the_way_out(text: str | None) -> None:
    with pytest.raises(BadNight, match=r"the partition key is blank.*for example 2013-04-01"):
        parse_night(text)


@pytest.mark.parametrize(
    "text", ["2013-4-1", "20130401", "2013-04-01T00:00:00", "yesterday", "2013-04-01..", "..", "2013-02-30"]
)
def test_what_is_no_night_is_refused_by_its_own_text(text: str) -> None:
    with pytest.raises(BadNight):
        parse_nights(text)


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 1, 1)), st.integers(0, 400))
def test_a_range_reads_back_as_it_is_written(first: date, days: int) -> None:
    nights = Nights(first, first + timedelta(days=days))
    assert parse_nights(str(nights)) == nights
    assert len(list(nights)) == len(nights) == days + 1
    assert nights.last in nights and nights.last + timedelta(days=1) not in nights


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(BadNight, match="ends before it begins"):
        parse_nights("2013-04-02..2013-04-01")


def test_a_cut_off_follows_the_clock_changes_of_its_time_zone() -> None:
    assert cutoff(date(2013, 3, 9), "America/New_York") == datetime(2013, 3, 10, 5, tzinfo=UTC)
    assert cutoff(date(2013, 3, 10), "America/New_York") == datetime(2013, 3, 11, 4, tzinfo=UTC)
    assert cutoff(date(2013, 3, 10), "UTC") == datetime(2013, 3, 11, tzinfo=UTC)


def test_one_night_is_a_range_of_one() -> None:
    assert list(one(date(2013, 4, 1))) == [date(2013, 4, 1)]


NEW_YORK, SYDNEY = "America/New_York", "Australia/Sydney"


@pytest.mark.parametrize(
    ("night", "zone", "hours"),
    [
        (date(2013, 3, 9), NEW_YORK, 24),
        (date(2013, 3, 10), NEW_YORK, 23),
        (date(2013, 3, 11), NEW_YORK, 24),
        (date(2013, 11, 2), NEW_YORK, 24),
        (date(2013, 11, 3), NEW_YORK, 25),
        (date(2013, 11, 4), NEW_YORK, 24),
        (date(2013, 10, 6), SYDNEY, 23),
        (date(2013, 4, 7), SYDNEY, 25),
        (date(2012, 2, 29), "UTC", 24),
    ],
)
def test_a_night_has_as_many_hours_as_its_clocks_show(night: date, zone: str, hours: int) -> None:
    assert cutoff(night, zone) - cutoff(night - timedelta(days=1), zone) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("night", "zone", "instant"),
    [
        (date(2013, 12, 31), "UTC", datetime(2014, 1, 1, tzinfo=UTC)),
        (date(2013, 2, 28), "UTC", datetime(2013, 3, 1, tzinfo=UTC)),
        (date(2013, 11, 2), NEW_YORK, datetime(2013, 11, 3, 4, tzinfo=UTC)),
        (date(2013, 11, 3), NEW_YORK, datetime(2013, 11, 4, 5, tzinfo=UTC)),
        (date(2013, 1, 1), "Asia/Kolkata", datetime(2013, 1, 1, 18, 30, tzinfo=UTC)),
        (date(2018, 11, 3), "America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ],
)
def test_a_cut_off_is_the_midnight_that_ends_the_night_in_utc(night: date, zone: str, instant: datetime) -> None:
    """In São Paulo that midnight did not exist: clocks went from 23:59 to 1:00."""
    assert cutoff(night, zone) == instant and cutoff(night, zone).tzinfo is UTC


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [
        (date(2013, 1, 31), date(2013, 2, 1), 2),
        (date(2012, 2, 28), date(2012, 3, 1), 3),
        (date(2013, 2, 28), date(2013, 3, 1), 2),
        (date(2013, 12, 31), date(2014, 1, 1), 2),
        (date(2013, 1, 1), date(2013, 1, 1), 1),
    ],
)
def test_a_range_crosses_the_ends_of_months_and_years(first: date, last: date, count: int) -> None:
    nights = Nights(first, last)
    assert len(nights) == count and {first, last} <= {*nights}
    assert [*nights] == [first + timedelta(days=day) for day in range(count)]


def test_what_is_in_a_range_and_what_is_not() -> None:
    nights = Nights(date(2013, 1, 30), date(2013, 2, 2))
    inside = [day for day in (date(2013, 1, 29) + timedelta(days=at) for at in range(6)) if day in nights]
    assert inside == [*nights]
    assert "2013-01-31" not in nights and None not in nights


def test_a_range_is_written_as_it_is_read_and_one_night_as_itself() -> None:
    assert str(Nights(date(2013, 1, 30), date(2013, 2, 2))) == "2013-01-30..2013-02-02"
    assert str(one(date(2013, 1, 30))) == "2013-01-30"
    assert parse_nights(" 2013-01-30 .. 2013-02-02 ") == Nights(date(2013, 1, 30), date(2013, 2, 2))
    assert parse_night(" 2013-01-30\n") == date(2013, 1, 30)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2013-02-29", r"'2013-02-29' is no day of the calendar \(.*\)\. Give a day that exists"),
        ("2013-2-9", "'2013-2-9' is not a night. Write it as YYYY-MM-DD"),
        ("12013-02-09", "is not a night"),
        ("2013-02-099", "is not a night"),
        ("２０１３-02-09", "is not a night"),
    ],
)
def test_why_a_text_is_no_night_is_said(text: str, message: str) -> None:
    with pytest.raises(BadNight, match=message):
        parse_night(text)


@pytest.mark.parametrize("text", ["..2013-01-01", "2013-01-01..", "", None])
def test_half_a_range_is_a_blank_key(text: str | None) -> None:
    with pytest.raises(BadNight, match="the partition key is blank"):
        parse_nights(text)


def test_ranges_that_touch_in_one_night_or_end_before_they_begin() -> None:
    Nights(date(2013, 4, 1), date(2013, 4, 1))
    with pytest.raises(BadNight, match=r"2013-04-01\.\.2013-03-31 ends before it begins\. Write the earlier night first"):
        Nights(date(2013, 4, 1), date(2013, 3, 31))
