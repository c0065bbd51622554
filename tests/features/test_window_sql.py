"""Windows: which tiles count in a night, in which version, for each grouping, alone and in a range."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nightloop.features.tiles import over_records
from nightloop.features.window_sql import by_family, windows_of
from nightloop.nights import Nights, one
from tests.features.in_memory import NIGHT, Records, ago, one_value, rate, record, shop, window


def paid(nights_ago: int, amount: float | None = 1.0, customer: str = "Ada", **columns):
    return record(ago(nights_ago), customer=customer, amount=amount, **columns)


@pytest.mark.parametrize("nights", [1, 2, 7, 28])
@pytest.mark.parametrize("revised", [0, 3])
def test_a_window_of_n_nights_holds_the_night_itself_and_the_n_minus_1_before_it(nights, revised):
    feature = window("sum", "amount", nights=nights)
    ages = {-1: 1000.0, 0: 1.0, nights - 1: 10.0, nights: 100.0, nights + 1: 10000.0}
    payments = [paid(age, amount, payment_id=i) for i, (age, amount) in enumerate(ages.items())]
    inside = 10.0 if nights == 1 else 11.0  # of one night, the first night is the last
    assert one_value(feature, payments, revised={"payments": revised}) == inside
    longer = Nights(ago(2), NIGHT)
    assert one_value(feature, payments, revised={"payments": revised}, nights=longer) == inside


@pytest.mark.parametrize("revised", [0, 2])
def test_a_range_gives_each_night_what_it_gives_alone(revised):
    features = {
        "n": window("count", nights=1),
        "total": window("sum", "amount", nights=4),
        "share": rate("by_card", nights=2, smoothing=2.0),
        "kinds": window("distinct", "kind", nights=3),
    }
    kinds, cards = ["a", "b", None], [True, False, None]
    payments = [
        paid(age, float(age), ["Ada", "Bo"][age % 2], payment_id=age, kind=kinds[age % 3], by_card=cards[age % 3])
        for age in range(12)
    ]
    records = Records(shop(features, revised={"payments": revised}), payments=payments)
    nights = Nights(ago(5), NIGHT)

    def ordered(rows):
        return sorted(rows, key=lambda row: (row["night"], row["by"], row["key"]))

    alone = [row for night in nights for row in records.table("aggregates", one(night))]
    assert ordered(records.table("aggregates", nights)) == ordered(alone)


def test_of_windows_of_several_lengths_each_holds_its_nights():
    features = {f"n{nights}": window("count", nights=nights) for nights in (1, 2, 5)}
    (row,) = Records(shop(features), payments=[paid(age) for age in (0, 1, 2, 4, 5)]).table("aggregates")
    assert (row["n1"], row["n2"], row["n5"]) == (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("function", "inside"), [("sum", 3.0), ("min", 1.0), ("max", 2.0), ("mean", 1.5), ("last", 1.0), ("distinct", 2.0)]
)
def test_every_function_keeps_to_its_window_where_a_longer_one_stands_beside_it(function, inside):
    column = "kind" if function == "distinct" else "amount"
    features = {"short": window(function, column, nights=2), "long": window(function, column, nights=9)}
    payments = [paid(0, 1.0, kind="a"), paid(1, 2.0, kind="b"), paid(2, -50.0, kind="c"), paid(3, 70.0, kind="d")]
    (row,) = Records(shop(features), payments=payments).table("aggregates")
    assert row["short"] == inside
    assert row["long"] != inside or function == "last"


def test_a_window_without_a_record_has_no_row():
    assert Records(shop({"n": window("count")}), payments=[paid(3), paid(-1)]).table("aggregates") == []


def test_the_rows_of_one_key_are_those_of_its_own_records():
    payments = [paid(0, 1.0), paid(0, 2.0, "Bo"), paid(0, 4.0), paid(0, 8.0, customer=None)]
    records = Records(shop({"total": window("sum", "amount")}), payments=payments)
    assert records.by_key() == {"Ada": {"total": 5.0}, "Bo": {"total": 2.0}}


def test_each_grouping_has_its_rows_and_nulls_for_the_features_of_the_others():
    features = {"of_customer": window("count"), "of_both": window("count", by=["customer", "city"])}
    payments = [paid(0, city="Rome"), paid(0, city="Bern"), paid(0, city=None)]
    rows = Records(shop(features), payments=payments).table("aggregates")
    assert {(row["by"], row["key"]): (row["of_customer"], row["of_both"]) for row in rows} == {
        ("customer", "Ada"): (3.0, None),
        ("customer+city", "Ada|Rome"): (None, 1.0),
        ("customer+city", "Ada|Bern"): (None, 1.0),
    }


# --- revised records ---------------------------------------------------------------------------------------------------


def corrected(*versions, **columns):
    """Return versions of payment 1 of ten nights ago's Ada: (nights ago it arrived, nights ago it happened, amount)."""
    return [
        record(ago(arrived), event_at=record(ago(event))["event_at"], payment_id=1, customer="Ada", amount=amount, **columns)
        for arrived, event, amount in versions
    ]


def revised_value(feature, payments, **options):
    return one_value(feature, payments, revised={"payments": 3}, **options)


def test_a_late_record_counts_by_when_it_happened_not_by_when_it_arrived():
    late = corrected((0, 3, 5.0))
    assert revised_value(window("sum", "amount", nights=3), late) is None
    assert revised_value(window("sum", "amount", nights=4), late) == 5.0


@pytest.mark.parametrize("nights", [one(NIGHT), Nights(ago(3), NIGHT)])
def test_a_tile_counts_in_the_newest_version_known_by_the_night(nights):
    versions = corrected((2, 2, 1.0), (1, 2, 10.0), (-1, 2, 100.0))
    assert revised_value(window("sum", "amount"), versions, nights=nights) == 10.0


@pytest.mark.parametrize(("known", "total"), [(2, 1.0), (1, 10.0), (0, 10.0), (-1, 100.0), (-2, 100.0)])
def test_as_known_at_a_night_what_arrived_up_to_it_counts_and_nothing_later(known, total):
    use_case = shop({"total": window("sum", "amount")}, revised={"payments": 3})
    records = Records(use_case, payments=corrected((2, 2, 1.0), (1, 2, 10.0), (-1, 2, 100.0)))
    tiles = records.arrow("tiles", Nights(ago(4), ago(-2)))
    for nights in (one(ago(2)), Nights(ago(3), ago(2))):
        rows = records.table("aggregates", nights, ago(known), tiles=tiles)
        assert [(row["night"], row["total"]) for row in rows] == [(ago(2), total)]


def test_a_range_as_known_later_gives_every_night_the_later_knowledge():
    use_case = shop({"total": window("sum", "amount", nights=2)}, revised={"payments": 3})
    records = Records(use_case, payments=corrected((2, 2, 1.0), (0, 2, 10.0)))
    rows = records.table("aggregates", Nights(ago(2), ago(1)), NIGHT)
    assert sorted((row["night"], row["total"]) for row in rows) == [(ago(2), 10.0), (ago(1), 10.0)]


def test_a_withdrawn_record_leaves_a_count_of_zero_and_no_sum():
    versions = corrected((2, 2, 1.0), (1, 2, 1.0))
    versions[1]["withdrawn"] = True
    records = Records(
        shop({"n": window("count"), "total": window("sum", "amount")}, revised={"payments": 3}), payments=versions
    )
    assert records.by_key() == {"Ada": {"n": 0.0, "total": None}}


def test_distinct_values_of_one_key_and_night_are_versioned_apart():
    first = [*corrected((2, 2, 1.0), kind="a"), paid(2, customer="Ada", payment_id=2, kind="b")]
    changed = corrected((1, 2, 1.0), kind="b")
    assert revised_value(window("distinct", "kind"), first) == 2.0
    assert revised_value(window("distinct", "kind"), first + changed) == 1.0


# --- rates -------------------------------------------------------------------------------------------------------------


def test_a_rate_carries_the_overall_rate_in_the_row_of_all_records():
    payments = [paid(0, by_card=True), paid(1, by_card=False, customer="Bo"), paid(2, by_card=True, customer="Bo")]
    payments += [paid(3, by_card=False, customer="Bo"), paid(0, by_card=True, customer=None)]
    rows = Records(shop({"share": rate(smoothing=4.0)}), payments=payments).table("aggregates")
    overall = 3 / 4
    assert {(row["by"], row["key"]): row["share"] for row in rows} == {
        ("", ""): overall,
        ("customer", "Ada"): (1 + 4 * overall) / (1 + 4),
        ("customer", "Bo"): (1 + 4 * overall) / (2 + 4),
    }


def test_each_rate_is_smoothed_to_the_overall_rate_of_its_own_window_and_night():
    features = {"short": rate(nights=1, smoothing=1.0), "long": rate(nights=3, smoothing=1.0), "n": window("count", nights=5)}
    payments = [paid(0, by_card=True), paid(0, by_card=False, customer="Bo"), paid(2, by_card=True, customer="Bo")]
    payments += [paid(1, by_card=False), paid(4, by_card=False, customer="Cy")]
    rows = Records(shop(features), payments=payments).table("aggregates", Nights(ago(1), NIGHT))
    found = {(row["night"], row["key"]): (row["short"], row["long"], row["n"]) for row in rows}
    assert found == {
        (NIGHT, ""): (0.5, 0.5, None),
        (NIGHT, "Ada"): (0.75, (1 + 0.5) / 3, 2.0),
        (NIGHT, "Bo"): (0.25, (1 + 0.5) / 3, 2.0),
        (NIGHT, "Cy"): (None, None, 1.0),
        (ago(1), ""): (0.0, 0.5, None),
        (ago(1), "Ada"): (0.0, 0.25, 1.0),
        (ago(1), "Bo"): (None, 0.75, 1.0),
        (ago(1), "Cy"): (None, None, 1.0),
    }


def test_a_rate_without_records_in_its_window_leaves_the_longer_windows_their_rows():
    features = {"share": rate(nights=1), "n": window("count", nights=5)}
    (row,) = [row for row in Records(shop(features), payments=[paid(2)]).table("aggregates") if row["by"]]
    assert (row["share"], row["n"]) == (None, 1.0)


# --- which statements --------------------------------------------------------------------------------------------------


def test_one_pass_serves_a_source_and_one_more_each_family_of_distinct_values():
    features = {
        "kinds": window("distinct", "kind"),
        "card_kinds": window("distinct", "kind", where="by_card"),
        "kinds_again": window("distinct", "kind", nights=9),
        "share": rate(by=["city"]),
        "bought": window("count", source="orders"),
        "n": window("count"),
    }
    use_case = shop(features)
    windows = list(windows_of(use_case, over_records(use_case), one(NIGHT), None))
    assert [(each.source, sorted(each.features), each.groupings) for each in windows] == [
        ("orders", ["bought"], ["customer"]),
        ("payments", ["n", "share"], ["city", "customer", ""]),
        *[("payments", names, ["customer"]) for names in _sorted_by_family(use_case)],
    ]


def _sorted_by_family(use_case):
    families = by_family({name: feature for name, feature in over_records(use_case).items() if "kinds" in name})
    return [sorted(families[family]) for family in sorted(families, key=lambda family: family.name)]


def test_features_of_one_family_stand_together_in_sorted_families():
    use_case = shop({"b": window("count", by=["city"]), "a": window("sum", "amount"), "c": window("count")})
    found = by_family(over_records(use_case))
    assert [(family.by, list(features)) for family, features in found.items()] == [
        (("city",), ["b"]),
        (("customer",), ["a", "c"]),
    ]


def test_a_range_reaches_over_the_end_of_a_month_and_a_leap_day():
    first = NIGHT.replace(month=2, day=28)
    payments = [record(first + timedelta(days=day), customer="Ada", amount=1.0) for day in range(4)]
    rows = Records(shop({"n": window("count")}), payments=payments).table(
        "aggregates", Nights(first, first + timedelta(days=4))
    )
    assert sorted((row["night"] - first).days for row in rows) == [0, 1, 2, 3, 4]
    assert {(row["night"] - first).days: row["n"] for row in rows} == {0: 1.0, 1: 2.0, 2: 3.0, 3: 3.0, 4: 2.0}
