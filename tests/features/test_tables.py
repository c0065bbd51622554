"""Which nights of which table a night is made from."""

from __future__ import annotations

from datetime import date

import pytest

from nightloop.definitions import load_use_case
from nightloop.features.tables import inputs
from nightloop.nights import Nights, one
from nightloop.settings import REPOSITORY


@pytest.fixture(scope="module")
def flight_delay():
    return load_use_case("flight_delay", REPOSITORY / "feature_defs")


def test_aggregates_look_back_over_the_longest_window_and_no_further(flight_delay):
    night = date(2013, 4, 14)
    assert inputs(flight_delay, "aggregates", one(night)) == {
        "raw_schedule": one(night),
        "raw_weather": one(night),
        "raw_planes": one(night),
        "tiles": Nights(date(2013, 3, 18), night),
    }


def test_windows_begin_at_the_first_night(flight_delay):
    assert inputs(flight_delay, "aggregates", one(date(2013, 1, 5)))["tiles"] == Nights(date(2013, 1, 1), date(2013, 1, 5))


def test_labels_read_the_scored_night_and_the_outcomes_since(flight_delay):
    nights = Nights(date(2013, 4, 10), date(2013, 4, 14))
    assert inputs(flight_delay, "labels", nights) == {
        "raw_schedule": Nights(date(2013, 4, 8), date(2013, 4, 12)),
        "raw_outcomes": Nights(date(2013, 4, 9), date(2013, 4, 14)),
    }


def test_before_the_first_night_has_matured_there_is_nothing_to_read(flight_delay):
    assert inputs(flight_delay, "labels", one(date(2013, 1, 2)))["raw_schedule"] is None


def test_tiles_and_features_read_their_own_night_only(flight_delay):
    night = one(date(2013, 4, 14))
    assert set(inputs(flight_delay, "tiles", night).values()) == {night}
    assert inputs(flight_delay, "features", night) == {"raw_schedule": night, "aggregates": night}
