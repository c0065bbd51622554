"""Equal rows have equal digests, whatever wrote them; a changed value changes it."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.errors import UsageError
from nightloop.lake.digest import content_digest
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
