"""Look-ups: the newest record of a key within reach, as known; lags: the entity's own row of so many nights ago."""

from __future__ import annotations

import pytest

from nightloop.nights import Nights
from tests.features.in_memory import NIGHT, Records, ago, at, record, shop

SCORE = {"kind": "lookup", "source": "customers", "by": {"customer": "customer"}, "expression": "score"}


def customer(nights_ago: int, score: float | None, name: str | None = "Ada", **columns):
    return record(ago(nights_ago), customer=name, score=score, **columns)


def looked_up(feature, customers, nights=NIGHT, as_known_at=None, revised=None):
    """Return the values of Ada by nights ago."""
    use_case = shop({"x": SCORE | feature}, revised={"customers": revised} if revised else None)
    rows = Records(use_case, customers=customers).table("aggregates", nights, as_known_at)
    return {(NIGHT - row["night"]).days: row["x"] for row in rows if row["key"] == "Ada"}


# --- a table that is delivered whole every night -----------------------------------------------------------------------


@pytest.mark.parametrize("nights", [NIGHT, Nights(ago(1), NIGHT)])
def test_each_night_looks_at_its_own_delivery(nights):
    found = looked_up({}, [customer(-1, 9.0), customer(0, 1.0), customer(1, 2.0), customer(2, 3.0)], nights)
    assert found == ({0: 1.0} if nights == NIGHT else {0: 1.0, 1: 2.0})


def test_each_key_finds_its_own_record_and_a_missing_key_none():
    records = Records(shop({"x": SCORE}), customers=[customer(0, 1.0), customer(0, 2.0, "Bo"), customer(0, 3.0, None)])
    assert records.by_key() == {"Ada": {"x": 1.0}, "Bo": {"x": 2.0}}


def test_of_several_records_of_a_key_the_latest_by_its_column_is_found():
    customers = [customer(0, 1.0, rank=1), customer(0, 0.0, rank=3), customer(0, 9.0, rank=2), customer(0, 99.0, rank=None)]
    assert looked_up({"latest_by": "rank"}, customers) == {0: 0.0}
    assert looked_up({"latest_by": "rank"}, customers[::-1]) == {0: 0.0}


def test_of_records_that_nothing_tells_apart_the_largest_value_is_found():
    for order in (1, -1):
        assert looked_up({}, [customer(0, 1.0), customer(0, 5.0), customer(0, None)][::order]) == {0: 5.0}


def test_features_of_one_record_come_from_one_record():
    features = {"score": SCORE, "rank": SCORE | {"expression": "rank"}}
    customers = [customer(0, 5.0, rank=1), customer(0, 1.0, rank=7)]
    assert Records(shop(features), customers=customers).by_key() == {"Ada": {"score": 5.0, "rank": 1.0}}


def test_the_night_itself_stands_in_the_expression():
    feature = {"expression": "day(night) - day(since)", "within": 3}
    customers = [customer(2, 1.0, since=ago(10))]
    assert looked_up(feature, customers, Nights(ago(2), NIGHT)) == {0: 10.0, 1: 9.0, 2: 8.0}


def test_a_key_of_two_columns_is_found_by_the_columns_of_the_entity():
    feature = SCORE | {"by": {"customer": "customer", "rank": "items"}}
    rows = Records(shop({"x": feature}), customers=[customer(0, 4.0, rank=2)]).table("aggregates")
    assert [(row["by"], row["key"], row["x"]) for row in rows] == [("customer+items", "Ada|2", 4.0)]


# --- a table of which only changes are delivered -----------------------------------------------------------------------


@pytest.mark.parametrize(("age", "found"), [(0, True), (3, True), (4, True), (5, False), (-1, False)])
@pytest.mark.parametrize("nights", [NIGHT, Nights(ago(2), NIGHT)])
@pytest.mark.parametrize("revised", [None, 3])
def test_within_n_nights_a_record_of_n_minus_1_nights_ago_is_found_and_one_of_n_is_not(age, found, nights, revised):
    values = looked_up({"within": 5}, [customer(age, 1.0)], nights, revised=revised)
    assert (0 in values) is found


def test_the_newest_arrival_within_reach_counts():
    customers = [customer(3, 1.0), customer(1, 2.0), customer(2, 9.0)]
    assert looked_up({"within": 5}, customers, Nights(ago(4), NIGHT)) == {3: 1.0, 2: 9.0, 1: 2.0, 0: 2.0}


@pytest.mark.parametrize("within", [2, 3])
def test_a_newer_arrival_counts_before_a_larger_value(within):
    assert looked_up({"within": within}, [customer(1, 9.0), customer(0, 2.0)]) == {0: 2.0}


def test_what_is_latest_by_its_column_counts_before_what_arrived_last():
    customers = [customer(2, 1.0, rank=9), customer(0, 2.0, rank=1)]
    assert looked_up({"within": 5, "latest_by": "rank"}, customers) == {0: 1.0}


def test_a_newer_record_without_a_value_is_found_and_has_none():
    assert looked_up({"within": 5}, [customer(2, 1.0), customer(1, None)]) == {0: None}


# --- a table whose records are revised ---------------------------------------------------------------------------------


def version(arrived: int, event: int, score: float, name: str = "Ada", **columns):
    return customer(arrived, score, name, event_at=at(ago(event)), **columns)


@pytest.mark.parametrize("within", [1, 3])
def test_a_late_record_is_found_from_the_night_it_arrived(within):
    late = [version(0, 1, 7.0)]
    assert looked_up({"within": within}, late, Nights(ago(1), NIGHT), revised=3) == ({} if within == 1 else {0: 7.0})
    assert looked_up({"within": within}, late, ago(1), NIGHT, revised=3) == {1: 7.0}


def test_a_record_counts_by_its_event_not_by_its_arrival():
    assert looked_up({"within": 2}, [version(1, 2, 7.0)], Nights(ago(1), NIGHT), revised=3) == {1: 7.0}


@pytest.mark.parametrize(("known", "found"), [(2, 1.0), (1, 2.0), (0, 3.0)])
def test_as_known_at_a_night_the_newest_version_arrived_by_then_counts(known, found):
    versions = [version(2, 2, 1.0), version(1, 2, 2.0), version(0, 2, 3.0)]
    assert looked_up({"within": 4}, versions, ago(2), ago(known), revised=3) == {2: found}
    assert looked_up({"within": 4}, versions, Nights(ago(3), ago(2)), ago(known), revised=3) == {2: found}


def test_a_withdrawn_record_is_not_found_from_then_on():
    versions = [version(2, 2, 1.0), version(1, 2, 1.0, withdrawn=True)]
    assert looked_up({"within": 4}, versions, Nights(ago(2), NIGHT), revised=3) == {2: 1.0}


def test_of_two_versions_of_one_night_the_one_known_later_counts_then_the_later_event_then_the_one_that_stands():
    early, late = at(NIGHT, 9), at(NIGHT, 10)
    reach = {"within": 4}
    assert looked_up(reach, [version(0, 0, 1.0, known_at=late), version(0, 0, 2.0, known_at=early)], revised=3) == {0: 1.0}
    assert looked_up(reach, [version(0, 1, 2.0, known_at=late), version(0, 0, 1.0, known_at=late)], revised=3) == {0: 1.0}
    assert looked_up(reach, [version(0, 0, 2.0, withdrawn=True), version(0, 0, 1.0)], revised=3) == {0: 1.0}


def test_versions_of_two_records_that_share_a_looked_up_key_are_two_records():
    """The source's key tells records apart; the look-up's key may be another column."""
    feature = SCORE | {"by": {"rank": "items"}, "latest_by": "score", "within": 4}
    versions = [version(1, 1, 5.0, rank=4), version(0, 0, 2.0, "Bo", rank=4)]
    rows = Records(shop({"x": feature}, revised={"customers": 3}), customers=versions).table("aggregates")
    assert [(row["key"], row["x"]) for row in rows] == [("4", 5.0)]


# --- lags --------------------------------------------------------------------------------------------------------------


def test_a_lag_finds_the_row_of_exactly_so_many_nights_ago():
    visits = [record(ago(age), visit_id="v", basket=float(age)) for age in range(5)]
    lag = {"kind": "lag", "expression": "basket * 10", "nights": 2}
    records = Records(shop({"x": lag}), visits=visits)
    assert records.by_key(by="visit_id") == {"v": {"x": 20.0}}
    rows = records.table("aggregates", Nights(ago(1), NIGHT))
    assert sorted((row["night"], row["x"]) for row in rows) == [(ago(1), 30.0), (NIGHT, 20.0)]


def test_lags_of_several_lengths_stand_in_one_row():
    visits = [record(ago(age), visit_id="v", basket=float(age), items=age) for age in (1, 3)]
    features = {
        "one": {"kind": "lag", "expression": "basket", "nights": 1},
        "three": {"kind": "lag", "expression": "basket", "nights": 3},
        "items": {"kind": "lag", "expression": "items", "nights": 3},
        "two": {"kind": "lag", "expression": "basket", "nights": 2},
    }
    rows = Records(shop(features), visits=visits).table("aggregates")
    assert [(row["one"], row["three"], row["items"], row["two"]) for row in rows] == [(1.0, 3.0, 3.0, None)]


def test_rows_without_a_key_lag_nowhere_and_of_two_rows_the_larger_value_is_taken():
    visits = [record(ago(1), visit_id=None, basket=9.0), *(record(ago(1), visit_id="v", basket=b) for b in (1.0, 3.0, None))]
    assert Records(shop({"x": {"kind": "lag", "expression": "basket", "nights": 1}}), visits=visits).by_key(by="visit_id") == {
        "v": {"x": 3.0}
    }
