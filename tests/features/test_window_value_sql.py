"""A feature's value over its window: every function on a few records, against what a person would compute."""

from __future__ import annotations

import math
import statistics
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nightloop.features.tiles import measures_of
from nightloop.features.window_value_sql import Total, totals_of
from nightloop.nights import Nights
from tests.features.in_memory import NIGHT, Records, ago, at, one_value, rate, record, shop, window


def payments(*amounts, **columns):
    """Return one record a night back from NIGHT, with these amounts."""
    return [record(ago(age), payment_id=age, customer="Ada", amount=amount, **columns) for age, amount in enumerate(amounts)]


@pytest.mark.parametrize(
    ("function", "amounts", "value"),
    [
        ("sum", (1.5, 2.25), 3.75),
        ("sum", (1.5, None, -4.0), -2.5),
        ("sum", (0.0,), 0.0),
        ("sum", (None, None), None),
        ("mean", (1.0, 2.0, 6.0), 3.0),
        ("mean", (1.0, None, 2.0), 1.5),
        ("mean", (-2.0, 2.0), 0.0),
        ("mean", (None,), None),
        ("min", (3.0, -1.5, None), -1.5),
        ("max", (3.0, -1.5, None), 3.0),
        ("min", (None,), None),
        ("max", (None, None), None),
        ("std", (1.0, 3.0), math.sqrt(2.0)),
        ("std", (1.0, None, 3.0), math.sqrt(2.0)),
        ("std", (2.0, 2.0, 2.0), 0.0),
        ("std", (2.0,), None),
        ("std", (2.0, None), None),
        ("std", (None,), None),
        ("last", (7.0, 9.0), 7.0),
        ("last", (None, 9.0, 8.0), 9.0),
        ("last", (0.0, 9.0), 0.0),
        ("last", (None,), None),
    ],
)
def test_a_function_of_the_numbers_of_a_window(function, amounts, value):
    assert one_value(window(function, "amount"), payments(*amounts)) == value


@pytest.mark.parametrize(
    "amounts", [(1.1, 2.2, 3.4), (-5.0, 12.25, 0.75), (1e6, 1e6 + 0.01, 1e6 - 0.5), (1e8, 3e8 + 0.25, 2e8), (0.0, 0.01, 0.02)]
)
def test_std_is_that_of_a_sample(amounts):
    assert one_value(window("std", "amount"), payments(*amounts)) == pytest.approx(statistics.stdev(amounts), rel=1e-9)


def test_std_and_mean_of_several_records_of_one_night_and_of_several_nights_are_those_of_all_records():
    records = payments(1.0, 2.0) + payments(10.0, 20.0) + payments(100.0, None)
    amounts = [1.0, 2.0, 10.0, 20.0, 100.0]
    assert one_value(window("std", "amount"), records) == pytest.approx(statistics.stdev(amounts), rel=1e-12)
    assert one_value(window("mean", "amount"), records) == pytest.approx(statistics.mean(amounts), rel=1e-12)


@pytest.mark.parametrize(("scale", "value"), [(0, 3.0), (1, 2.6), (2, 2.51), (3, 2.512)])
@pytest.mark.parametrize("function", ["sum", "mean"])
def test_each_number_is_rounded_half_up_to_its_decimals_before_it_is_summed(function, scale, value):
    assert one_value(window(function, "amount", scale=scale), payments({0: 2.5, 1: 2.55, 2: 2.505, 3: 2.5115}[scale])) == value


def test_negative_numbers_round_half_up_too():
    assert one_value(window("sum", "amount", scale=0), payments(-2.5, -2.51)) == -5.0  # -2 and -3


def test_extremes_and_the_newest_value_are_not_rounded_and_have_one_zero():
    for function in ("min", "max", "last"):
        assert one_value(window(function, "amount"), payments(0.123456)) == 0.123456
        assert math.copysign(1.0, one_value(window(function, "amount"), payments(-0.0))) == 1.0


def test_a_count_counts_records_with_or_without_a_number():
    assert one_value(window("count"), payments(1.0, None, 3.0)) == 3.0


@pytest.mark.parametrize(
    ("kinds", "value"), [(("a", "b", "a"), 2.0), (("a", None, ""), 2.0), (("a|b", "a%7Cb"), 2.0), ((None, None), None)]
)
def test_distinct_counts_values_and_no_missing_one(kinds, value):
    records = [record(ago(age), customer="Ada", kind=kind) for age, kind in enumerate(kinds)]
    assert one_value(window("distinct", "kind"), records) == value


def test_only_records_of_the_condition_count_and_a_missing_condition_does_not_hold():
    records = [
        *payments(1.0, by_card=True),
        *payments(10.0, by_card=False),
        *payments(100.0, by_card=None),
        *payments(1000.0, by_card=True),
    ]
    for function, value in (("count", 2.0), ("sum", 1001.0), ("min", 1.0), ("max", 1000.0), ("mean", 500.5), ("last", 1000.0)):
        of = None if function == "count" else "amount"
        assert one_value(window(function, of, where="by_card"), records) == value


def test_a_condition_that_no_record_meets_leaves_a_count_of_zero_and_no_other_value():
    features = {
        name: window(name, of, where="by_card") for name, of in (("count", None), ("sum", "amount"), ("time_since", None))
    }
    records = Records(shop(features), payments=payments(1.0, by_card=False))
    assert records.by_key() == {"Ada": {"count": 0.0, "sum": None, "time_since": None}}


def test_distinct_values_of_a_condition():
    records = [record(NIGHT, customer="Ada", kind=kind, by_card=kind != "c") for kind in "abcb"]
    assert one_value(window("distinct", "kind", where="by_card"), records) == 2.0


# --- the newest record -------------------------------------------------------------------------------------------------


def dated(moment: datetime, amount: float | None = None, night=NIGHT):
    return record(night, customer="Ada", amount=amount, event_at=moment)


def test_the_newest_value_is_that_of_the_latest_event_not_of_the_largest_or_the_last_to_arrive():
    records = [dated(at(ago(1), 9), 1.0), dated(at(ago(1), 10), 2.0, ago(1)), dated(at(ago(1), 8), 3.0)]
    assert one_value(window("last", "amount"), records) == 2.0


def test_of_several_events_at_one_time_the_largest_value_is_the_newest():
    assert one_value(window("last", "amount"), [dated(at(NIGHT), amount) for amount in (1.0, 5.0, -9.0)]) == 5.0


def test_an_event_without_a_value_is_not_the_newest_value():
    assert one_value(window("last", "amount"), [dated(at(NIGHT, 9), 4.0), dated(at(NIGHT, 10))]) == 4.0


@pytest.mark.parametrize(
    ("moment", "hours"), [(at(NIGHT, 0), 24.0), (at(NIGHT, 12), 12.0), (at(NIGHT, 23, 30), 0.5), (at(ago(1), 18), 30.0)]
)
@pytest.mark.parametrize("nights", [NIGHT, Nights(ago(1), NIGHT)])
def test_time_since_is_hours_from_the_newest_event_to_the_cut_off(moment, hours, nights):
    records = [dated(moment), dated(moment - timedelta(hours=5))]
    assert one_value(window("time_since"), records, nights=nights) == hours


def test_time_since_is_exact_to_the_microsecond():
    last = at(NIGHT, 23, 59) + timedelta(seconds=59, microseconds=999_999)
    assert one_value(window("time_since"), [dated(last)]) == 1 / 3_600_000_000


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", "UTC"])
@pytest.mark.parametrize("nights", [NIGHT, Nights(ago(1), NIGHT)])
def test_the_cut_off_is_the_end_of_the_night_in_the_time_zone_of_the_use_case(zone, nights):
    midnight = datetime(2024, 3, 21, tzinfo=ZoneInfo(zone))
    records = [record(NIGHT, customer="Ada", event_at=midnight - timedelta(hours=3), event_night=NIGHT)]
    assert one_value(window("time_since"), records, time_zone=zone, nights=nights) == 3.0


# --- rates and ratios --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 1.0, 20.0])
def test_a_rate_is_smoothed_towards_the_overall_rate(smoothing):
    records = payments(1.0, 2.0, 3.0, by_card=True)[:1] + payments(1.0, 1.0, 1.0, by_card=False)
    records += [record(NIGHT, customer="Bo", by_card=True)] * 4
    overall = 5 / 8
    assert one_value(rate(smoothing=smoothing), records) == (1 + smoothing * overall) / (4 + smoothing)


def test_a_hit_that_is_missing_is_a_record_and_no_hit():
    records = payments(1.0, by_card=True) + payments(1.0, by_card=None) + payments(1.0, by_card=False)
    assert one_value(rate(), records) == pytest.approx(1 / 3)


def test_only_records_of_the_condition_are_in_a_rate_and_in_its_prior():
    records = payments(50.0, by_card=True) + payments(50.0, by_card=False) + payments(1.0, 1.0, by_card=True)
    records += [record(NIGHT, customer="Bo", amount=99.0, by_card=False)]
    assert one_value(rate(where="amount > 10", smoothing=3.0), records) == (1 + 3 * (1 / 3)) / (2 + 3)


def test_a_key_without_a_record_of_the_condition_has_no_rate_of_its_own():
    records = [*payments(1.0, by_card=True), record(NIGHT, customer="Bo", amount=99.0, by_card=True)]
    assert one_value(rate(where="amount > 10", smoothing=3.0), records) is None


def ratio(function="sum", of="amount", nights=1, to_nights=3, **changes):
    feature = {"kind": "ratio", "source": "payments", "function": function, "by": ["customer"], "nights": nights}
    return feature | {"to_nights": to_nights} | ({"of": of} if of else {}) | changes


@pytest.mark.parametrize(
    ("feature", "amounts", "value"),
    [
        (ratio(), (1.0, 2.0, 5.0, 100.0), 0.125),
        (ratio(nights=2), (1.0, 2.0, 5.0, 100.0), 0.375),
        (ratio("mean"), (4.0, 1.0, 1.0, 100.0), 2.0),
        (ratio("count", None), (None, 1.0, 1.0, 100.0), 1 / 3),
        (ratio(), (2.0, -2.0), None),
        (ratio("mean"), (1.0, -1.0), None),
        (ratio(), (None, 4.0), None),
        (ratio(), (0.0, 4.0), 0.0),
        (ratio(), (None, None), None),
    ],
)
def test_a_ratio_is_the_short_window_by_the_long_one_and_missing_where_that_is_zero(feature, amounts, value):
    found = one_value(feature, payments(*amounts))
    assert found == (None if value is None else pytest.approx(value))


def test_a_ratio_rounds_to_its_scale():
    assert one_value(ratio(scale=0), payments(0.4, 1.0)) == 0.0
    assert one_value(ratio(scale=1), payments(0.4, 1.0)) == pytest.approx(0.4 / 1.4)


# --- totals ------------------------------------------------------------------------------------------------------------


def test_a_ratio_needs_its_totals_over_both_windows_and_others_over_their_own():
    features = shop({"ratio": ratio(), "rate": rate(nights=2), "std": window("std", "amount", nights=7)}).features
    assert [total.nights for total in totals_of(features["ratio"])] == [1, 1, 3, 3]
    assert [total.nights for total in totals_of(features["rate"])] == [2, 2]
    assert totals_of(features["std"]) == [Total(measure, 7) for measure in measures_of(features["std"])]


def test_totals_of_two_windows_are_two_columns():
    (measure,) = measures_of(shop({"n": window("count")}).features["n"])
    assert Total(measure, 3).column == f"{measure.column}_3"
    assert Total(measure, 3) < Total(measure, 28)
