"""How the later version of a night differs from the earlier: record by record of its key, column by column."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.lake.restatement import Difference, compare

SCHEMA = pa.schema([("key", pa.string()), ("part", pa.int64()), ("amount", pa.float64()), ("note", pa.string())])
NONE = Difference(0, 0, 0, {})


def table(*rows: tuple[object, ...]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA)


def test_records_are_added_removed_and_changed_by_key() -> None:
    earlier = table(("same", 1, 1.0, None), ("gone", 1, 1.0, None), ("changed", 1, 1.0, None), ("changed", 2, 1.0, "x"))
    later = table(("changed", 2, 2.0, "y"), ("changed", 1, 1.0, "new"), ("same", 1, 1.0, None), ("more", None, 1.0, None))
    assert compare(earlier, later, ["key", "part"]) == Difference(1, 1, 2, {"amount": 1, "note": 2})


def test_a_column_that_is_new_counts_as_missing_before() -> None:
    earlier = table(("a", 1, 1.0, "x"), ("b", 1, 1.0, None)).drop_columns(["note"])
    later = table(("a", 1, 1.0, "x"), ("b", 1, 1.0, None))
    assert compare(earlier, later, ["key"]) == Difference(0, 0, 1, {"note": 1})


Row = tuple[str, int | None, float | None]
row = st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 1), st.sampled_from([0.5, None, float("nan")]))
rows = st.lists(row, max_size=6)


@settings(deadline=None)
@given(earlier=rows, later=rows)
def test_a_comparison_agrees_with_one_by_hand(earlier: list[Row], later: list[Row]) -> None:
    first = {(row[0], row[1]): repr(row[2]) for row in earlier}
    second = {(row[0], row[1]): repr(row[2]) for row in later}
    found = compare(
        table(*((*row, None) for row in {row[:2]: row for row in earlier}.values())),
        table(*((*row, None) for row in {row[:2]: row for row in later}.values())),
        ["key", "part"],
    )
    changed = sum(first[key] != second[key] for key in first.keys() & second.keys())
    assert (found.added, found.removed, found.changed) == (len(second.keys() - first), len(first.keys() - second), changed)


def test_equal_versions_do_not_differ_in_whatever_order() -> None:
    rows = [("a", 1, 1.0, "x"), ("b", None, None, None), ("b", None, 2.0, None)]
    assert compare(table(*rows), table(*reversed(rows)), ["key", "part"]) == NONE
    assert compare(table(), table(), ["key"]) == NONE


def test_the_records_that_differ_are_those_added_removed_and_changed() -> None:
    assert Difference(1, 20, 300, {"amount": 4000}).records == 321
    assert NONE.records == 0


def test_to_nothing_and_from_nothing() -> None:
    rows = table(("a", 1, 1.0, "x"), ("b", 1, 1.0, "x"))
    assert compare(rows, table(), ["key"]) == Difference(0, 2, 0, {})
    assert compare(table(), rows, ["key"]) == Difference(2, 0, 0, {})


def test_a_record_whose_key_changed_is_one_removed_and_one_added() -> None:
    assert compare(table(("a", 1, 1.0, "x")), table(("a", 2, 1.0, "x")), ["key", "part"]) == Difference(1, 1, 0, {})
    assert compare(table(("a", 1, 1.0, "x")), table(("a", 2, 1.0, "x")), ["key"]) == Difference(0, 0, 1, {"part": 1})


def test_a_missing_key_is_a_key_like_another() -> None:
    assert compare(table((None, 1, 1.0, "x")), table((None, 1, 2.0, "x")), ["key"]) == Difference(0, 0, 1, {"amount": 1})


def test_records_that_share_a_key_are_paired_in_the_order_of_their_other_values() -> None:
    earlier = table(("a", 1, 1.0, "x"), ("a", 1, 3.0, "y"))
    assert compare(earlier, table(("a", 1, 3.0, "z"), ("a", 1, 1.0, "x")), ["key"]) == Difference(0, 0, 1, {"note": 1})
    assert compare(earlier, table(("a", 1, 1.0, "x")), ["key"]) == Difference(0, 1, 0, {})
    assert compare(earlier, table(*[("a", 1, 1.0, "x")] * 3), ["key"]) == Difference(1, 0, 1, {"amount": 1, "note": 1})


def test_a_column_that_left_counts_as_missing_after() -> None:
    whole = table(("a", 1, 1.0, "x"), ("b", 1, 1.0, None))
    assert compare(whole, whole.drop_columns(["note"]), ["key"]) == Difference(0, 0, 1, {"note": 1})


def test_a_table_of_keys_only_has_records_that_come_and_go() -> None:
    keys = [pa.table({"key": values}) for values in (["a", "b"], ["b", "c", "d"])]
    assert compare(*keys, ["key"]) == Difference(2, 1, 0, {})


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [(0.0, -0.0, 0), (float("nan"), float("nan"), 0), (float("nan"), None, 1), (1.0, 1.0 + 2**-52, 1), (None, None, 0)],
)
def test_numbers_are_equal_as_values(before: float | None, after: float | None, changed: int) -> None:
    assert compare(table(("a", 1, before, "")), table(("a", 1, after, "")), ["key"]).changed == changed


def test_decimals_and_names_that_are_words_of_sql_are_compared_too() -> None:
    name = "select"
    one, other = (pa.table({"from": ["a"], name: pa.array([value], pa.decimal128(38, 4))}) for value in map(Decimal, "12"))
    assert compare(one, other, ["from"]) == Difference(0, 0, 1, {name: 1})
    assert compare(one, one, ["from"]) == NONE
