"""A row that comes alone breaks the rules that it would break among a night's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from nightloop.contracts.fast_path import fast_result
from nightloop.contracts.single_rows import broken_rules, row_rules
from nightloop.contracts.suite import Contract, Rule, load_contract
from nightloop.definitions import load_use_case
from nightloop.settings import REPOSITORY
from nightloop.sources import raw_schema
from tests.contracts.test_fast_path_as_great_expectations import RULES, SCHEMA, rule, tables

TYPES = {field.name: field.type for field in SCHEMA}


def contract(*rules: Rule) -> Contract:
    return Contract(
        "visits", "visits.yaml", tuple(replace(item, on_breach="quarantine") for item in rules), 0.05, (0, 9), (0, 9)
    )


def alone(table: pa.Table) -> list[dict[str, Any]]:
    """The rows as a caller sends them: a number that is none cannot be sent."""
    rows = table.to_pylist()
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]  # noqa: PLR0124 - NaN


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=tables)
def test_a_row_alone_breaks_what_it_breaks_in_a_table(table: pa.Table) -> None:
    compiled = [item for item in RULES if not isinstance(item.kwargs.get("value_set"), pa.Array)]
    rules = row_rules(contract(*compiled), TYPES, {}, required=TYPES)
    assert len(rules) == 16
    for item in rules:
        # A rule that most rows must keep tells its breaches whether or not they are too many; so does one without such a share.
        together = fast_result(item.rule, table)
        if together is not None:
            assert [place for place, row in enumerate(alone(table)) if item.breaks(row)] == list(together.rows), item.rule


@pytest.mark.parametrize(
    ("item", "broken", "unbroken"),
    [
        (rule("column_values_to_match_regex", column="text", regex="^[A-Z]{3}$"), ["", "abc", "ABCD"], ["ABC", None]),
        (rule("column_values_to_not_match_regex", column="text", regex="[<>]"), ["a<b"], ["ab", "", None]),
        (rule("column_values_to_be_in_set", column="text", value_set=["a"]), ["b", "", "A"], ["a", None]),
        (rule("column_values_to_be_between", column="whole", min_value=0, max_value=23), [-1, 24, -(2**63)], [0, 23, None]),
        (rule("column_values_to_be_between", column="day", max_value=date(2100, 1, 1)), [date(9999, 1, 1)], [date(2100, 1, 1)]),
    ],
)
def test_values_at_and_beyond_a_limit(item: Rule, broken: list[Any], unbroken: list[Any]) -> None:
    rules, column = row_rules(contract(item), TYPES, {}, required=TYPES), item.kwargs["column"]
    assert [bool(broken_rules(rules, {column: value})) for value in broken] == [True] * len(broken)
    assert [bool(broken_rules(rules, {column: value})) for value in unbroken] == [False] * len(unbroken)


def test_a_rule_that_refers_to_another_source_is_held_to_its_values_and_left_out_where_they_are_not_known() -> None:
    in_set = rule("column_values_to_be_in_set", column="text", value_set={"$PARAMETER": "referred_values"})
    referring = replace(in_set, refers_to=("others", "name"))
    (item,) = row_rules(contract(referring), TYPES, {("others", "name"): {"a", "b"}}, required=())
    assert [item.breaks({"text": value}) for value in ("a", "c", None)] == [False, True, False]
    assert row_rules(contract(referring), TYPES, {}, required=()) == ()


def test_what_need_not_be_named_may_be_missing() -> None:
    missing = rule("column_values_to_not_be_null", column="text")
    assert row_rules(contract(missing), TYPES, {}, required={"whole"}) == ()
    (item,) = row_rules(contract(missing), TYPES, {}, required={"text"})
    assert item.breaks({"text": None})


@pytest.mark.parametrize("effect", ["warn", "fail"])
def test_rules_that_set_no_row_aside_refuse_none(effect: Any) -> None:
    only = Contract(
        "v", "v", (replace(rule("column_values_to_not_be_null", column="text"), on_breach=effect),), 0.1, (0, 9), (0, 9)
    )
    assert row_rules(only, TYPES, {}, required=TYPES) == ()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, []),
        ({"origin": "BOS"}, ["Flights leave New York."]),
        ({"carrier": None}, ["Each flight has a carrier."]),
        ({"carrier": "??"}, ["Each carrier is in the list of airlines."]),
        ({"distance": 0}, ["1 <= distance <= 6000 miles."]),
        ({"distance": 1}, []),
        ({"scheduled_hour": -(2**63)}, ["0 <= scheduled_hour <= 23."]),
        ({"scheduled_hour": 24, "origin": "LAX"}, ["Flights leave New York.", "0 <= scheduled_hour <= 23."]),
    ],
)
def test_the_rules_we_ship_refuse_a_flight_in_their_words(row: dict[str, Any], words: list[str]) -> None:
    use_case = load_use_case("flight_delay", REPOSITORY / "feature_defs")
    schema = raw_schema(use_case.sources["schedule"])
    shipped = load_contract(REPOSITORY / "great_expectations", "flight_delay", "schedule", schema.names)
    columns = use_case.sources["schedule"].columns
    types = {field.name: field.type for field in schema if field.name in columns}
    rules = row_rules(shipped, types, {("airlines", "carrier"): {"UA", "AA"}}, required={"carrier", "flight_id"})
    flight = dict.fromkeys(types) | {"flight_id": "f", "carrier": "UA", "origin": "EWR", "distance": 1400, "scheduled_hour": 5}
    assert [rule.description for rule in broken_rules(rules, flight | row)] == words
