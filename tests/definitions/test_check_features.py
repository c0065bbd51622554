"""Each feature's parts exist and fit together; what is refused is told at the part, what is on the border is accepted."""

from __future__ import annotations

import pytest

from nightloop.definitions.checking.rules import RESERVED
from tests.definitions.rides import ABSENT, accepted, assert_told

PEERS = {"kind": "peers", "by": ["zone"], "description": "Rides."}


@pytest.mark.parametrize("name", [*RESERVED, "by", "key", "ride_id"])
def test_a_feature_is_not_called_like_a_column_of_its_table(name):
    assert_told({f"features.{name}": PEERS}, f"features.{name}", f"the feature name '{name}' is taken", "Choose another name.")


@pytest.mark.parametrize("name", ["zone", "rider_id", "label", "nights"])
def test_other_names_are_free(name):
    assert name in accepted({f"features.{name}": PEERS}).features


@pytest.mark.parametrize(
    ("ends", "default"),
    [([0, 300], 0), ([0, 300], 300), ([5, 5], 5), ([-1, 0], None), ([-1.5, -0.5], -1), ([0, 0], 0)],
)
def test_a_default_lies_within_the_range_ends_included(ends, default):
    assert accepted({"features.distance.range": ends, "features.distance.default": default}).features["distance"].range


def test_a_default_without_a_range_is_any_number():
    assert accepted({"features.distance.range": ABSENT, "features.distance.default": -1e9}).features["distance"].default == -1e9


@pytest.mark.parametrize("default", [-0.001, 300.001])
def test_a_default_outside_the_range_is_told(default):
    what = f"the default {default} is outside the range [0.0, 300.0]."
    assert_told({"features.distance.default": default}, "features.distance.default", what, "Widen the range.")


def test_a_range_in_reverse_is_told_and_its_default_not_judged_by_it():
    change = {"features.distance.range": [1, 0.999], "features.distance.default": 7}
    assert_told(change, "features.distance.range", "the range [1.0, 0.999] ends before it begins.", "Write [low, high].")


@pytest.mark.parametrize("name", ["distance", "distance_before"])
def test_a_value_of_the_entity_s_own_row_is_a_number_or_a_boolean(name):
    at = f"features.{name}.expression"
    for right in ("distance * 2", "shared", "rider_id", "zone = 'a'"):
        assert accepted({at: right})
    assert_told({at: "zone"}, at, "'zone' yields a string.", "It must yield a number or a boolean.")
    assert_told({at: "ordered_on"}, at, "'ordered_on' yields a date.", "It must yield a number or a boolean.")
    assert_told({at: "fare"}, at, "unknown column 'fare'", "Columns: distance, ordered_on, ride_id, rider_id, shared, zone.")


@pytest.mark.parametrize(("name", "part"), [("zone_shared", "columns"), ("zone_rides", "by")])
def test_a_key_of_the_entity_is_a_text_an_integer_a_date_or_a_boolean(name, part):
    at = f"features.{name}.{part}"
    for right in (["zone"], ["rider_id"], ["ordered_on"], ["shared"], ["zone", "rider_id", "shared"]):
        assert accepted({at: right})
    what = "'distance' is a number and cannot be a key."
    assert_told({at: ["zone", "distance"]}, at, what, "A key is a string, integer, date, boolean.")
    assert_told({at: ["fare"]}, at, f"unknown column 'fare' in '{part}'.", "Columns of the entity:")


def test_a_timestamp_is_no_key():
    assert_told({"features.rider_drivers.of": "ended_at"}, "features.rider_drivers.of", "'ended_at' is a timestamp and cannot")


# --- look-ups ----------------------------------------------------------------------------------------------------------

RAIN = "features.evening_rain"


def test_a_look_up_may_use_the_night_and_the_source_s_columns_only():
    for right in ("rain", "rain > 3", "hour", "weekday(night)", "case when month(night) = 1 then rain end"):
        assert accepted({f"{RAIN}.expression": right})
    assert_told({f"{RAIN}.expression": "zone"}, f"{RAIN}.expression", "yields a string", "a number or a boolean")
    assert_told(
        {f"{RAIN}.expression": "distance"}, f"{RAIN}.expression", "unknown column 'distance'", "Columns: hour, night, rain"
    )


def test_a_look_up_joins_source_columns_to_entity_columns():
    assert_told({f"{RAIN}.by": {"zones": "zone"}}, f"{RAIN}.by", "unknown column 'zones' in 'by'.", "Columns of weather:")
    assert_told({f"{RAIN}.by": {"zone": "zones"}}, f"{RAIN}.by", "unknown column 'zones' in 'by'.", "Columns of the entity:")
    assert_told(
        {f"{RAIN}.by": {"hour": "zone"}}, f"{RAIN}.by", "'hour' is of type integer in the source, 'zone' of type string"
    )
    assert_told({f"{RAIN}.by": {"rain": "distance"}}, f"{RAIN}.by", "'rain' is a number and cannot be a key.")
    assert accepted({f"{RAIN}.by": {"zone": "zone", "hour": "rider_id"}})


def test_a_look_up_of_an_unknown_source_is_told_once():
    change = {f"{RAIN}.source": "weathers", f"{RAIN}.by": {"nothing": "nowhere"}, f"{RAIN}.latest_by": "never"}
    assert_told(change, f"{RAIN}.source", "unknown source 'weathers'.", "Did you mean 'weather'?")


ONE_OR_SEVERAL = {
    # (by, latest_by, within) of a look-up in a source that is unique by zone and hour: whether it finds one record
    "the newest by a column": ({"zone": "zone"}, "hour", 1, True),
    "several of one night": ({"zone": "zone"}, None, 1, False),
    "the whole key": ({"zone": "zone", "hour": "rider_id"}, None, 1, True),
    "the other half of the key": ({"hour": "rider_id"}, None, 1, False),
    "the newest within some nights": ({"zone": "zone"}, None, 2, True),
    "the newest by a column within some nights": ({"zone": "zone"}, "hour", 2, True),
}


@pytest.mark.parametrize("name", ONE_OR_SEVERAL)
def test_a_look_up_finds_one_record(name):
    by, latest_by, within, one = ONE_OR_SEVERAL[name]
    change = {f"{RAIN}.by": by, f"{RAIN}.latest_by": latest_by, f"{RAIN}.within": within}
    if one:
        assert accepted(change)
    else:
        assert_told(change, RAIN, "one key can have several records: 'weather' is unique by zone, hour.", "latest_by")


def test_a_look_up_is_ordered_by_a_column_of_the_source():
    assert_told({f"{RAIN}.latest_by": "distance"}, f"{RAIN}.latest_by", "unknown column 'distance'", "Columns of weather")


# --- features over records ---------------------------------------------------------------------------------------------

OVER_RECORDS = [
    "zone_rate",
    "rider_count",
    "rider_mean",
    "rider_sum",
    "rider_drivers",
    "rider_last",
    "rider_since",
    "rider_ratio",
]


@pytest.mark.parametrize("name", OVER_RECORDS)
def test_every_feature_over_records_has_a_source_a_key_and_may_have_a_filter(name):
    at = f"features.{name}"
    assert accepted({f"{at}.where": "fare > 3 and not cancelled", f"{at}.by": ["zone", "rider_id"]})
    assert_told({f"{at}.where": "fare"}, f"{at}.where", "'fare' yields a number.", "It must yield a boolean.")
    assert_told({f"{at}.where": "distance > 3"}, f"{at}.where", "unknown column 'distance'", "Columns: cancelled, driver")
    assert_told({f"{at}.by": ["shared"]}, f"{at}.by", "unknown column 'shared' in 'by'.", "Columns of outcomes:")
    assert_told({f"{at}.by": ["driver"]}, f"{at}.by", "unknown column 'driver' in 'by'.", "Columns of the entity:")
    assert_told({f"{at}.by": ["fare"]}, f"{at}.by", "'fare' is a number and cannot be a key.", "A key is a")
    assert_told({f"{at}.source": "outcome"}, f"{at}.source", "unknown source 'outcome'.", "Did you mean 'outcomes'?")


def test_a_key_that_source_and_entity_share_is_of_one_type():
    change = {"sources.outcomes.columns.zone.type": "integer"}
    text = "'zone' is of type integer in the source, 'zone' of type string in the entity."
    assert_told(change, "features.zone_rate.by", text, "Declare both as the same type.")


def test_a_rate_is_of_a_condition():
    at = "features.zone_rate.of"
    assert accepted({at: "fare > 3 and driver = 'x'"})
    assert_told({at: "fare"}, at, "'fare' yields a number.", "It must yield a boolean.")
    assert_told({at: "shared"}, at, "unknown column 'shared'", "Columns: cancelled, driver")


NEEDS_NUMBER = ["sum", "mean", "min", "max", "std", "last"]


@pytest.mark.parametrize("function", NEEDS_NUMBER)
def test_what_is_aggregated_is_a_number(function):
    at = "features.rider_mean"
    assert accepted({f"{at}.function": function, f"{at}.of": "fare * 2"})
    assert_told({f"{at}.function": function, f"{at}.of": "driver"}, f"{at}.of", "yields a string", "It must yield a number.")
    assert_told(
        {f"{at}.function": function, f"{at}.of": "cancelled"}, f"{at}.of", "yields a boolean", "It must yield a number."
    )
    assert_told(
        {f"{at}.function": function, f"{at}.of": ABSENT}, at, f"'{function}' needs 'of'.", "Name the number to aggregate"
    )


def test_distinct_counts_the_values_of_a_column():
    at = "features.rider_drivers"
    for right in ("driver", "zone", "cancelled", "rider_id"):
        assert accepted({f"{at}.of": right})
    assert_told({f"{at}.of": ABSENT}, at, "'distinct' needs 'of'.", "the column for distinct")
    assert_told({f"{at}.of": "shared"}, f"{at}.of", "unknown column 'shared' in 'of'.", "Columns of outcomes:")
    assert_told({f"{at}.of": "fare"}, f"{at}.of", "'fare' is a number and cannot be a key.")


@pytest.mark.parametrize(
    ("name", "function"), [("rider_count", "count"), ("rider_since", "time_since"), ("rider_ratio", "count")]
)
def test_what_looks_at_records_takes_nothing_to_aggregate(name, function):
    at = f"features.{name}"
    assert accepted({f"{at}.function": function, f"{at}.of": None})
    what = f"'{function}' looks at records, not at 'fare'."
    assert_told({f"{at}.function": function, f"{at}.of": "fare"}, f"{at}.of", what, "Leave it out; filter with where.")


@pytest.mark.parametrize("function", ["count", "sum", "mean"])
def test_a_ratio_is_of_a_count_a_sum_or_a_mean(function):
    change = {"features.rider_ratio.function": function, "features.rider_ratio.of": None if function == "count" else "fare"}
    assert accepted(change)


@pytest.mark.parametrize("function", ["last", "time_since"])
def test_what_has_an_order_in_time_needs_the_time_of_the_event(function):
    at = "features.rider_mean"
    change = {f"{at}.function": function, f"{at}.source": "zones", f"{at}.by": ["zone"]}
    change[f"{at}.of"] = "area" if function == "last" else ABSENT
    assert_told(change, f"{at}.source", "'zones' does not say when things happen.", "Give that source an event_at.")
    assert accepted(change | {"sources.zones.event_at": "seen_at"})


@pytest.mark.parametrize("function", ["count", "sum", "mean", "min", "max", "std", "distinct"])
def test_what_has_no_order_in_time_needs_no_time_of_the_event(function):
    at = "features.rider_mean"
    of = {"count": ABSENT, "distinct": "zone"}.get(function, "area")
    assert accepted({f"{at}.function": function, f"{at}.source": "zones", f"{at}.by": ["zone"], f"{at}.of": of})


@pytest.mark.parametrize("function", ["count", "min", "max", "distinct", "last", "time_since"])
def test_a_scale_is_refused_where_nothing_is_summed(function):
    at = "features.rider_mean"
    of = {"count": ABSENT, "time_since": ABSENT, "distinct": "driver"}.get(function, "fare")
    change = {f"{at}.function": function, f"{at}.of": of, f"{at}.scale": 2}
    assert_told(change, f"{at}.scale", f"'{function}' sums nothing that could be rounded.", "Leave out 'scale'.")


@pytest.mark.parametrize(("name", "function"), [("rider_mean", f) for f in ("sum", "mean", "std")] + [("rider_ratio", "sum")])
def test_a_scale_is_accepted_where_something_is_summed(name, function):
    change = {f"features.{name}.function": function, f"features.{name}.scale": 0}
    assert accepted(change).features[name].scale == 0


@pytest.mark.parametrize(("nights", "to_nights", "shorter"), [(1, 2, True), (27, 28, True), (28, 28, False), (29, 28, False)])
def test_a_ratio_divides_a_short_window_by_a_longer_one(nights, to_nights, shorter):
    change = {"features.rider_ratio.nights": nights, "features.rider_ratio.to_nights": to_nights}
    if shorter:
        assert accepted(change)
    else:
        what = f"nights {nights} is not shorter than to_nights {to_nights}."
        assert_told(change, "features.rider_ratio.to_nights", what, "The short window is divided by the long one.")
