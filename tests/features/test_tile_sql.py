"""Tiles: what a night's records make, where each comes once; and what late, corrected and withdrawn records change."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from decimal import Decimal

import duckdb
import pytest

from nightloop.features.tiles import measures
from nightloop.nights import Nights, one
from tests.features.in_memory import NIGHT, Records, ago, at, rate, record, shop, window

FUNCTIONS = {
    name: window(name, None if name in ("count", "time_since") else "amount")
    for name in ("count", "sum", "std", "min", "max", "last", "time_since")
}


def tiles(features, payments, nights=NIGHT, revised=0):
    """Return the tiles, with measures by kind instead of by their hashed column."""
    use_case = shop(features, revised={"payments": revised} if revised else None)
    kinds = {measure.column: measure.kind for measure in measures(use_case)}
    rows = Records(use_case, payments=payments).table("tiles", nights)
    return [{kinds.get(name, name): value for name, value in row.items()} for row in rows]


def counted(rows, *names):
    return sorted(tuple(row[name] for name in (*names, "records")) for row in rows)


# --- records that come once --------------------------------------------------------------------------------------------


def test_a_tile_holds_every_measure_of_its_records():
    amounts = [(2.0, 9), (None, 12), (-0.5, 10), (4.25, 8)]
    payments = [record(NIGHT, customer="Ada", amount=amount, event_at=at(NIGHT, hour)) for amount, hour in amounts]
    (tile,) = tiles(FUNCTIONS, payments)
    assert tile == {
        "night": NIGHT,
        "tile": "payments/customer",
        "event_night": NIGHT,
        "key": "Ada",
        "value": None,
        "records": 4,
        "values": 3,
        "total": 575,
        "squares": Decimal(200**2 + 50**2 + 425**2),
        "low": -0.5,
        "high": 4.25,
        "last": -0.5,
        "last_at": at(NIGHT, 10),
        "at": at(NIGHT, 12),
    }


def test_a_tile_knows_one_zero():
    (tile,) = tiles(FUNCTIONS, [record(NIGHT, customer="Ada", amount=-0.0)])
    assert [math.copysign(1.0, tile[name]) for name in ("low", "high", "last")] == [1.0, 1.0, 1.0]


def test_a_tile_without_numbers_counts_none_and_totals_nothing():
    (tile,) = tiles(FUNCTIONS, [record(NIGHT, customer="Ada", event_at=at(NIGHT, 12))])
    assert {name: tile[name] for name in ("records", "values", "total", "squares", "low", "high", "last", "last_at")} == {
        "records": 1,
        "values": 0,
        "total": None,
        "squares": None,
        "low": None,
        "high": None,
        "last": None,
        "last_at": None,
    }
    assert tile["at"] == at(NIGHT, 12)


def test_a_night_makes_the_tiles_of_what_arrived_in_it_and_no_other():
    payments = [record(ago(age), customer="Ada") for age in (-1, 0, 0, 1, 1, 1, 2)]
    assert counted(tiles({"n": window("count")}, payments, Nights(ago(1), NIGHT)), "night", "event_night") == [
        (ago(1), ago(1), 3),
        (NIGHT, NIGHT, 2),
    ]


def test_where_records_come_once_the_night_of_arrival_is_the_night_of_the_event():
    (tile,) = tiles({"n": window("count")}, [record(NIGHT, customer="Ada", event_at=at(ago(5)))])
    assert tile["event_night"] == NIGHT


def test_records_without_a_key_are_in_no_tile_but_that_of_all_records():
    payments = [record(NIGHT, customer=customer, by_card=True) for customer in ("Ada", None, "Ada", None)]
    assert counted(tiles({"n": window("count")}, payments), "tile", "key") == [("payments/customer", "Ada", 2)]
    with_rate = tiles({"share": rate()}, payments)
    assert counted(with_rate, "tile", "key") == [("payments/", "", 4), ("payments/customer", "Ada", 2)]
    assert sorted(tile["hits"] for tile in with_rate) == [2, 4]


def test_every_family_of_a_source_has_its_tiles():
    features = {"a": window("count"), "b": window("count", by=["city"]), "c": rate(by=["city", "customer"])}
    payments = [record(NIGHT, customer="Ada", city=city, by_card=city == "Rome") for city in ("Rome", "Bern", None)]
    assert counted(tiles(features, payments), "tile", "key") == [
        ("payments/", "", 3),
        ("payments/city", "Bern", 1),
        ("payments/city", "Rome", 1),
        ("payments/city+customer", "Bern|Ada", 1),
        ("payments/city+customer", "Rome|Ada", 1),
        ("payments/customer", "Ada", 3),
    ]


@pytest.mark.parametrize("revised", [0, 3])
def test_distinct_values_have_a_tile_each_and_missing_ones_none(revised):
    features = {"kinds": window("distinct", "kind"), "n": window("count")}
    kinds = ["a", "a", "b", None, ""]
    payments = [record(NIGHT, payment_id=i, customer="Ada", kind=kind) for i, kind in enumerate(kinds)]
    payments += [record(NIGHT, payment_id=9, customer=None, kind="c"), record(ago(-1), payment_id=10, customer="Ada", kind="z")]
    rows = tiles(features, payments, revised=revised)
    assert counted([row for row in rows if row["tile"] == "payments/customer"], "key") == [("Ada", 5)]
    assert counted([row for row in rows if row["value"] is not None], "key", "value") == [
        ("Ada", "%", 1),
        ("Ada", "a", 2),
        ("Ada", "b", 1),
    ]


@pytest.mark.parametrize("revised", [0, 3])
def test_conditions_that_differ_are_columns_that_differ(revised):
    use_case = shop({"all": window("count"), "some": window("count", where="by_card")}, revised={"payments": revised})
    every, some = sorted(measures(use_case), key=lambda measure: measure.where)
    payments = [record(NIGHT, payment_id=i, customer="Ada", by_card=by_card) for i, by_card in enumerate((True, False, None))]
    (tile,) = Records(use_case, payments=payments).table("tiles")
    assert (tile[every.column], tile[some.column]) == (3, 1)


def test_each_source_has_its_tiles_and_nulls_in_the_columns_of_the_other():
    use_case = shop({"paid": window("sum", "amount"), "ordered": rate("bought", source="orders")})
    of_payments = {measure.column for measure in measures(use_case) if measure.kind in ("values", "total")}
    records = Records(
        use_case,
        payments=[record(NIGHT, customer="Ada", amount=1.0)],
        orders=[record(NIGHT, order_id=1, customer="Ada", bought=True)],
    )
    for row in records.table("tiles"):
        filled = {name for name, value in row.items() if value is not None} & {m.column for m in measures(use_case)}
        assert filled == (
            of_payments if row["tile"].startswith("payments") else {m.column for m in measures(use_case)} - of_payments
        )


def test_numbers_beyond_sixteen_digits_are_refused_rather_than_rounded():
    payments = [record(NIGHT, customer="Ada", amount=1e15)]
    with pytest.raises(duckdb.ConversionException, match="Could not cast value"):
        tiles({"x": window("sum", "amount")}, payments)
    (tile,) = tiles({"x": window("sum", "amount")}, [record(NIGHT, customer="Ada", amount=9e13)])
    assert tile["total"] == 9 * 10**15


# --- revised records ---------------------------------------------------------------------------------------------------

WITHIN = 3


def version(arrived, event, amount=1.0, customer="Ada", payment_id=1, **columns):
    """Return a version of a payment: nights ago it arrived, nights ago it happened."""
    return record(ago(arrived), event_at=at(ago(event)), payment_id=payment_id, customer=customer, amount=amount, **columns)


def totals(payments, nights=NIGHT, **features):
    """Return (night, event night, key, records, total) of the tiles, nights counted back from NIGHT."""
    rows = tiles(features or {"n": window("count"), "x": window("sum", "amount", scale=0)}, payments, nights, WITHIN)
    back = lambda night: (NIGHT - night).days  # noqa: E731
    return sorted((back(r["night"]), back(r["event_night"]), r["key"], r["records"], r["total"]) for r in rows)


def test_a_late_record_makes_the_tile_of_its_event_anew_with_all_that_is_in_it():
    payments = [version(2, 2, 10.0), version(0, 2, 5.0, payment_id=2), version(0, 0, 7.0, payment_id=3)]
    assert totals(payments) == [(0, 0, "Ada", 1, 7.0), (0, 2, "Ada", 2, 15.0)]


def test_a_tile_that_nothing_touches_is_not_made_again():
    assert totals([version(2, 2), version(0, 1, payment_id=2)]) == [(0, 1, "Ada", 1, 1.0)]
    assert totals([version(1, 1)]) == []


def test_a_corrected_record_counts_once_in_its_newest_version():
    assert totals([version(1, 1, 10.0), version(0, 1, 3.0)]) == [(0, 1, "Ada", 1, 3.0)]


def test_a_record_whose_key_changes_leaves_one_tile_and_enters_another():
    payments = [version(1, 1, 10.0), version(0, 1, 10.0, customer="Bo")]
    assert totals(payments) == [(0, 1, "Ada", 0, None), (0, 1, "Bo", 1, 10.0)]


def test_a_record_whose_event_moves_leaves_one_night_and_enters_another():
    assert totals([version(2, 2, 10.0), version(0, 1, 10.0)]) == [(0, 1, "Ada", 1, 10.0), (0, 2, "Ada", 0, None)]


def test_a_withdrawn_record_leaves_its_tile():
    payments = [version(1, 1, 10.0), version(1, 1, 4.0, payment_id=2), version(0, 1, 10.0, withdrawn=True)]
    assert totals(payments) == [(0, 1, "Ada", 1, 4.0)]


def test_a_record_withdrawn_and_given_again_counts_again():
    payments = [version(2, 2, 10.0), version(1, 2, 10.0, withdrawn=True), version(0, 2, 6.0)]
    assert totals(payments, Nights(ago(2), NIGHT)) == [(0, 2, "Ada", 1, 6.0), (1, 2, "Ada", 0, None), (2, 2, "Ada", 1, 10.0)]


def test_a_range_makes_of_each_night_what_was_known_in_it():
    payments = [version(2, 2, 1.0), version(1, 2, 10.0), version(0, 2, 100.0), version(-1, 2, 1000.0)]
    assert totals(payments, Nights(ago(2), NIGHT)) == [
        (0, 2, "Ada", 1, 100.0),
        (1, 2, "Ada", 1, 10.0),
        (2, 2, "Ada", 1, 1.0),
    ]
    assert totals(payments, one(ago(1))) == [(1, 2, "Ada", 1, 10.0)]


@pytest.mark.parametrize(("event", "made"), [(WITHIN - 1, True), (WITHIN, True), (WITHIN + 1, False)])
def test_a_record_counts_when_its_event_is_at_most_so_many_nights_back(event, made):
    assert bool(totals([version(0, event)])) is made


@pytest.mark.parametrize(("arrived", "total"), [(WITHIN, 15.0), (WITHIN + 1, 5.0)])
def test_versions_are_read_from_as_many_nights_back_as_can_matter(arrived, total):
    payments = [version(arrived, WITHIN, 10.0), version(0, WITHIN, 5.0, payment_id=2)]
    assert [row[-1] for row in totals(payments)] == [total]


def test_the_newest_of_two_versions_of_one_night_is_the_one_known_later_then_of_the_later_event_then_the_withdrawn():
    noon, later = at(NIGHT, 12), at(NIGHT, 13)
    one_night = {"arrived": 0, "event": 0}
    by_known = [version(**one_night, amount=1.0, known_at=later), version(**one_night, amount=2.0, known_at=noon)]
    assert totals(by_known) == [(0, 0, "Ada", 1, 1.0)]
    by_event = [version(0, 0, 1.0), version(0, 1, 2.0)]
    assert totals(by_event) == [(0, 0, "Ada", 1, 1.0), (0, 1, "Ada", 0, None)]
    by_withdrawal = [version(**one_night, amount=1.0, withdrawn=True), version(**one_night, amount=2.0)]
    assert totals(by_withdrawal) == [(0, 0, "Ada", 0, None)]


def test_a_value_that_changes_leaves_one_tile_of_distinct_values_and_enters_another():
    payments = [version(1, 1, kind="a"), version(1, 1, payment_id=2, kind="a"), version(0, 1, kind="b")]
    rows = tiles({"kinds": window("distinct", "kind")}, payments, revised=WITHIN)
    assert counted(rows, "key", "value") == [("Ada", "a", 1), ("Ada", "b", 1)]


def test_without_a_key_or_a_value_a_version_is_in_no_tile_of_them_but_in_that_of_all_records():
    payments = [version(0, 0, customer=None, by_card=True, kind="a"), version(0, 0, payment_id=2, by_card=False)]
    rows = tiles({"share": rate(), "kinds": window("distinct", "kind")}, payments, revised=WITHIN)
    assert counted(rows, "tile", "key", "value") == [("payments/", "", None, 2), ("payments/customer", "Ada", None, 1)]
    assert sorted(row["hits"] for row in rows) == [0, 1]


@pytest.mark.parametrize("seed", range(3))
def test_every_night_makes_what_the_newest_versions_known_by_then_sum_to(seed):
    """By a second route: the touched tiles of a random history, summed in plain Python."""
    draw = random.Random(seed)
    versions = []
    for payment in range(8):
        event = draw.randrange(3, 6)
        for delay in sorted(draw.sample(range(WITHIN + 1), k=draw.randrange(1, 4))):
            columns = {"amount": float(draw.randrange(9)), "customer": draw.choice(["Ada", "Bo", None])}
            versions.append(version(event - delay, event, payment_id=payment, withdrawn=draw.random() < 0.3, **columns))
    nights = Nights(ago(5), NIGHT)
    assert totals(versions, nights) == sorted(row for night in nights for row in _by_hand(versions, night))


def _by_hand(versions, night):
    def standing(until):
        newest = {}
        for each in sorted((v for v in versions if v["night"] <= until), key=lambda v: v["night"]):
            newest[each["payment_id"]] = each
        return newest

    now, before = standing(night), standing(night - timedelta(days=1))
    touched = {
        (each["event_night"], each["customer"])
        for payment, each in now.items()
        if each["night"] == night
        for each in (each, before.get(payment, each))
        if each["customer"] is not None
    }
    for event_night, customer in touched:
        amounts = [
            v["amount"]
            for v in now.values()
            if (v["event_night"], v["customer"]) == (event_night, customer) and not v["withdrawn"]
        ]
        yield (NIGHT - night).days, (NIGHT - event_night).days, customer, len(amounts), sum(amounts) if amounts else None
