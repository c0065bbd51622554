"""Pieces of SQL, run."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from nightloop.features.sql_fragments import days_before, named, next_version, night_literal, pick, within
from nightloop.nights import Nights
from tests.features.in_memory import ago, answer, at

LEAP = date(2024, 3, 1)


def value(sql, **inputs):
    return answer(f"select {sql} as x", **inputs)["x"][0].as_py()


def test_a_night_and_the_nights_before_it_are_dates():
    assert value(night_literal(LEAP)) == LEAP
    assert [value(days_before(LEAP, days)) for days in (0, 1, 2)] == [LEAP, date(2024, 2, 29), date(2024, 2, 28)]


@pytest.mark.parametrize(("age", "inside"), [(4, False), (3, True), (2, True), (1, True), (0, False)])
def test_both_ends_are_within(age, inside):
    assert value(within(Nights(ago(3), ago(1)), night_literal(ago(age)))) is inside


def test_columns_are_named_in_their_order():
    assert answer(f"select {named({'b': '1', 'a': '1 + 1'})}").to_pylist() == [{"b": 1, "a": 2}]


@pytest.mark.parametrize(("number", "picked"), [(0, "zero"), (1, "one"), (2, None)])
def test_the_value_of_a_number_is_picked(number, picked):
    sql = pick(["'zero'", "'one'"])
    assert answer(f"select {sql} as x from (values ({number})) v(i)")["x"][0].as_py() == picked


def test_a_version_stands_until_the_night_of_the_next_of_its_own_key():
    versions = [("a", 3), ("b", 2), ("a", 1), ("a", 0)]
    rows = [
        {"id": key, "part": 1, "night": ago(age), "known_at": at(ago(age)), "event_at": at(ago(9)), "withdrawn": False}
        for key, age in versions
    ]
    rows.append({**rows[0], "part": 2, "night": ago(2)})
    found = answer(f"select id, part, night, {next_version(['id', 'part'])} as until from r", r=pa.Table.from_pylist(rows))
    assert {(row["id"], row["part"], row["night"]): row["until"] for row in found.to_pylist()} == {
        ("a", 1, ago(3)): ago(1),
        ("a", 1, ago(1)): ago(0),
        ("a", 1, ago(0)): None,
        ("b", 1, ago(2)): None,
        ("a", 2, ago(2)): None,
    }
