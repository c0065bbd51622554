"""Which nights of which table a night is made from, which grouping a feature is found in, and the tables' columns."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from nightloop.definitions import load_use_case
from nightloop.features.tables import grouping_of, groupings, inputs, key_columns, keyed, outcome_nights, tables
from nightloop.nights import Nights, one
from nightloop.settings import REPOSITORY
from tests.features.in_memory import FIRST, NIGHT, ago, rate, shop, window

BASKET = {"kind": "expression", "expression": "basket"}
CROSS = {"kind": "cross", "columns": ["city", "customer"], "buckets": 7}
PEERS = {"kind": "peers", "by": ["city"]}
LAG = {"kind": "lag", "expression": "basket", "nights": 2}
LOOKUP = {"kind": "lookup", "source": "customers", "by": {"rank": "items", "customer": "customer"}, "expression": "score"}
RANGE = Nights(ago(4), NIGHT)


def made_from(table, nights=RANGE, as_known_at=None, features=None, **options):
    return inputs(shop(features or {"x": BASKET}, **options), table, nights, as_known_at)


@pytest.fixture(scope="module")
def flight_delay():
    return load_use_case("flight_delay", REPOSITORY / "feature_defs")


# --- inputs ------------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("features", "nights_back"),
    [
        ({"x": window("count", nights=1)}, 0),
        ({"x": window("count", nights=1), "y": window("count", nights=7)}, 6),
        ({"x": rate(nights=28), "y": window("count", nights=7)}, 27),
        ({"x": {**window("count", nights=2), "kind": "ratio", "to_nights": 9}}, 8),
    ],
)
def test_aggregates_read_the_tiles_of_the_longest_window(features, nights_back):
    tiles = Nights(RANGE.first - timedelta(days=nights_back), NIGHT)
    assert made_from("aggregates", features=features) == {"tiles": tiles}
    later = ago(-3)
    assert made_from("aggregates", as_known_at=later, features=features) == {"tiles": Nights(tiles.first, later)}


def test_without_windows_no_tiles_are_read():
    assert made_from("aggregates", features={"x": PEERS}) == {"raw_visits": RANGE}
    assert made_from("aggregates") == {}


@pytest.mark.parametrize(("within", "first"), [(1, 4), (2, 5), (5, 8)])
def test_a_look_up_reads_the_nights_in_which_it_looks(within, first):
    features = {"x": LOOKUP | {"within": within}}
    assert made_from("aggregates", features=features) == {"raw_customers": Nights(ago(first), NIGHT)}
    assert made_from("aggregates", as_known_at=ago(-3), features=features) == {"raw_customers": Nights(ago(first), NIGHT)}
    revised = made_from("aggregates", as_known_at=ago(-3), features=features, revised={"customers": 2})
    assert revised == {"raw_customers": Nights(ago(first), ago(-3))}


def test_features_that_read_one_table_read_the_nights_of_all_of_them():
    features = {"lag": LAG, "peers": PEERS, "older": LAG | {"nights": 5}, "near": LOOKUP, "far": LOOKUP | {"within": 9}}
    assert made_from("aggregates", features=features) == {
        "raw_visits": Nights(ago(9), NIGHT),
        "raw_customers": Nights(ago(12), NIGHT),
    }
    backwards = dict(reversed(features.items()))
    assert made_from("aggregates", features=backwards) == made_from("aggregates", features=features)


@pytest.mark.parametrize("revised", [0, 3])
def test_tiles_read_the_records_that_can_be_revised(revised):
    features = {"n": window("count"), "orders": rate("bought", source="orders"), "x": LOOKUP}
    found = made_from("tiles", features=features, revised={"payments": revised})
    assert found == {"raw_payments": Nights(ago(4 + revised), NIGHT), "raw_orders": RANGE}
    assert made_from("tiles", as_known_at=ago(-3), features=features, revised={"payments": revised}) == found


def test_features_read_their_own_nights_and_the_aggregates_only_where_a_feature_is_in_them():
    assert made_from("features", features={"x": BASKET, "y": CROSS}) == {"raw_visits": RANGE}
    assert made_from("features", features={"x": BASKET, "y": PEERS}) == {"raw_visits": RANGE, "aggregates": RANGE}


def test_a_label_from_the_entitys_own_source_reads_both_its_nights_and_those_of_the_outcomes():
    use_case = shop({"x": BASKET}, matures_after=5)
    label = use_case.label.model_copy(update={"source": "visits"})
    found = inputs(use_case.model_copy(update={"label": label}), "labels", RANGE)
    assert found == {"raw_visits": Nights(ago(9), NIGHT)}


@pytest.mark.parametrize(("matures_after", "since"), [(0, 0), (1, 0), (2, 1), (9, 8)])
def test_labels_read_outcomes_from_the_night_after_the_scored_one_up_to_maturity(matures_after, since):
    found = made_from("labels", matures_after=matures_after)
    assert found == {
        "raw_visits": Nights(ago(4 + matures_after), ago(matures_after)),
        "raw_orders": Nights(ago(4 + since), NIGHT),
    }
    assert outcome_nights(shop({"x": BASKET}, matures_after=matures_after)) == since + 1
    later = made_from("labels", as_known_at=ago(-3), matures_after=matures_after)
    assert later == {**found, "raw_orders": Nights(ago(4 + since), ago(-3))}


@pytest.mark.parametrize("reach", [1, 4])
def test_labels_that_may_be_revised_read_the_nights_whose_labels_may_still_change(reach):
    found = made_from("labels", matures_after=2, revised={"orders": reach})
    assert found == {"raw_visits": Nights(ago(4 + 2 + reach), ago(2)), "raw_orders": Nights(ago(4 + 1 + reach), NIGHT)}
    assert made_from("labels", matures_after=2, revised={"payments": reach}) == made_from("labels", matures_after=2)


def test_nothing_is_read_before_the_first_night():
    features = {"n": window("count", nights=7), "x": LOOKUP | {"within": 9}, "lag": LAG}
    early = one(FIRST + timedelta(days=1))
    assert made_from("aggregates", early, features=features) == {
        name: Nights(FIRST, early.last) for name in ("tiles", "raw_customers", "raw_visits")
    }
    assert made_from("tiles", early, features=features, revised={"payments": 3}) == {"raw_payments": Nights(FIRST, early.last)}


@pytest.mark.parametrize(("day", "scored"), [(1, None), (2, one(FIRST)), (3, one(FIRST + timedelta(days=1)))])
def test_before_the_first_night_has_matured_there_is_nothing_to_read(day, scored):
    assert made_from("labels", one(FIRST + timedelta(days=day)))["raw_visits"] == scored


def test_a_lag_on_the_first_night_reads_that_night():
    assert made_from("aggregates", one(FIRST), features={"lag": LAG}) == {"raw_visits": one(FIRST)}


# --- groupings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "columns"),
    [
        (window("count", by=["customer", "city"]), ("customer", "city")),
        (rate(by=["city"]), ("city",)),
        (PEERS, ("city",)),
        (LOOKUP, ("items", "customer")),
        (LAG, ("visit_id",)),
        (BASKET, ()),
        (CROSS, ()),
    ],
)
def test_a_feature_is_found_by_these_columns_of_the_entity(declared, columns):
    use_case = shop({"x": declared})
    feature = use_case.features["x"]
    assert key_columns(use_case, feature) == columns
    assert grouping_of(use_case, feature) == "+".join(columns)
    assert list(keyed(use_case)) == (["x"] if columns else [])


def test_groupings_and_their_features_keep_the_order_of_the_file():
    use_case = shop({"n": window("count"), "x": BASKET, "peers": PEERS, "share": rate(), "lag": LAG})
    assert {grouping: list(features) for grouping, features in groupings(use_case).items()} == {
        "customer": ["n", "share"],
        "city": ["peers"],
        "visit_id": ["lag"],
    }
    assert list(groupings(use_case)) == ["customer", "city", "visit_id"]


# --- columns -----------------------------------------------------------------------------------------------------------


def test_the_columns_of_the_tables():
    use_case = shop({"n": window("count"), "x": BASKET, "peers": PEERS}, key=("visit_id", "day", "items"))
    found = tables(use_case)
    key = [("visit_id", pa.string()), ("day", pa.date32()), ("items", pa.int64())]
    assert list(found) == ["tiles", "aggregates", "features", "labels"]
    assert found["aggregates"] == pa.schema(
        [("by", pa.string()), ("key", pa.string()), ("n", pa.float64()), ("peers", pa.float64())]
    )
    assert found["features"] == pa.schema([*key, ("n", pa.float64()), ("x", pa.float64()), ("peers", pa.float64())])
    assert found["labels"] == pa.schema(
        [("scored_night", pa.date32()), *key, ("label", pa.bool_()), ("known_at", pa.timestamp("us", "UTC"))]
    )


@pytest.mark.parametrize(("task", "kind"), [("binary", pa.bool_()), ("regression", pa.float64()), ("multiclass", pa.string())])
def test_a_label_has_the_type_of_the_task(task, kind):
    declared = shop({"x": BASKET})
    use_case = declared.model_copy(update={"model": declared.model.model_copy(update={"task": task})})
    assert tables(use_case)["labels"].field("label").type == kind
