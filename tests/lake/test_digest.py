"""Equal rows have equal digests, whatever wrote them; a changed value changes it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.errors import UsageError
from nightloop.lake import digest
from nightloop.lake.digest import PART, content_digest
from tests.lake.digest_by_hand import digest_by_hand
from tests.lake.rows import flights

rows_of_values = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=True, width=64),
        st.none() | st.text(max_size=5),
        st.none() | st.booleans(),
    ),
    max_size=20,
)


def as_table(rows: list[tuple[object, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [[], [], [], []]
    types = [pa.int64(), pa.float64(), pa.string(), pa.bool_()]
    return pa.table({name: pa.array(list(values), of) for name, values, of in zip("abcd", columns, types, strict=True)})


@settings(max_examples=60, deadline=None)
@given(rows_of_values, st.randoms())
def test_the_order_of_rows_and_columns_and_the_chunks_do_not_count(rows: list[tuple[object, ...]], random: object) -> None:
    table = as_table(rows)
    shuffled = rows.copy()
    random.shuffle(shuffled)
    other = as_table(shuffled).select(["d", "b", "a", "c"])
    in_pieces = pa.concat_tables([other.slice(0, 3), other.slice(3)])
    assert content_digest(in_pieces) == content_digest(table)


@settings(max_examples=60, deadline=None)
@given(rows_of_values, rows_of_values)
def test_different_rows_have_different_digests(left: list[tuple[object, ...]], right: list[tuple[object, ...]]) -> None:
    same = sorted(map(canonical_text, left)) == sorted(map(canonical_text, right))
    assert (content_digest(as_table(left)) == content_digest(as_table(right))) == same


def canonical_text(row: tuple[object, ...]) -> str:
    """A second route: Python's own text of the values, with the two zeros made one."""
    return repr([value + 0.0 if isinstance(value, float) else value for value in row])


def test_a_repeated_row_counts() -> None:
    assert content_digest(pa.table({"a": [1, 1]})) != content_digest(pa.table({"a": [1]}))


def test_values_do_not_wander_between_columns() -> None:
    assert content_digest(pa.table({"a": [1, 2], "b": [2, 1]})) != content_digest(pa.table({"a": [1, 2], "b": [1, 2]}))
    assert content_digest(pa.table({"a": [1]})) != content_digest(pa.table({"b": [1]}))


def test_null_is_neither_zero_nor_empty_nor_not_a_number() -> None:
    for nothing in (0.0, float("nan")):
        assert content_digest(pa.table({"a": [1.0, None]})) != content_digest(pa.table({"a": [1.0, nothing]}))
    assert content_digest(pa.table({"a": ["x", None]})) != content_digest(pa.table({"a": ["x", ""]}))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (pa.array([1, None], pa.int16()), pa.array([1, None], pa.int64())),
        (pa.array([0.5], pa.float32()), pa.array([0.5], pa.float64())),
        (pa.array([-0.0]), pa.array([0.0])),
        (pa.array(["a", None, "a"]).dictionary_encode(), pa.array(["a", "a", None], pa.large_string())),
        (pa.array([Decimal("1.50")], pa.decimal128(10, 2)), pa.array([Decimal("1.5")], pa.decimal128(38, 1))),
        (pa.array([5_000], pa.timestamp("ns")), pa.array([5], pa.timestamp("us", "UTC"))),
        (pa.array([np.nan]), pa.array([-np.nan])),
    ],
)
def test_how_a_value_is_stored_does_not_count(left: pa.Array, right: pa.Array) -> None:
    assert content_digest(pa.table({"a": left})) == content_digest(pa.table({"a": right}))


def test_a_column_of_nulls_counts_as_absent() -> None:
    assert content_digest(pa.table({"a": [1], "b": pa.nulls(1)})) == content_digest(pa.table({"a": [1]}))


def test_the_digest_is_the_same_on_every_machine_and_in_every_release() -> None:
    assert content_digest(flights(5)) == "47dec5aeba573738e6d2a1a27504faccea9b7acc92606cea6b4d3fb8e37213ee"


def test_nested_columns_and_twin_names_are_refused() -> None:
    with pytest.raises(UsageError, match="list<"):
        content_digest(pa.table({"a": [[1]]}))
    with pytest.raises(UsageError, match="share a name"):
        content_digest(pa.table([[1], [2]], names=["a", "a"]))


def test_texts_of_any_length_are_told_apart_by_each_of_their_bytes() -> None:
    texts = {"x" * length + end for length in (*range(20), 255, 256, 257, 300) for end in ("", "y", "\0", "\0\0", "é", "x\0y")}
    digests = {content_digest(pa.table({"text": [text]})) for text in texts}
    assert len(digests) == len(texts)
    together = pa.table({"text": sorted(texts)})
    assert content_digest(together) == content_digest(pa.table({"text": sorted(texts, reverse=True)}))
    assert content_digest(together) == content_digest(pa.table({"text": together["text"].dictionary_encode()}))


COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "truth": (pa.bool_(), st.booleans()),
    "count": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "number": (pa.float64(), st.floats()),
    "day": (pa.date32(), st.dates(date(1, 1, 1))),
    "instant": (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    "price": (
        pa.decimal128(38, 6),
        st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20),
    ),
    "text": (pa.string(), st.text(max_size=40)),
}
tables = st.integers(0, 8).flatmap(
    lambda count: st.fixed_dictionaries(
        {}, optional={name: st.lists(st.none() | value, min_size=count, max_size=count) for name, (_, value) in COLUMNS.items()}
    )
)


@settings(max_examples=80, deadline=None)
@given(tables)
def test_the_digest_is_that_of_a_second_route(columns: dict[str, list[object]]) -> None:
    table = pa.table({name: pa.array(values, COLUMNS[name][0]) for name, values in columns.items()})
    assert content_digest(table) == digest_by_hand(columns)


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0, float("inf"), float("-inf"), float("nan"), 5e-324, 2.0**53, None],
        [Decimal(text) for text in ("0", "-0.00", "1.50", "-1.5", "100", "0.000001", "12345678901234567890.123456")],
        ["x" * length for length in (0, 1, 7, 8, 9, 15, 16, 17, 255, 256, 257, 300)],
        [None, "", "\0", "ß", "日本", None],
        [datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC), None],
        [date(1969, 12, 31), date(1970, 1, 1), date(9999, 12, 31)],
        [-(2**63), -1, 0, 1, 2**63 - 1, None],
        [True, False, None],
    ],
)
def test_borders_of_each_type_by_the_second_route_in_one_chunk_and_in_many(values: list[object]) -> None:
    of = next(of for of, sample in [(COLUMNS[name][0], name) for name in COLUMNS] if _fits(values, of))
    array = pa.array(values, of)
    expected = digest_by_hand({"a": values})
    assert content_digest(pa.table({"a": array})) == expected
    pieces = pa.chunked_array([array.slice(0, 0), array.slice(0, 2), array.slice(2)])
    assert content_digest(pa.table({"a": pieces})) == expected
    padded = pa.concat_arrays([array.slice(0, 1), array]).slice(1)
    assert content_digest(pa.table({"a": padded})) == expected, "an array that begins inside its memory"


def _fits(values: list[object], of: pa.DataType) -> bool:
    kinds = {
        bool: pa.bool_(),
        int: pa.int64(),
        float: pa.float64(),
        date: pa.date32(),
        datetime: pa.timestamp("us", "UTC"),
        Decimal: pa.decimal128(38, 6),
        str: pa.string(),
    }
    return kinds[next(type(value) for value in values if value is not None)] == of


def test_an_empty_table_has_one_digest_whatever_its_columns() -> None:
    empty = digest_by_hand({})
    assert content_digest(pa.table({})) == empty
    assert content_digest(pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())})) == empty
    assert content_digest(pa.table({"a": pa.nulls(2)})) != empty, "two rows of nothing are two rows"


@pytest.mark.parametrize(
    ("left", "right"), [(1, 1.0), (1, True), (1, "1"), (date(2013, 1, 1), datetime(2013, 1, 1, tzinfo=UTC))]
)
def test_equal_looking_values_of_two_kinds_have_two_digests(left: object, right: object) -> None:
    assert content_digest(pa.table({"a": [left]})) != content_digest(pa.table({"a": [right]}))


def test_a_timestamp_counts_as_its_instant_in_whole_microseconds() -> None:
    plain = pa.table({"a": pa.array([1_000], pa.timestamp("us"))})
    for unit, value in (("ns", 1_000_999), ("ms", 1)):
        assert content_digest(pa.table({"a": pa.array([value], pa.timestamp(unit))})) == content_digest(plain)
    eastern = pa.table({"a": pa.array([1_000], pa.timestamp("us", "America/New_York"))})
    assert content_digest(eastern) == content_digest(plain)


def test_two_columns_of_equal_values_do_not_cancel_out() -> None:
    one = content_digest(pa.table({"a": [1], "b": [1]}))
    assert len({one, content_digest(pa.table({"a": [2], "b": [2]})), content_digest(pa.table({"a": [1]}))}) == 3


def test_a_dictionary_of_numbers_counts_as_its_numbers() -> None:
    numbers = pa.array([3, None, 3])
    assert content_digest(pa.table({"a": numbers.dictionary_encode()})) == content_digest(pa.table({"a": numbers}))


@pytest.mark.parametrize("rows", [PART - 1, PART, PART + 1, 2 * PART + 1])
def test_rows_digested_in_parts_have_the_digest_of_the_whole(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.array([f"{i % 7}" if i % 5 else None for i in range(rows)])
    table = pa.table({"number": np.arange(rows) / 3, "text": texts, "late": pa.array([None] * (rows - 1) + [True])})
    in_parts = content_digest(table)
    monkeypatch.setattr(digest, "PART", 10**9)
    assert content_digest(table) == in_parts
