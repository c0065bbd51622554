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
