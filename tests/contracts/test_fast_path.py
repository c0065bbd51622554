"""The fast path on single rows: each rule at its limits, at its share, with missing values, and where it must not answer."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.contracts.fast_path import COLUMN_RULES, ROW_RULES, comparable, fast_result
from nightloop.contracts.suite import Rule
from tests.contracts.rules import answer, column, rule

NOON = datetime(2024, 3, 20, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
STAMP = pa.timestamp("us", "UTC")
NAN = float("nan")
BETWEEN = "column_values_to_be_between"
IN_SET, NOT_IN_SET = "column_values_to_be_in_set", "column_values_to_not_be_in_set"
UNIQUE, TOGETHER = "column_values_to_be_unique", "compound_columns_to_be_unique"
PAIR = "column_pair_values_a_to_be_greater_than_b"
NULL, NOT_NULL = "column_values_to_be_null", "column_values_to_not_be_null"


# --- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "low", "high", "broken"),
    [
        ([0, 1, 2, 3, 4], pa.int64(), 1, 3, (0, 4)),  # both ends belong to the range
        ([0, 1, 2], pa.int64(), 1, None, (0,)),
        ([0, 1, 2], pa.int64(), None, 1, (2,)),
        ([0, 1, 2], pa.int64(), 1, 1, (0, 2)),
        ([0.0, 0.5, 1.0, 1.0000001], pa.float64(), 0.5, 1, (0, 3)),
        ([NAN, None, -1.0, 0.0], pa.float64(), 0, None, (2,)),  # neither a null nor a NaN is below a limit
        ([NOON - TICK, NOON, NOON + TICK], STAMP, NOON, NOON, (0, 2)),
        ([date(2024, 3, 19), date(2024, 3, 20), date(2024, 3, 21)], pa.date32(), date(2024, 3, 20), date(2024, 3, 20), (0, 2)),
    ],
)
def test_a_value_at_a_limit_is_within_it(values: list[Any], kind: pa.DataType, low: Any, high: Any, broken: tuple[int]) -> None:
    asked = rule(BETWEEN, column="x", min_value=low, max_value=high)
    assert answer(fast_result(asked, column("x", values, kind))) == (not broken, broken)


@settings(deadline=None)
@given(st.lists(st.none() | st.integers(-4, 4), max_size=12), st.integers(-3, 3), st.integers(-3, 3))
def test_a_range_agrees_with_plain_python(values: list[int | None], low: int, high: int) -> None:
    expected = tuple(i for i, value in enumerate(values) if value is not None and not low <= value <= high)
    asked = rule(BETWEEN, column="x", min_value=low, max_value=high)
    assert answer(fast_result(asked, column("x", values, pa.int64()))) == (not expected, expected)


@pytest.mark.parametrize(
    ("value", "kind", "answers"),
    [
        (1, pa.int64(), True),
        (1.5, pa.int64(), False),
        (True, pa.int64(), False),  # a boolean is an int of Python, and no limit
        (True, pa.float64(), False),
        (1, pa.float64(), True),
        (1.5, pa.float64(), True),
        ("1", pa.float64(), False),
        (NOON, STAMP, True),
        (NOON.replace(tzinfo=None), STAMP, False),
        (NOON.date(), STAMP, False),
        (NOON.date(), pa.date32(), True),
        (NOON, pa.date32(), False),  # a datetime is a date of Python, and no day
        ("a", pa.string(), False),
    ],
)
def test_a_limit_is_compared_only_with_a_column_of_its_kind(value: object, kind: pa.DataType, answers: bool) -> None:
    assert comparable(value, kind) is answers


# --- shares ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mostly", "success"), [(0.74, True), (0.75, True), (0.76, False), (1, False), (0, True), (None, False)]
)
def test_mostly_counts_rows_with_a_value_and_holds_at_exactly_its_share(mostly: float | None, success: bool) -> None:
    """Three of four values are within; the null is none of them."""
    share = {} if mostly is None else {"mostly": mostly}
    result = fast_result(rule(BETWEEN, column="x", min_value=0, **share), column("x", [1, None, 2, -1, 3], pa.int64()))
    assert answer(result) == (success, (3,))


def test_mostly_of_missing_values_counts_every_row() -> None:
    rows = column("x", [1, None, None, 4], pa.int64())
    assert answer(fast_result(rule(NOT_NULL, column="x", mostly=0.5), rows)) == (True, (1, 2))
    assert answer(fast_result(rule(NOT_NULL, column="x", mostly=0.51), rows)) == (False, (1, 2))
    assert answer(fast_result(rule(NULL, column="x", mostly=0.5), rows)) == (True, (0, 3))


@pytest.mark.parametrize("kind", [BETWEEN, IN_SET, UNIQUE])
def test_of_a_column_without_a_value_every_share_holds(kind: str) -> None:
    arguments = {BETWEEN: {"min_value": 0}, IN_SET: {"value_set": [1]}, UNIQUE: {}}[kind]
    empty = column("x", [None, None], pa.int64())
    assert answer(fast_result(rule(kind, column="x", mostly=1.0, **arguments), empty)) == (True, ())
    assert answer(fast_result(rule(kind, column="x", **arguments), empty)) == (True, ())


# --- missing values, sets ----------------------------------------------------------------------------------------------


def test_a_nan_is_a_missing_number_and_an_empty_text_is_a_value() -> None:
    numbers = column("x", [1.0, None, NAN], pa.float64())
    assert answer(fast_result(rule(NOT_NULL, column="x"), numbers)) == (False, (1, 2))
    assert answer(fast_result(rule(NULL, column="x"), numbers)) == (False, (0,))
    assert answer(fast_result(rule(NOT_NULL, column="x"), column("x", ["", None]))) == (False, (1,))


@pytest.mark.parametrize(
    ("kind", "values", "value_set", "broken"),
    [
        (IN_SET, ["a", "b", None, "c"], ["a", "c"], (1,)),
        (NOT_IN_SET, ["a", "b", None, "c"], ["a", "c"], (0, 3)),
        (IN_SET, [1, 2, None], [2], (0,)),
        (IN_SET, ["a", None], pa.array(["b"]), (0,)),
        (IN_SET, ["a", None], pa.chunked_array([["a"], ["b"]]), ()),
        (IN_SET, ["a", None], pa.array([], pa.string()), (0,)),  # the other source has no row
    ],
)
def test_a_missing_value_is_in_no_set_and_breaks_none(kind: str, values: list[Any], value_set: Any, broken: tuple[int]) -> None:
    result = fast_result(rule(kind, column="x", value_set=value_set), column("x", values))
    assert answer(result) == (not broken, broken)


# --- uniqueness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "broken"),
    [
        (["a", "b", "c"], pa.string(), ()),
        (["a", "b", "a", None, None], pa.string(), (0, 2)),  # every copy breaks it; a missing key repeats nothing
        ([1, 1, 1], pa.int64(), (0, 1, 2)),
        ([0.0, -0.0, 1.0], pa.float64(), (0, 1)),  # minus zero is zero
        ([NAN, NAN, None], pa.float64(), ()),
        ([NOON, NOON, NOON + TICK], STAMP, (0, 1)),
    ],
)
def test_every_copy_of_a_value_breaks_its_uniqueness(values: list[Any], kind: pa.DataType, broken: tuple[int, ...]) -> None:
    assert answer(fast_result(rule(UNIQUE, column="x"), column("x", values, kind))) == (not broken, broken)


def test_columns_together_are_unique_when_one_of_them_differs_and_missing_equals_missing() -> None:
    rows = pa.table({"a": ["x", "x", "x", None, None, None, None], "b": pa.array([1, 2, 1, 5, 5, None, None])})
    assert answer(fast_result(rule(TOGETHER, column_list=["a", "b"]), rows)) == (False, (0, 2, 3, 4))
    assert answer(fast_result(rule(TOGETHER, column_list=["a", "b"], mostly=0.2), rows)) == (True, (0, 2, 3, 4))
    assert answer(fast_result(rule(TOGETHER, column_list=["a", "b"], mostly=0.21), rows)) == (False, (0, 2, 3, 4))


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.sampled_from("ab"), st.none() | st.integers(0, 1)), max_size=9))
def test_uniqueness_agrees_with_plain_python(rows: list[tuple[str | None, int | None]]) -> None:
    table = pa.table({"a": pa.array([a for a, _ in rows], pa.string()), "b": pa.array([b for _, b in rows], pa.int64())})
    counted = [row for row in rows if row != (None, None)]
    expected = tuple(i for i, row in enumerate(rows) if counted.count(row) > 1)
    assert answer(fast_result(rule(TOGETHER, column_list=["a", "b"]), table)) == (not expected, expected)


# --- pairs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("or_equal", "broken"), [({}, (1, 2)), ({"or_equal": False}, (1, 2)), ({"or_equal": True}, (2,))])
def test_a_pair_is_compared_strictly_unless_equal_is_allowed(or_equal: dict[str, bool], broken: tuple[int, ...]) -> None:
    rows = pa.table({"a": [2, 1, 0], "b": [1, 1, 1]})
    assert answer(fast_result(rule(PAIR, column_A="a", column_B="b", **or_equal), rows)) == (False, broken)


def test_a_pair_with_a_missing_value_is_passed_over_where_the_rule_says_so() -> None:
    rows = pa.table({"a": pa.array([None, 0, 3], pa.int64()), "b": pa.array([1, None, 4], pa.int64())})
    ignoring = {"column_A": "a", "column_B": "b", "ignore_row_if": "either_value_is_missing"}
    assert answer(fast_result(rule(PAIR, **ignoring), rows)) == (False, (2,))
    assert answer(fast_result(rule(PAIR, **ignoring, mostly=0.01), rows)) == (False, (2,)), "one pair counts, and it is broken"
    assert fast_result(rule(PAIR, column_A="a", column_B="b"), rows) is None
    assert fast_result(rule(PAIR, **(ignoring | {"ignore_row_if": "never"})), rows) is None
    assert answer(fast_result(rule(PAIR, column_A="a", column_B="b"), rows.slice(2))) == (False, (0,))


@pytest.mark.parametrize(
    ("high", "low", "kind"),
    [
        (2, 1, pa.int64()),
        (2.5, 1.0, pa.float64()),
        (NOON + TICK, NOON, STAMP),
        (date(2024, 1, 2), date(2024, 1, 1), pa.date32()),
    ],
)
def test_pairs_of_whatever_has_an_order_are_compared(high: Any, low: Any, kind: pa.DataType) -> None:
    rows = pa.table({"a": pa.array([high, low], kind), "b": pa.array([low, high], kind)})
    assert answer(fast_result(rule(PAIR, column_A="a", column_B="b"), rows)) == (False, (1,))


# --- row conditions ----------------------------------------------------------------------------------------------------


def conditional(kind: str, condition: str, parser: str = "pandas", **kwargs: Any) -> Rule:
    return rule(kind, row_condition=condition, condition_parser=parser, **kwargs)


def test_a_row_condition_selects_rows_and_positions_stay_those_of_the_table() -> None:
    rows = pa.table({"x": [-1, -1, 1, -1], "when": ["a", None, None, None]})
    missing = fast_result(conditional(BETWEEN, "when.isnull()", column="x", min_value=0), rows)
    there = fast_result(conditional(BETWEEN, "when.notnull()", column="x", min_value=0), rows)
    assert (answer(missing), answer(there)) == ((False, (1, 3)), (False, (0,)))
    assert missing is not None and missing.observed == "2 of 3 rows (-1)", "of the rows that the condition leaves"
    share = conditional(BETWEEN, "when.isnull()", column="x", min_value=0, mostly=0.34)
    assert answer(fast_result(share, rows)) == (False, (1, 3)), "the share too is of the rows that the condition leaves"


def test_a_nan_is_missing_to_a_row_condition() -> None:
    rows = pa.table({"x": [-1, -2], "n": [NAN, 1.0]})
    assert answer(fast_result(conditional(BETWEEN, "n.isnull()", column="x", min_value=0), rows)) == (False, (0,))


# --- what the fast path must leave to Great Expectations ---------------------------------------------------------------

TABLE = pa.table({"n": [1, 2], "f": [1.0, 2.0], "t": ["a", "b"], "flag": [True, False], "at": pa.array([NOON, NOON], STAMP)})


@pytest.mark.parametrize(
    "unanswered",
    [
        rule("column_value_lengths_to_be_between", column="t", max_value=3),
        rule(BETWEEN, column="n", min_value=0, strict_min=True),
        rule(BETWEEN, column="n"),
        rule(BETWEEN, column="n", min_value=0.5),
        rule(BETWEEN, column="n", min_value=0, max_value="9"),
        rule(BETWEEN, column="t", min_value="a"),
        rule(BETWEEN, column="n", min_value=0, mostly="all"),
        rule(NULL, column="n", catch_exceptions=True),
        rule(NOT_NULL, column="n", result_format="BASIC"),
        rule(IN_SET, column="t", value_set=["a"], parse_strings_as_datetimes=True),
        rule(IN_SET, column="t"),
        rule(IN_SET, column="t", value_set=[]),
        rule(IN_SET, column="t", value_set=["a", 1]),
        rule(IN_SET, column="n", value_set=[1, True]),
        rule(IN_SET, column="f", value_set=[1.0]),
        rule(IN_SET, column="flag", value_set=[True]),
        rule(IN_SET, column="t", value_set=pa.array([1])),
        rule(UNIQUE, column="t", ignore_row_if="never"),
        rule(TOGETHER, column_list=["n", "t"], ignore_row_if="any_value_is_missing"),
        rule(PAIR, column_A="n", column_B="n", parse_strings_as_datetimes=True),
        rule(PAIR, column_A="n", column_B="f"),
        rule(PAIR, column_A="t", column_B="t"),
        rule(PAIR, column_A="flag", column_B="flag"),
        conditional(NOT_NULL, "n > 1", column="t"),
        conditional(NOT_NULL, "other.isnull()", column="t"),
        conditional(NOT_NULL, "n.isnull() ", column="t"),
        conditional(NOT_NULL, "n.isnull()", "great_expectations", column="t"),
        rule(NOT_NULL, column="t", row_condition=5, condition_parser="pandas"),
        rule(NOT_NULL, column="t", row_condition="n.isnull()"),
    ],
    ids=lambda item: f"{item.name} {sorted(item.kwargs)}",
)
def test_what_the_fast_path_does_not_know_it_does_not_answer(unanswered: Rule) -> None:
    assert fast_result(unanswered, TABLE) is None


# --- what is shown -----------------------------------------------------------------------------------------------------


def test_a_broken_rule_shows_how_many_rows_of_how_many_and_a_few_of_their_values() -> None:
    rows = column("x", [*range(-30, 0), *range(5)], pa.int64())
    result = fast_result(rule(BETWEEN, column="x", min_value=0), rows)
    assert result is not None
    assert result.observed == f"30 of 35 rows ({', '.join(map(str, range(-30, -10)))})"
    assert len(result.rows) == 30
    pair = fast_result(rule(PAIR, column_A="a", column_B="b"), pa.table({"a": [1], "b": [2]}))
    assert pair is not None and pair.observed == "1 of 1 rows ({'a': 1, 'b': 2})"


def test_a_rule_that_holds_shows_nothing_unless_it_has_a_share() -> None:
    rows = column("x", [1, 2], pa.int64())
    held = fast_result(rule(BETWEEN, column="x", min_value=0), rows)
    shared = fast_result(rule(BETWEEN, column="x", min_value=0, mostly=0.5), rows)
    assert held is not None and shared is not None
    assert (held.observed, shared.observed) == ("", "0 of 2 rows")


def test_every_row_rule_and_every_column_rule_has_a_name_of_great_expectations() -> None:
    assert not {*ROW_RULES} & {*COLUMN_RULES}
    assert all(name.startswith("expect_") for name in (*ROW_RULES, *COLUMN_RULES))
