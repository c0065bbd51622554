"""The tables features and labels: one row an entity, each feature where it belongs; one label an entity, as known."""

from __future__ import annotations

import hashlib

import pytest

from nightloop.features.feature_sql import build_sql
from nightloop.nights import Nights, one
from tests.features.in_memory import NIGHT, Records, ago, at, rate, record, shop, window


def visit(name="v", night=NIGHT, customer="Ada", **columns):
    return record(night, visit_id=name, customer=customer, **columns)


# --- features ----------------------------------------------------------------------------------------------------------


def test_every_entity_of_the_night_has_one_row_whatever_its_keys_find():
    features = {"n": window("count"), "score": {"kind": "lag", "expression": "basket", "nights": 1}, "share": rate()}
    visits = [visit("a"), visit("b", customer="Bo"), visit("c", customer=None), visit("d", ago(1)), visit("e", ago(-1))]
    payments = [record(NIGHT, customer="Ada", by_card=True)]
    found = Records(shop(features), visits=visits, payments=payments).features()
    assert sorted(found) == ["a", "b", "c"]


def test_each_night_of_a_range_gets_the_aggregates_of_its_own_night():
    payments = [record(NIGHT, customer="Ada", by_card=True), record(ago(1), customer="Ada", by_card=False)]
    records = Records(
        shop({"n": window("count", nights=1), "share": rate(nights=1), "all": rate(nights=2)}),
        visits=[visit("a"), visit("a", ago(1)), visit("b", customer="Bo"), visit("b", ago(1), customer="Bo")],
        payments=payments,
    )
    rows = records.table("features", Nights(ago(1), NIGHT))
    found = {(row["night"], row["visit_id"]): (row["n"], row["share"], row["all"]) for row in rows}
    assert found == {
        (NIGHT, "a"): (1.0, 1.0, 0.5),
        (NIGHT, "b"): (0.0, 1.0, 0.5),
        (ago(1), "a"): (1.0, 0.0, 0.0),
        (ago(1), "b"): (0.0, 0.0, 0.0),
    }


@pytest.mark.parametrize(
    ("function", "of", "unseen", "no_key"),
    [("count", None, 0.0, None), ("distinct", "kind", 0.0, None), ("sum", "amount", None, None), ("max", "amount", None, None)],
)
def test_a_key_without_a_record_has_a_count_of_zero_and_no_other_value_and_a_missing_key_has_none(function, of, unseen, no_key):
    visits = [visit("unseen", customer="Bo"), visit("no key", customer=None)]
    found = Records(shop({"x": window(function, of)}), visits=visits, payments=[record(NIGHT, customer="Ada")]).features()
    assert found == {"unseen": {"x": unseen}, "no key": {"x": no_key}}


def test_a_key_without_a_record_and_a_missing_key_have_the_overall_rate():
    visits = [visit("seen"), visit("unseen", customer="Bo"), visit("no key", customer=None)]
    payments = [record(NIGHT, customer="Ada", by_card=True)] + [record(NIGHT, customer="Cy", by_card=False)] * 3
    found = Records(shop({"x": rate()}), visits=visits, payments=payments).features()
    assert found == {"seen": {"x": 1.0}, "unseen": {"x": 0.25}, "no key": {"x": 0.25}}


def test_without_any_record_a_rate_is_missing():
    assert Records(shop({"x": rate()}), visits=[visit()]).features() == {"v": {"x": None}}


def test_a_default_stands_in_for_what_is_missing_and_for_nothing_else():
    features = {
        "expression": {"kind": "expression", "expression": "basket", "default": -1.0},
        "count": window("count", default=99.0),
        "sum": window("sum", "amount", default=-2.0),
        "share": rate(default=0.5),
        "cross": {"kind": "cross", "columns": ["customer"], "buckets": 2, "default": 7.0},
        "zero": {"kind": "expression", "expression": "basket", "default": 0.0},
    }
    visits = [visit("full", basket=0.0), visit("empty", customer=None), visit("unseen", customer="Bo")]
    found = Records(shop(features), visits=visits, payments=[record(NIGHT, customer="Ada", by_card=False)]).features()
    cross = {name: row.pop("cross") for name, row in found.items()}
    assert found == {
        "full": {"expression": 0.0, "count": 1.0, "sum": -2.0, "share": 0.0, "zero": 0.0},
        "empty": {"expression": -1.0, "count": 99.0, "sum": -2.0, "share": 0.0, "zero": 0.0},
        "unseen": {"expression": -1.0, "count": 0.0, "sum": -2.0, "share": 0.0, "zero": 0.0},
    }
    assert cross["empty"] == 7.0
    assert cross["full"] in (0.0, 1.0)


def test_features_stand_in_the_order_of_the_file_with_the_value_of_their_own_grouping():
    by_city = window("count", by=["city"])
    features = {"city_1": by_city, "customer": window("count"), "city_2": by_city | {"nights": 9}, "basket": _basket()}
    payments = [record(NIGHT, customer="Ada", city="Rome"), record(ago(5), customer="Bo", city="Rome")]
    records = Records(shop(features), visits=[visit(city="Rome", basket=2.5)], payments=payments)
    assert list(records.features()["v"].items()) == [("city_1", 1.0), ("customer", 1.0), ("city_2", 2.0), ("basket", 2.5)]


def _basket():
    return {"kind": "expression", "expression": "basket"}


def test_an_expression_gives_a_double_whatever_its_type():
    features = {
        name: {"kind": "expression", "expression": text}
        for name, text in (("yes", "vip"), ("whole", "items + 1"), ("days", "day(day)"))
    }
    assert Records(shop(features), visits=[visit(vip=True, items=2, day=NIGHT)]).features() == {
        "v": {"yes": 1.0, "whole": 3.0, "days": 20.0}
    }


@pytest.mark.parametrize("buckets", [2, 97, 65536])
def test_a_cross_is_the_first_32_bits_of_md5_of_the_key_text_modulo_the_buckets(buckets):
    texts = {"a": ("Ada", "Rome"), "b": ("Zoë", ""), "c": ("a|b", "%"), "d": ("", ""), "e": (None, "Rome")}
    feature = {"kind": "cross", "columns": ["customer", "city"], "buckets": buckets}
    visits = [visit(name, customer=customer, city=city) for name, (customer, city) in texts.items()]
    found = {name: row["x"] for name, row in Records(shop({"x": feature}), visits=visits).features().items()}

    def hashed(text):
        return float(int(hashlib.md5(text.encode()).hexdigest()[:8], 16) % buckets)

    assert found == {
        "a": hashed("Ada|Rome"),
        "b": hashed("Zoë|%"),
        "c": hashed("a%7Cb|%25"),
        "d": hashed("%|%"),
        "e": None,
    }


def test_a_key_of_several_columns_stands_in_the_row():
    use_case = shop({"x": _basket()}, key=("visit_id", "day"))
    rows = Records(use_case, visits=[visit(day=ago(-1), basket=1.0)]).table("features")
    assert rows == [{"night": NIGHT, "visit_id": "v", "day": ago(-1), "x": 1.0}]


@pytest.mark.parametrize(
    ("table", "column"), [("tiles", "tile"), ("aggregates", "by"), ("features", "e.night"), ("labels", "label")]
)
def test_each_table_has_its_statement(table, column):
    assert column in build_sql(shop({"n": window("count"), "x": _basket()}), table, one(NIGHT))


# --- labels ------------------------------------------------------------------------------------------------------------


def order(nights_ago, bought=True, customer="Ada", order_id=1, **columns):
    return record(ago(nights_ago), order_id=order_id, customer=customer, bought=bought, **columns)


def labelled(orders, visits=None, nights=NIGHT, as_known_at=None, matures_after=2, **options):
    """Return visit -> (nights ago it was scored, label)."""
    use_case = shop({"x": _basket()}, matures_after=matures_after, **options)
    visits = [visit("v", ago(matures_after))] if visits is None else visits
    rows = Records(use_case, visits=visits, orders=orders).table("labels", nights, as_known_at)
    return {(row["visit_id"], (NIGHT - row["night"]).days): ((NIGHT - row["scored_night"]).days, row["label"]) for row in rows}


def test_a_label_matures_so_many_nights_after_the_entity_was_scored():
    visits = [visit(f"v{age}", ago(age)) for age in (1, 2, 3, 4)]
    orders = [order(age, order_id=age) for age in range(-1, 5)]
    assert labelled(orders, visits) == {("v2", 0): (2, True)}
    assert labelled(orders, visits, Nights(ago(1), NIGHT)) == {("v3", 1): (3, True), ("v2", 0): (2, True)}
    assert labelled(orders, visits, matures_after=3) == {("v3", 0): (3, True)}


@pytest.mark.parametrize(("arrived", "counts"), [(-1, False), (0, True), (1, True), (2, False), (3, False)])
@pytest.mark.parametrize("nights", [one(NIGHT), Nights(ago(2), ago(-2))])
def test_an_outcome_arrives_after_the_scored_night_and_by_the_night_it_matures(arrived, counts, nights):
    assert (("v", 0) in labelled([order(arrived)], nights=nights)) is counts


@pytest.mark.parametrize(("arrived", "counts"), [(-1, False), (0, True), (1, False)])
@pytest.mark.parametrize("matures_after", [0, 1])
def test_an_outcome_of_a_label_that_matures_at_once_arrives_in_its_night(arrived, counts, matures_after):
    assert (("v", 0) in labelled([order(arrived)], matures_after=matures_after)) is counts


@pytest.mark.parametrize("known", [0, -1, -2])
def test_as_known_later_an_outcome_may_arrive_up_to_then(known):
    for arrived in range(-3, 3):
        found = labelled([order(arrived)], as_known_at=ago(known))
        assert (("v", 0) in found) is (known <= arrived <= 1), arrived


def test_every_column_of_the_join_must_match():
    join = {"customer": "customer", "order_id": "items"}
    visits = [visit("v", ago(2), items=1), visit("w", ago(2), items=2), visit("x", ago(2), "Bo", items=1)]
    visits += [visit("y", ago(2), None, items=1), visit("z", ago(2), items=None)]
    orders = [order(0), order(0, customer=None), order(0, order_id=None)]
    assert labelled(orders, visits, join=join) == {("v", 0): (2, True)}


def test_an_outcome_serves_every_entity_that_it_joins():
    visits = [visit("v", ago(2)), visit("w", ago(2)), visit("x", ago(2), "Bo")]
    assert set(labelled([order(1), order(0, customer="Bo")], visits)) == {("v", 0), ("w", 0), ("x", 0)}


def test_where_the_expression_is_null_there_is_no_label_and_an_earlier_record_counts():
    assert labelled([order(0, None)]) == {}
    assert labelled([order(1, True), order(0, None)]) == {("v", 0): (2, True)}


def test_the_newest_record_counts_by_arrival_then_by_known_time_then_true_before_false():
    noon, later = at(NIGHT, 12), at(NIGHT, 13)
    for order_of_reading in (1, -1):
        pairs = [
            [order(1, True, known_at=later), order(0, False, known_at=noon)],
            [order(0, True, known_at=noon), order(0, False, known_at=later)],
            [order(0, True, known_at=None), order(0, False, known_at=noon)],
        ]
        for pair in pairs:
            assert labelled(pair[::order_of_reading]) == {("v", 0): (2, False)}
        assert labelled([order(0, False), order(0, True)][::order_of_reading]) == {("v", 0): (2, True)}


def test_a_label_carries_when_it_was_known_and_the_key():
    known = at(ago(1), 7, 30)
    use_case = shop({"x": _basket()}, label="-order_id", task="regression")
    visits = [visit("v", ago(2), day=ago(1))]
    (row,) = Records(use_case, visits=visits, orders=[order(1, order_id=5, known_at=known)]).table("labels")
    assert row == {"night": NIGHT, "scored_night": ago(2), "visit_id": "v", "label": -5.0, "known_at": known}
