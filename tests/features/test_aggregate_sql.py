"""The table aggregates: peers, and features of several kinds by one grouping in one row."""

from __future__ import annotations

from nightloop.features.aggregate_sql import aggregates_sql
from nightloop.nights import Nights, one
from tests.features.in_memory import NIGHT, Records, ago, record, shop, window

PEERS = {"kind": "peers", "by": ["city"]}


def visit(name, city, night=NIGHT, **columns):
    return record(night, visit_id=name, city=city, **columns)


def test_peers_are_the_entities_of_the_night_that_share_the_key():
    visits = [visit("a", "Rome"), visit("b", "Rome"), visit("c", "Bern"), visit("d", None), visit("e", "Rome", ago(1))]
    records = Records(shop({"n": PEERS}), visits=visits)
    assert records.by_key(by="city") == {"Rome": {"n": 2.0}, "Bern": {"n": 1.0}}
    rows = records.table("aggregates", Nights(ago(1), NIGHT))
    assert sorted((row["night"], row["key"], row["n"]) for row in rows) == [
        (ago(1), "Rome", 1.0),
        (NIGHT, "Bern", 1.0),
        (NIGHT, "Rome", 2.0),
    ]


def test_peers_of_several_columns_share_all_of_them():
    visits = [visit("a", "Rome", customer="Ada"), visit("b", "Rome", customer="Bo"), visit("c", "Rome", customer="Ada")]
    features = {"both": {"kind": "peers", "by": ["city", "customer"]}, "city": PEERS, "again": PEERS}
    rows = Records(shop(features), visits=visits).table("aggregates")
    found = {(row["by"], row["key"]): (row["both"], row["city"], row["again"]) for row in rows}
    assert found == {
        ("city+customer", "Rome|Ada"): (2.0, None, None),
        ("city+customer", "Rome|Bo"): (1.0, None, None),
        ("city", "Rome"): (None, 3.0, 3.0),
    }


def test_features_of_several_kinds_by_one_grouping_stand_in_one_row_of_each_key():
    features = {
        "paid": window("count"),
        "ordered": window("count", source="orders"),
        "kinds": window("distinct", "kind"),
        "score": {"kind": "lookup", "source": "customers", "by": {"customer": "customer"}, "expression": "-score"},
        "visits": {"kind": "peers", "by": ["customer"]},
        "peers": PEERS,
    }
    records = Records(
        shop(features),
        payments=[record(NIGHT, customer="Ada", kind="a"), record(ago(1), customer="Ada")],
        orders=[record(NIGHT, customer="Bo")],
        customers=[record(NIGHT, customer="Ada", score=3.0)],
        visits=[visit("v", "Rome", customer="Ada"), visit("w", "Rome", customer="Bo"), visit("w", None, ago(1), customer="Bo")],
    )
    names = list(features)
    found = {
        (row["night"], row["by"], row["key"]): tuple(row[name] for name in names)
        for row in records.table("aggregates", Nights(ago(1), NIGHT))
    }
    assert found == {
        (NIGHT, "customer", "Ada"): (2.0, None, 1.0, -3.0, 1.0, None),
        (NIGHT, "customer", "Bo"): (None, 1.0, None, None, 1.0, None),
        (NIGHT, "city", "Rome"): (None, None, None, None, None, 2.0),
        (ago(1), "customer", "Ada"): (1.0, None, None, None, None, None),
        (ago(1), "customer", "Bo"): (None, None, None, None, 1.0, None),
    }


def test_look_ups_at_different_records_are_different_look_ups():
    same = {"kind": "lookup", "source": "customers", "by": {"customer": "customer"}, "expression": "score"}
    features = {
        "newest": same | {"within": 3},
        "ranked": same | {"within": 3, "latest_by": "rank"},
        "tonight": same,
        "by_rank": same | {"by": {"rank": "items"}},
    }
    customers = [record(NIGHT, customer="Ada", score=1.0, rank=1), record(ago(1), customer="Ada", score=2.0, rank=2)]
    customers.append(record(ago(1), customer="Bo", score=4.0, rank=2))
    rows = Records(shop(features), customers=customers).table("aggregates")
    found = {(row["by"], row["key"]): tuple(row[name] for name in features) for row in rows}
    assert found == {
        ("customer", "Ada"): (1.0, 2.0, 1.0, None),
        ("customer", "Bo"): (4.0, 4.0, None, None),
        ("items", "1"): (None, None, None, 1.0),
    }


def test_rows_are_merged_only_where_one_grouping_comes_from_several_queries():
    """Merging groups all rows again, which a small night should not pay for nothing."""
    merging = 'group by night, "by", key'
    apart = shop({"peers": PEERS, "paid": window("count")})
    shared = shop({"peers": {"kind": "peers", "by": ["customer"]}, "paid": window("count")})
    assert not aggregates_sql(apart, one(NIGHT)).endswith(merging)
    assert aggregates_sql(shared, one(NIGHT)).endswith(merging)
