"""The borders of every number and name that a definition declares: the last that is accepted, and the first that is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nightloop.definitions.connectors import SqlConnector
from nightloop.definitions.strict import Strict
from tests.definitions.rides import accepted, assert_told

SQL_CONNECTOR = {"kind": "sql", "connection": "rides", "table": "t"}
# A path: what is accepted on the borders, and what is refused beyond them.
BORDERS = {
    "sources.outcomes.revised_within": ([1, 366], [-1, 367]),
    "label.matures_after": ([0, 1, 400], [-1]),
    "features.zone_shared.buckets": ([2, 65536], [1, 65537]),
    "features.distance_before.nights": ([1, 3660], [0, 3661]),
    "features.evening_rain.within": ([1, 3660], [0, 3661]),
    "features.zone_rate.nights": ([1, 3660], [0, 3661]),
    "features.zone_rate.smoothing": ([0, 0.5], [-0.001]),
    "features.rider_mean.nights": ([1, 3660], [0, 3661]),
    "features.rider_mean.scale": ([0, 6], [-1, 7]),
    "features.rider_ratio.nights": ([1, 27], [0]),
    "features.rider_ratio.to_nights": ([8, 3660], [3661]),
    "features.rider_ratio.scale": ([0, 6], [-1, 7]),
    "model.decision_threshold": ([0.0001, 0.9999], [0, 1]),
    "model.window_nights": ([1, None], [0]),
    "model.reasons": ([0, 3], [-1, 4]),
    "gates.performance.margin_to_champion": ([0, 0.5], [-0.001]),
    "gates.performance.yearly_budget": ([0.04, 0.5], [-0.001]),
    "gates.performance.rule": (["non_inferior", "superior"], ["better"]),
    "gates.performance.over_baseline": ([-1, 1], []),
    "gates.performance.minimum_rows": ([1], [0]),
    "gates.fairness.maximum": ([0.001, 1], [0, -1, 1.001]),
    "gates.fairness.minimum_group_rows": ([1], [0]),
    "gates.fairness.limits": (
        [{"selection_rate_ratio": 1}, {"calibration_bias": 2}],
        ["0.8", 1],  # what is beyond a limit is told at its own line: test_check_fairness.py
    ),
    "risk": (["low", "medium", "high"], ["none"]),
    "engine": (["spark", "local", "auto"], ["flink"]),
    "contracts": (["flights", None], ["Flights"]),
}
PARTS = {
    # A mapping that is absent from the right file: the key in it, what is accepted and what is refused.
    ("model.split", "validate_nights"): ([1], [0]),
    ("model.split", "calibrate_nights"): ([1], [0]),
    ("model.split", "minimum_fit_nights"): ([1], [0]),
    ("gates.calibration", "maximum_error"): ([0.001], [0]),
    ("gates.calibration", "maximum_bias"): ([0.001], [0]),
    ("gates.calibration", "maximum_group_bias"): ([0.001], [0]),
    ("gates.calibration", "minimum_rows"): ([1], [0]),
    ("gates.behaviour", "maximum_reversal"): ([0, 1], [-0.001]),
    ("gates.behaviour", "maximum_change"): ([0, 1], [-0.001, 1.001]),
    ("gates.bundle", "maximum_megabytes"): ([0.001], [0]),
    ("gates.bundle", "maximum_milliseconds_a_row"): ([0.001], [0]),
    ("gates.approval", "deadline_hours"): ([0.001, 8760], [0, 8760.1]),
    ("gates.approval", "by_another_person"): ([True, False], ["perhaps"]),
    ("monitoring", "psi_limit"): ([0.001], [0]),
    ("monitoring", "drifted_share_limit"): ([0.001, 1], [0, 1.001]),
    ("monitoring", "minimum_rows"): ([1], [0]),
    ("monitoring", "auc_floor"): ([0, 1], [-0.001, 1.001]),
    ("monitoring", "performance_nights"): ([1], [0]),
    ("monitoring", "html"): (["always", "when_drift", "never"], ["sometimes"]),
    ("retrain", "maximum_age_nights"): ([1], [0]),
    ("retrain", "drifted_nights"): ([1], [0]),
    ("retrain", "cool_down_nights"): ([0], [-1]),
    ("sources.outcomes.connector", "maximum_bytes"): ([1, 2**31 - 1], [0, 2**31]),
    ("sources.outcomes.connector", "maximum_cell_bytes"): ([1], [0]),
    ("sources.outcomes.connector", "table"): (["t"], [""]),
    ("sources.outcomes.connector", "schema"): (["s", None], [""]),
    ("sources.outcomes.connector", "incremental"): (["written_at", None], [""]),
    ("sources.rides.connector", "arrives_by"): (
        ["00:00", "23:59", "23:59:59"],
        ["24:00", "23:60", "9:00", "23:59:60"],
    ),
}


@pytest.mark.parametrize("path", BORDERS)
def test_a_value_on_the_border_is_accepted_and_one_beyond_it_told(path):
    for value in BORDERS[path][0]:
        assert accepted({path: value})
    for value in BORDERS[path][1]:
        assert_told({path: value}, path, "")


@pytest.mark.parametrize(("holder", "key"), PARTS)
def test_a_part_on_the_border_is_accepted_and_one_beyond_it_told(holder, key):
    held = {"sources.outcomes.connector": SQL_CONNECTOR}.get(holder, {})
    if holder == "sources.rides.connector":
        held = {"kind": "files", "pattern": "data/{night}.csv"}
    for value in PARTS[holder, key][0]:
        assert accepted({holder: held | {key: value}})
    for value in PARTS[holder, key][1]:
        assert_told({holder: held | {key: value}}, f"{holder}.{key}", "")


LONGEST = "a" * 63


@pytest.mark.parametrize("name", ["a", "a1_", LONGEST])
def test_a_name_has_small_letters_digits_and_underscores(name):
    feature = {"kind": "peers", "by": ["zone"], "description": "Rides."}
    assert name in accepted({f"features.{name}": feature}).features


@pytest.mark.parametrize("name", ["", "1a", "_a", "A", "a-b", "ä", "a b", LONGEST + "a"])
def test_another_name_is_told(name):
    feature = {"kind": "peers", "by": ["zone"], "description": "Rides."}
    assert_told({f"features.{name}": feature}, f"features.{name}", "is named", "Names begin with a small letter")


LISTS = {
    "entity.key": [],
    "sources.zones.key": [],
    "features.zone_shared.columns": [],
    "features.zone_rides.by": [],
    "features.zone_rate.by": [],
    "features.evening_rain.by": {},
    "label.join": {},
    "features": {},
}


@pytest.mark.parametrize("path", LISTS)
def test_what_must_hold_something_is_not_empty(path):
    assert_told({path: LISTS[path]}, path, "reads", "at least 1")


def test_a_cross_is_of_four_columns_at_most_and_a_look_up_by_three():
    assert accepted({"features.zone_shared.columns": ["zone", "shared", "rider_id", "ride_id"]})
    five = ["zone", "shared", "rider_id", "ride_id", "ordered_on"]
    assert_told({"features.zone_shared.columns": five}, "features.zone_shared.columns", "reads", "at most 4")
    four = {"a": "zone", "b": "zone", "c": "zone", "d": "zone"}
    assert_told({"features.evening_rain.by": four}, "features.evening_rain.by", "reads", "at most 3")


def test_what_was_declared_can_not_be_changed_afterwards() -> None:
    for model in every_model(Strict):
        assert (model.model_config["frozen"], model.model_config["extra"]) == (True, "forbid"), model


def every_model(model: type[Strict]) -> Iterator[type[Strict]]:
    yield model
    for narrower in model.__subclasses__():
        yield from every_model(narrower)


def test_a_table_of_a_database_that_was_written_down_is_read_again_with_its_schema() -> None:
    declared = SqlConnector.model_validate({"kind": "sql", "connection": "shop", "table": "t", "schema": "s"})
    assert SqlConnector.model_validate(declared.model_dump(mode="json")) == declared
    assert declared.schema_ == "s"
