"""Small random histories with every kind of feature, in memory, against the slow reference in plain Python."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from nightloop.features.online import Aggregates, OnlineFeatures
from nightloop.nights import Nights
from tests.features import shop
from tests.features.in_memory import Records
from tests.features.reference import features_of

NIGHTS = Nights(date(2024, 3, 8), date(2024, 3, 12))  # over a change of New York's clocks


@pytest.fixture(scope="module", params=[3, 20240310])
def history(request) -> shop.History:
    return shop.draw_history(request.param, NIGHTS, size=6)


@pytest.fixture(scope="module")
def records(history, tmp_path_factory) -> Records:
    declared = shop.use_case(NIGHTS.first, tmp_path_factory.mktemp("shop"))
    versions = {
        source: [
            {
                **version.columns,
                **{name: getattr(version, name) for name in ("night", "event_at", "known_at", "event_night", "withdrawn")},
            }
            for version in history.of(source)
        ]
        for source in ("payments", "clicks", "customers")
    }
    visits = [{"night": night, **visit} for night, rows in history.visits.items() for visit in rows]
    return Records(declared, visits=visits, **versions)


def by_night(rows: list[dict]) -> dict[date, dict[str, dict]]:
    found: dict[date, dict[str, dict]] = {night: {} for night in NIGHTS}
    for row in rows:
        found[row.pop("night")][row.pop("visit_id")] = row
    return found


def test_a_range_gives_the_features_of_a_snapshot_frozen_at_each_cut_off(history, records):
    found = by_night(records.table("features", NIGHTS))
    for night in NIGHTS:
        assert found[night] == features_of(history, night), night


def test_one_night_gives_its_features_whatever_arrived_later(history, records):
    night = NIGHTS.first + timedelta(days=2)
    assert by_night(records.table("features", night))[night] == features_of(history, night)


def test_as_known_later_what_arrived_by_then_counts(history, records):
    night = NIGHTS.first + timedelta(days=1)
    later = by_night(records.table("features", night, NIGHTS.last))[night]
    assert later == features_of(history, night, known=NIGHTS.last)
    assert later != features_of(history, night), "something came late"


def test_the_service_computes_the_same(history, records):
    stored = Aggregates.of(records.use_case, records.arrow("aggregates", NIGHTS.last))
    online = OnlineFeatures(records.use_case)
    rows = history.visits[NIGHTS.last]
    expected = features_of(history, NIGHTS.last)
    found = online.compute(rows, stored)
    values = [[np.nan if (v := expected[row["visit_id"]][name]) is None else v for name in online.names] for row in rows]
    np.testing.assert_array_equal(found, np.array(values))
