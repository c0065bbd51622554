"""What stands for {$PARAMETER: name} in a rule of a night."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

from nightloop.contracts.history_limits import OF_COLUMN, History
from nightloop.contracts.parameters import Parameters, dates, parameters_of, referred_values, volume
from nightloop.contracts.suite_checks import PARAMETERS
from tests.contracts.rules import rule, suite

NIGHT = date(2024, 3, 9)  # in New York the clocks change in the night after it
BETWEEN = "column_values_to_be_between"


def test_the_dates_of_a_night_end_with_its_local_day() -> None:
    assert dates(NIGHT, "America/New_York") == {
        "night": date(2024, 3, 9),
        "next_night": date(2024, 3, 10),
        "night_start": datetime(2024, 3, 9, 5, tzinfo=UTC),
        "evening": datetime(2024, 3, 9, 23, tzinfo=UTC),
        "night_end": datetime(2024, 3, 10, 4, 59, 59, 999999, tzinfo=UTC),
    }
    next_day = dates(NIGHT + timedelta(days=1), "America/New_York")
    assert next_day["night_start"] == datetime(2024, 3, 10, 5, tzinfo=UTC)
    assert next_day["night_end"] == datetime(2024, 3, 11, 3, 59, 59, 999999, tzinfo=UTC), "a day of 23 hours"


def history(rows: int, weekday_rows: int) -> dict[date, History]:
    return {NIGHT - timedelta(days=i): History(rows if i % 7 else weekday_rows) for i in range(1, 22)}


def test_the_number_of_rows_to_expect_is_rounded_outwards() -> None:
    found = volume(NIGHT, history(10, 101), suite(recent=(0.3, 3.0)))
    assert found == {"rows_low": 30, "rows_high": 303, "rows_low_weekday": 50, "rows_high_weekday": 202}
    assert volume(NIGHT, history(10, 7), suite(recent=(0.5, 1.5))) == {
        "rows_low": 3, "rows_high": 11, "rows_low_weekday": 3, "rows_high_weekday": 14,
    }  # fmt: skip


def test_without_enough_nights_no_number_of_rows_is_expected() -> None:
    few = {NIGHT - timedelta(days=i): History(10) for i in (1, 2, 3)}
    assert volume(NIGHT, few, suite()) == {"rows_low": 3, "rows_high": 30}, "no weekday among them"
    assert volume(NIGHT, {}, suite()) == {}
    silent = {NIGHT - timedelta(days=7 * i): History(0) for i in range(1, 9)}
    assert volume(NIGHT, silent, suite()) == {}, "nights without rows tell nothing"


def test_parameters_stand_in_a_rule_and_everything_else_stays() -> None:
    parameters = parameters_of(NIGHT, "UTC", {}, suite())
    asked = rule(BETWEEN, column="day", min_value={"$PARAMETER": "night"}, max_value=date(2024, 4, 1))
    assert parameters.arguments(asked) == {"column": "day", "min_value": NIGHT, "max_value": date(2024, 4, 1)}
    nested = rule("column_quantile_values_to_be_between", column="x", quantile_ranges={"quantiles": [0.5]})
    assert parameters.arguments(nested) == {"column": "x", "quantile_ranges": {"quantiles": [0.5]}}


@pytest.mark.parametrize("name", ["rows_low", "rows_high_weekday", "no_such_parameter", "median_low", "referred_values"])
def test_a_rule_of_which_one_parameter_is_not_known_has_no_arguments(name: str) -> None:
    asked = rule(BETWEEN, column="x", min_value={"$PARAMETER": name}, max_value=1)
    assert parameters_of(NIGHT, "UTC", {}, suite()).arguments(asked) is None


def test_limits_of_a_column_are_those_of_the_rule_s_column_and_tolerance() -> None:
    columns = {"x": {"missing": 0, "quantiles": [1.0, 2.0, 3.0, 4.0, 5.0]}, "y": {"missing": 0, "quantiles": [9.0] * 5}}
    nights = {NIGHT - timedelta(days=i): History(100, columns) for i in range(1, 15)}
    later = {NIGHT + timedelta(days=i): History(100, {"x": {"missing": 0, "quantiles": [99.0] * 5}}) for i in range(15)}
    parameters = parameters_of(NIGHT, "UTC", nights | later, suite())
    assert parameters.history == tuple(nights.values())
    for name in ("median_low", "median_high"):
        asked = rule("column_median_to_be_between", column="x", min_value={"$PARAMETER": name})
        assert parameters.arguments(asked)["min_value"] == OF_COLUMN[name][1](list(nights.values()), "x", asked.tolerance)


def test_values_of_another_source_stand_in_a_rule_that_refers_to_it() -> None:
    codes = pa.array(["ada", "bob"])
    parameters = Parameters({}, referred={("clerks", "code"): codes})
    value_set = {"$PARAMETER": "referred_values"}
    refers = rule("column_values_to_be_in_set", refers_to=("clerks", "code"), column="clerk", value_set=value_set)
    assert parameters.arguments(refers)["value_set"] is codes
    assert parameters.arguments(rule("column_values_to_be_in_set", column="clerk", value_set=value_set)) is None
    other = rule("column_values_to_be_in_set", refers_to=("clerks", "name"), column="clerk", value_set=value_set)
    assert parameters.arguments(other) is None


def test_referred_values_are_the_different_ones_that_are_there() -> None:
    contract = suite(
        rule("x", refers_to=("clerks", "code")),
        rule("y", refers_to=("clerks", "grade")),
        rule("z", refers_to=("clerks", "code")),
        rule("w", column="a"),
    )
    clerks = pa.table({"code": ["b", "a", "b", None], "grade": pa.array([2, 1, 2, None], pa.int64()), "name": ["x"] * 4})
    found = referred_values(contract, {"clerks": clerks, "orders": clerks})
    assert {key: sorted(values.to_pylist()) for key, values in found.items()} == {
        ("clerks", "code"): ["a", "b"],
        ("clerks", "grade"): [1, 2],
    }
    assert {key: values.type for key, values in found.items()} == {
        ("clerks", "code"): pa.string(), ("clerks", "grade"): pa.int64(),
    }  # fmt: skip


def test_every_parameter_that_a_suite_may_name_has_a_value_or_needs_history() -> None:
    always = dates(NIGHT, "UTC").keys() | OF_COLUMN.keys() | {"referred_values"}
    assert set(PARAMETERS) == always | volume(NIGHT, history(1, 1), suite()).keys()
