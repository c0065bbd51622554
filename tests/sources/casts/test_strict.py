"""A cast of a text that would lose something fails on its record, an offset is honoured, all else stays as it was written."""

from __future__ import annotations

from functools import cache

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightloop.sources.casts.strict import MACROS, strict

FAILED = object()


@cache
def session() -> duckdb.DuckDBPyConnection:
    opened = duckdb.connect(config={"TimeZone": "UTC", "autoinstall_known_extensions": "false"})
    opened.execute("; ".join(MACROS))
    return opened


def value(sql: str, text: str | None) -> object:
    """What an expression makes of one text; FAILED where it cannot be computed."""
    query = f"SELECT try(struct_pack(v := ({strict(sql)})::VARCHAR)) FROM (SELECT ?::VARCHAR AS a)"
    row = session().cursor().execute(query, [text]).fetchall()[0][0]
    return FAILED if row is None else row["v"]


@pytest.mark.parametrize("whole", ["bigint", "int", "INT8", "hugeint"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", "2"), ("2.0", "2"), (" 7 ", "7"), ("-0", "0"), ("1e3", "1000"), (None, None),
        ("2.5", FAILED), ("1.999", FAILED), ("0x10", FAILED), ("0b1", FAILED), ("x", FAILED), ("", FAILED),
    ],
)  # fmt: skip
def test_a_whole_number_is_one_or_fails(whole: str, text: str | None, expected: object) -> None:
    assert value(f"a::{whole}", text) == expected
    assert value(f"cast(nullif(a, 'NA') AS {whole})", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9007199254740991.0", "9007199254740991"), ("9007199254740992", "9007199254740992"),
        ("9007199254740993", "9007199254740993"), ("9007199254740993.5", FAILED),
        ("9223372036854775807", "9223372036854775807"), ("9223372036854775808", FAILED),
    ],
)  # fmt: skip
def test_beyond_what_doubles_tell_apart_whole_numbers_are_exact_too(text: str, expected: object) -> None:
    assert value("a::bigint", text) == expected


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_whole_number_comes_through(number: int) -> None:
    assert value("a::bigint", str(number)) == str(number)


def test_a_decimal_keeps_every_digit_or_fails() -> None:
    assert [value("a::decimal(6, 2)", text) for text in ("2.34", "2.340", "2.345")] == ["2.34", "2.34", FAILED]


@pytest.mark.parametrize("sql", ["a::timestamp", "cast(a as timestamp)", "a::datetime"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-21T23:30:00-05:00", "2024-01-22 04:30:00"), ("2024-01-21 23:30:00+0530", "2024-01-21 18:00:00"),
        ("2024-01-21 23:30:00Z", "2024-01-21 23:30:00"), ("2024-01-21 23:30:00", "2024-01-21 23:30:00"),
        ("2024-01-21", "2024-01-21 00:00:00"), ("2024-01-21 23:30:00 America/New_York", "2024-01-22 04:30:00"),
        (None, None), ("soon", FAILED),
    ],
)  # fmt: skip
def test_an_offset_is_honoured(sql: str, text: str | None, expected: object) -> None:
    assert value(sql, text) == expected


@pytest.mark.parametrize("sql", ["timezone('Asia/Tokyo', a::timestamp)", "a::timestamp AT TIME ZONE 'Asia/Tokyo'"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-21 23:30:00", "2024-01-21 14:30:00+00"), ("2024-01-21 23:30:00-05:00", "2024-01-22 04:30:00+00"),
        ("2024-01-21T23:30:00.25Z", "2024-01-21 23:30:00.25+00"), ("2024-01-21", "2024-01-20 15:00:00+00"), (None, None),
    ],
)  # fmt: skip
def test_a_clock_on_a_wall_is_of_its_zone_unless_it_names_another(sql: str, text: str | None, expected: object) -> None:
    assert value(sql, text) == expected


@pytest.mark.parametrize(
    ("sql", "text", "expected"),
    [
        ("round(a::double)::bigint", "2.5", "3"), ("try_cast(a AS int)", "2.5", "3"),
        ("a::date", "2024-01-21 23:30:00", "2024-01-21"),
        ("a::date::timestamp", "2024-01-21", "2024-01-21 00:00:00"), ("a::double", "2.5", "2.5"),
        ("timezone('UTC', a::timestamptz)", "2024-01-21 23:30:00-05", "2024-01-22 04:30:00"),
    ],
)  # fmt: skip
def test_what_is_meant_to_round_or_to_cut_does(sql: str, text: str, expected: object) -> None:
    assert value(sql, text) == expected


def test_casts_inside_of_other_expressions_are_strict_too() -> None:
    assert value("list_sum(list_transform(string_split(a, ';'), lambda x: x::int))", "1;2") == "3"
    assert value("list_sum(list_transform(string_split(a, ';'), lambda x: x::int))", "1;2.5") is FAILED
    assert value("CASE WHEN a LIKE '%.%' THEN round(a::double)::int ELSE a::int END", "2.5") == "3"
    assert value("timezone('UTC', make_date(a::int, 1, 1)::timestamp)::date", "2024.5") is FAILED


@pytest.mark.parametrize("sql", ["a -- a remark", "a", "(", "1, 2", "lower(a)", "'a::int'", "try_cast(a AS int)"])
def test_what_has_no_such_cast_stays_as_it_is(sql: str) -> None:
    assert strict(sql) == sql
