"""Which nights a use case owes at an instant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from nightloop.definitions import UseCase
from nightloop.upkeep.calendar import ENDED, calendar
from tests.meaning.definitions import changed

NOW = datetime(2024, 3, 11, 6, 0, tzinfo=UTC)  # 02:00 in New York, the day after its spring change


def use_case(first: str = "2024-03-01", last: str | None = None) -> UseCase:
    return changed(lambda declared: declared.update(time_zone="America/New_York", first_night=first, last_night=last))


def lake(*nights: date) -> Any:
    """Return a lake that took these nights in."""
    states: Mapping[date, object] = dict.fromkeys(nights)
    return SimpleNamespace(states=lambda table: states if table == "shop/raw_visits" else {})


@pytest.mark.parametrize(
    ("now", "newest"), [(NOW, date(2024, 3, 10)), (NOW - timedelta(microseconds=1), date(2024, 3, 9))], ids=["due", "before"]
)
def test_a_living_use_case_owes_every_night_from_its_first_until_the_newest_that_is_due(now: datetime, newest: date) -> None:
    assert calendar(use_case(), lake(), now) == [date(2024, 3, 1) + timedelta(days=n) for n in range(newest.day)]


def test_a_use_case_that_has_not_begun_owes_nothing() -> None:
    assert calendar(use_case(first="2024-03-11"), lake(), NOW) == []
    assert calendar(use_case(first="2024-03-10"), lake(), NOW) == [date(2024, 3, 10)]


def test_one_that_ended_lately_owes_all_of_its_nights() -> None:
    assert calendar(use_case(last="2024-03-05"), lake(), NOW)[-1] == date(2024, 3, 5)
    assert calendar(use_case(last="2024-04-05"), lake(), NOW)[-1] == date(2024, 3, 10)


def test_one_that_ended_long_ago_owes_what_lies_before_the_newest_that_was_taken_in() -> None:
    ended = use_case(last="2024-03-05")
    end = datetime(2024, 3, 6, 7, 0, tzinfo=UTC)
    assert calendar(ended, lake(), end + ENDED)[-1] == date(2024, 3, 5)
    later = end + ENDED + timedelta(microseconds=1)
    assert calendar(ended, lake(), later) == []
    assert calendar(ended, lake(date(2024, 3, 3)), later) == [date(2024, 3, day) for day in (1, 2, 3)]
