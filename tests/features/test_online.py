"""The same features in NumPy as in SQL, to the last bit; and what the service does with values of other types."""

from __future__ import annotations

import hashlib
import math
import time
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest

from nightloop.errors import UsageError
from nightloop.features.online import Aggregates, Grouping, OnlineFeatures, bucket
from tests.features.in_memory import NIGHT, Records, ago, at, rate, record, shop, window

FEATURES = {
    "basket": {"kind": "expression", "expression": "basket / items"},
    "city_customer": {"kind": "cross", "columns": ["city", "customer"], "buckets": 97},
    "day_vip": {"kind": "cross", "columns": ["day", "vip"], "buckets": 5, "default": -1.0},
    "city_code": {"kind": "category", "column": "city", "levels": ["nowhere", "Zürich"]},
    "same_city": {"kind": "peers", "by": ["city"]},
    "before": {"kind": "lag", "expression": "basket", "nights": 1},
    "score": {"kind": "lookup", "source": "customers", "by": {"customer": "customer"}, "expression": "score", "default": 7.0},
    "count": window("count"),
    "count_default": window("count", by=["city"], default=99.0),
    "kinds": window("distinct", "kind"),
    "total": window("sum", "amount"),
    "std": window("std", "amount", by=["city"]),
    "since": window("time_since"),
    "share": rate(smoothing=2.5),
    "share_default": rate("amount > 9", where="kind <> 'c'", by=["city"], default=0.125),
    "ratio": {**window("mean", "amount", nights=1), "kind": "ratio", "to_nights": 3},
}
CUSTOMERS = ["Ada", "Łukasz", "", "a|b", "a%b", None, "unseen"]
CITIES = ["Zürich", None, "", "nowhere"]
VISITS = [
    record(NIGHT, visit_id=f"v{i}", customer=customer, city=city, basket=0.1 * i, items=i % 3 or None, day=NIGHT, vip=vip)
    for i, (customer, city, vip) in enumerate(
        (customer, city, vip) for customer in CUSTOMERS for city in CITIES for vip in (True, False, None)
    )
][:-4]  # so that not all cities have as many visits
PAYMENTS = [
    record(
        ago(i // 7 % 4),
        payment_id=i,
        event_at=at(ago(i // 7 % 4), i % 24),
        customer=CUSTOMERS[i % 6],
        city=CITIES[i % 3],
        kind="abcd"[i % 4],
        amount=None if i % 5 == 4 else 0.37 * i,
        by_card=(True, False, None, True, True)[i % 5],
    )
    for i in range(60)
]


@pytest.fixture(scope="module")
def records() -> Records:
    visits = VISITS + [{**visit, "night": ago(1)} for visit in VISITS[::2]]
    customers = [record(NIGHT, customer=name, score=float(i)) for i, name in enumerate(CUSTOMERS[:4])]
    return Records(shop(FEATURES), visits=visits, payments=PAYMENTS, customers=customers)


@pytest.fixture(scope="module")
def stored(records) -> pa.Table:
    return records.arrow("aggregates")


def test_every_kind_is_computed_to_the_last_bit(records, stored):
    online = OnlineFeatures(records.use_case)
    batch = records.features()
    found = online.compute(VISITS, Aggregates.of(records.use_case, stored))
    expected = [[np.nan if (value := row[name]) is None else value for name in FEATURES] for row in batch.values()]
    assert list(batch) == [visit["visit_id"] for visit in VISITS]
    assert found.shape == (len(VISITS), len(FEATURES))
    np.testing.assert_array_equal(found, np.array(expected))
    seen = {name: set(column[~np.isnan(column)]) for name, column in zip(online.names, found.T, strict=True)}
    assert [name for name, values in seen.items() if len(values) == 1] == [], "every feature takes several values here"
    assert {name for name, column in zip(online.names, found.T, strict=True) if np.isnan(column).any()} == (
        set(FEATURES) - {"day_vip", "score", "count_default", "share", "share_default"}
    )


def test_rows_are_computed_one_by_one_as_together(records, stored):
    online, aggregates = OnlineFeatures(records.use_case), Aggregates.of(records.use_case, stored)
    together = online.compute(VISITS[:5], aggregates)
    alone = np.vstack([online.compute([visit], aggregates) for visit in VISITS[:5]])
    np.testing.assert_array_equal(together, alone)
    assert online.compute([], aggregates).shape == (0, len(FEATURES))


def value(feature, row, aggregates=None, **records_):
    """Return the value of one feature for one row, given only what it needs."""
    use_case = shop({"x": feature})
    if aggregates is None:
        aggregates = Records(use_case, **records_).arrow("aggregates") if records_ else _nothing(use_case)
    online = OnlineFeatures(use_case)
    return float(online.compute([dict.fromkeys(online.columns) | row], Aggregates.of(use_case, aggregates))[0, 0])


def _nothing(use_case):
    return pa.table({"by": pa.array([], pa.string()), "key": pa.array([], pa.string())})


# --- what a key never seen gets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "of"), [("count", None), ("distinct", "kind")])
def test_a_key_never_seen_has_none_and_a_missing_key_has_no_count(function, of):
    seen = [record(NIGHT, customer="Ada", kind="a")]
    assert value(window(function, of), {"customer": "Ada"}, payments=seen) == 1.0
    assert value(window(function, of), {"customer": "Bo"}, payments=seen) == 0.0
    assert math.isnan(value(window(function, of), {"customer": None}, payments=seen))


def test_a_key_never_seen_has_no_sum_and_the_overall_rate():
    seen = [record(NIGHT, customer="Ada", amount=2.0, by_card=True), record(NIGHT, customer="Cy", by_card=False)]
    assert math.isnan(value(window("sum", "amount"), {"customer": "Bo"}, payments=seen))
    for customer, share in (("Ada", 1.0), ("Cy", 0.0), ("Bo", 0.5), (None, 0.5)):
        assert value(rate(), {"customer": customer}, payments=seen) == share


def test_without_stored_aggregates_a_count_is_zero_and_a_rate_is_missing():
    assert value(window("count"), {"customer": "Ada"}) == 0.0
    assert math.isnan(value(rate(), {"customer": "Ada"}))
    assert value(rate(default=0.25), {"customer": "Ada"}) == 0.25


def test_a_zero_that_is_known_is_not_missing():
    seen = [record(NIGHT, customer="Ada", amount=0.0, by_card=False), record(NIGHT, customer="Cy", by_card=True)]
    assert value(window("sum", "amount", default=9.0), {"customer": "Ada"}, payments=seen) == 0.0
    assert value(rate(default=9.0), {"customer": "Ada"}, payments=seen) == 0.0


# --- stored aggregates -------------------------------------------------------------------------------------------------


def test_a_grouping_finds_its_rows_by_key_and_nothing_else():
    table = pa.table({"key": ["a", "b"], "x": [1.0, 2.0], "y": [3, None]})
    grouping = Grouping.of(table, ["y", "x", "absent"])
    np.testing.assert_array_equal(
        grouping.find(["b", None, "a", "c"]),
        [[np.nan, 2.0, np.nan], [np.nan] * 3, [3.0, 1.0, np.nan], [np.nan] * 3],
    )
    assert Grouping.of(table, []).find(["a", "c"]).shape == (2, 0)


def test_aggregates_hold_each_grouping_apart_and_the_prior_of_every_feature():
    use_case = shop({"share": rate(), "n": window("count", by=["city"])})
    table = pa.table(
        {
            "by": ["customer", "city", ""],
            "key": ["same", "same", ""],
            "share": [0.5, None, 0.25],
            "n": [None, 3.0, None],
        }
    )
    aggregates = Aggregates.of(use_case, table)
    assert aggregates.groupings["customer"].find(["same"]).tolist() == [[0.5]]
    assert aggregates.groupings["city"].find(["same"]).tolist() == [[3.0]]
    assert aggregates.prior["share"] == 0.25
    assert math.isnan(aggregates.prior["n"])


def test_an_aggregate_that_an_earlier_definition_lacked_is_missing():
    table = pa.table({"by": ["customer", ""], "key": ["Ada", ""], "other": [1.0, 2.0]})
    assert math.isnan(value(window("sum", "amount"), {"customer": "Ada"}, table))
    assert math.isnan(value(rate(), {"customer": "Ada"}, table))


# --- what a row must carry ---------------------------------------------------------------------------------------------


def test_only_columns_that_a_feature_reads_are_needed_in_the_order_of_the_source():
    features = {
        "cross": {"kind": "cross", "columns": ["day", "city"], "buckets": 3},
        "n": window("count"),
        "half": {"kind": "expression", "expression": "basket / 2"},
    }
    online = OnlineFeatures(shop(features))
    assert list(online.columns.items()) == [("customer", "string"), ("city", "string"), ("basket", "number"), ("day", "date")]
    assert online.names == ("cross", "n", "half")
    assert list(OnlineFeatures(shop({"x": {"kind": "lag", "expression": "basket", "nights": 1}})).columns) == ["visit_id"]


def test_more_columns_than_needed_do_no_harm():
    assert value({"kind": "expression", "expression": "basket"}, {"basket": 2.0, "surplus": object()}) == 2.0


@pytest.mark.parametrize("place", [0, 1])
def test_a_row_that_lacks_a_column_is_named(place):
    online = OnlineFeatures(shop({"n": window("count"), "m": window("count", by=["city"])}))
    rows = [{"customer": "Ada", "city": "Rome"}, {"customer": "Ada", "city": "Rome"}]
    del rows[place]["city"]
    with pytest.raises(UsageError, match=f"row {place} lacks 'city'") as refused:
        online.compute(rows, Aggregates({}, {}))
    assert "or null" in str(refused.value)


READ = [
    ("basket", 2, 2.0),
    ("basket", 2.5, 2.5),
    ("basket", np.float32(0.5), 0.5),
    ("basket", np.int64(3), 3.0),
    ("items", 4, 4.0),
    ("items", 4.0, 4.0),
    ("items", np.int32(4), 4.0),
    ("vip", True, 1.0),
    ("vip", False, 0.0),
]


@pytest.mark.parametrize(("column", "given", "read"), READ, ids=repr)
def test_a_number_is_read_in_any_numeric_type_that_holds_it(column, given, read):
    assert value({"kind": "expression", "expression": column}, {column: given}) == read


@pytest.mark.parametrize("column", ["basket", "items", "vip", "customer", "day", "opened_at"])
def test_a_missing_value_is_read_as_missing_whatever_its_type(column):
    expression = f"case when {column} is null then 1 else 0 end"
    assert value({"kind": "expression", "expression": expression}, {column: None}) == 1.0


REFUSED = [
    ("basket", "2"),
    ("basket", True),
    ("items", "2"),
    ("items", 2.5),
    ("items", True),
    ("items", float("inf")),
    ("vip", 1),
    ("vip", "true"),
    ("customer", 3),
    ("customer", b"Ada"),
    ("day", "20 March"),
    ("day", "2024-02-30"),
    ("day", 20240320),
    ("day", datetime(2024, 3, 20, tzinfo=UTC)),
    ("opened_at", "noon"),
    ("opened_at", 12),
    ("opened_at", date(2024, 3, 20)),
]


@pytest.mark.parametrize(("column", "given"), REFUSED, ids=repr)
def test_a_value_of_another_type_is_refused_by_name(column, given):
    feature = {"kind": "expression", "expression": f"case when {column} is null then 1 else 0 end"}
    online = OnlineFeatures(shop({"x": feature}))
    with pytest.raises(UsageError) as refused:
        online.compute([{column: None}, {column: given}], Aggregates({}, {}))
    assert f"row 1: '{column}' reads {given!r}" in str(refused.value)
    assert f"of type {online.columns[column]}, or null" in str(refused.value)


@pytest.mark.parametrize("given", [date(2024, 3, 20), "2024-03-20"])
def test_a_date_may_be_a_text(given):
    assert value({"kind": "expression", "expression": "day(day) + 100 * month(day)"}, {"day": given}) == 320.0


EAST = timezone(timedelta(hours=9))


@pytest.fixture(params=["UTC", "Asia/Tokyo"])
def local_zone(request, monkeypatch):
    """The time zone of the machine."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("local_zone")
@pytest.mark.parametrize(
    "given",
    [
        datetime(2024, 3, 19, 23, 30, tzinfo=UTC),
        datetime(2024, 3, 20, 8, 30, tzinfo=EAST),
        datetime(2024, 3, 19, 23, 30),  # noqa: DTZ001 - without an offset it is UTC
        "2024-03-19T23:30:00",
        "2024-03-19T23:30:00Z",
        "2024-03-20T08:30:00+09:00",
        "2024-03-19 18:30:00-05:00",
    ],
    ids=str,
)
def test_an_instant_counts_in_utc_whatever_its_offset_and_the_zone_of_the_machine(given):
    feature = {"kind": "expression", "expression": "case when opened_at = closed_at then 1 else 0 end"}
    utc = at(ago(1), 23, 30)
    assert value(feature, {"opened_at": given, "closed_at": utc}) == 1.0
    assert value(feature, {"opened_at": given, "closed_at": utc + timedelta(microseconds=1)}) == 0.0


# --- crosses -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("buckets", [2, 97, 65536])
@pytest.mark.parametrize("text", ["", "Ada", "Zoë|%", "a%7Cb"])
def test_a_bucket_is_the_first_32_bits_of_md5_modulo_the_buckets(text, buckets):
    first_32_bits = int.from_bytes(hashlib.md5(text.encode()).digest()[:4], "big")
    assert bucket(text, buckets) == float(first_32_bits % buckets)


def test_buckets_spread_over_all_and_stay_below_their_number():
    found = [bucket(str(i), 7) for i in range(2000)]
    assert set(found) == set(map(float, range(7)))
    assert max(found.count(float(i)) for i in range(7)) < 2000 / 7 * 1.25


def test_a_cross_of_a_missing_column_is_missing():
    feature = {"kind": "cross", "columns": ["customer", "city"], "buckets": 97}
    assert math.isnan(value(feature, {"customer": "Ada"}))
    assert value(feature, {"customer": "Ada", "city": ""}) == bucket("Ada|%", 97)


@pytest.mark.parametrize("given", [None, 1.5, -0.0, float("inf"), float("-inf"), float("nan"), 2**53 + 1, 5e-324])
def test_a_column_of_numbers_is_what_its_expression_gives(given):
    plain, computed = (
        value({"kind": "expression", "expression": text}, {"basket": given}) for text in ("basket", "basket * 1")
    )
    assert np.array_equal(np.array([plain]), np.array([computed]), equal_nan=True)
    assert math.isnan(plain) == (given is None or not math.isfinite(given))
