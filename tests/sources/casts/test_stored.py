"""Which stored values stand for their text, at the limits; what is put together of several files; when the text is written."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from nightloop.sources.casts.reads import columns_read_as_text, columns_taken
from nightloop.sources.casts.stored import as_read, as_text, in_type, joined
from nightloop.sources.text_table import LONGEST_VALUE, finished

DAYS = (date.min - date(1970, 1, 1)).days, (date.max - date(1970, 1, 1)).days
MOMENTS = DAYS[0] * 86_400_000_000, (DAYS[1] + 1) * 86_400_000_000 - 1


@pytest.mark.parametrize(
    ("of", "value", "stays"),
    [
        (pa.date32(), DAYS[0], True), (pa.date32(), DAYS[0] - 1, False), (pa.date32(), DAYS[1], True),
        (pa.date32(), DAYS[1] + 1, False), (pa.timestamp("us"), MOMENTS[0], True), (pa.timestamp("us"), MOMENTS[0] - 1, False),
        (pa.timestamp("us", "UTC"), MOMENTS[1], True), (pa.timestamp("us", "UTC"), MOMENTS[1] + 1, False),
        (pa.timestamp("us", "Europe/Berlin"), 0, False), (pa.timestamp("ns"), 1000, True), (pa.timestamp("ns"), 1001, False),
        (pa.uint32(), 2**32 - 1, True), (pa.uint64(), 1, False), (pa.float64(), 0.1, True), (pa.float32(), 0.5, False),
        (pa.decimal128(15, 2), Decimal("1.50"), True), (pa.decimal128(16, 2), Decimal("1.50"), False),
        (pa.date32(), None, True),
    ],
)  # fmt: skip
def test_a_column_stays_as_it_is_stored_within_the_limits(of: pa.DataType, value: object, stays: bool) -> None:
    column = pa.array([value, None], of)
    assert as_read(column).type == (of if stays else pa.string())


def test_a_column_that_files_store_in_different_types_is_text() -> None:
    table = joined([pa.table({"a": [1], "b": [1.5]}), pa.table({"a": ["x"], "b": [2.5]})])
    assert table.to_pylist() == [{"a": "1", "b": 1.5}, {"a": "x", "b": 2.5}]


@pytest.mark.parametrize(("maximum", "of"), [(LONGEST_VALUE - 1, pa.string()), (LONGEST_VALUE, pa.int64())])
def test_values_are_text_where_even_a_number_may_be_too_long(maximum: int, of: pa.DataType) -> None:
    assert finished(pa.table({"n": [1]}), maximum).schema.field("n").type == of
    (flaw,) = finished(pa.table({"n": [12_345]}), 4).column("=nl:flaw").to_pylist()
    assert flaw == "'n' holds 5 bytes; at most 4 are allowed."


def test_only_the_columns_asked_for_become_text() -> None:
    assert as_text(pa.table({"a": [1], "b": [2]}), {"b"}).to_pylist() == [{"a": 1, "b": "2"}]


RECORDS = pa.table(
    {
        "n": pa.array([2**31 - 1], pa.int64()), "big": pa.array([2**31], pa.int64()), "x": [0.5], "t": ["1"],
        "moment": pa.array([datetime(2024, 3, 5)], pa.timestamp("ms")),  # noqa: DTZ001 - names no zone
    }
)  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "column"),
    [
        ("CAST((n) AS BIGINT)", "n"), ("CAST((N::int) AS BIGINT)", "n"), ("CAST((big::int) AS BIGINT)", None),
        ("CAST((n) AS DOUBLE)", "n"), ("CAST((n::int) AS DOUBLE)", None), ("CAST((x) AS DOUBLE)", "x"),
        ("CAST((x) AS BIGINT)", None), ("CAST((t) AS VARCHAR)", "t"), ("CAST((t) AS DOUBLE)", None),
        ("CAST((moment::timestamp) AS TIMESTAMPTZ)", "moment"), ("CAST((moment) AS DATE)", None),
        ("CAST((x + 1) AS DOUBLE)", None),
        ("CAST((try_cast(n AS BIGINT)) AS BIGINT)", None), ("CAST((missing) AS DOUBLE)", None),
    ],
)  # fmt: skip
def test_a_column_is_taken_where_nothing_is_done_to_it(sql: str, column: str | None) -> None:
    assert columns_taken({"c": sql}, RECORDS) == ({"c": column} if column else {})


@pytest.mark.parametrize(
    ("expressions", "text"),
    [
        ({"a": "n::double", "b": "n::int"}, set()), ({"a": "n::double", "b": "n || ''"}, {"n"}), ({"a": "x::bigint"}, {"x"}),
        ({"a": "x IS NULL", "b": "n IS NOT NULL"}, set()), ({"a": "missing"}, {*RECORDS.column_names}),
        ({"a": "text.n"}, {*RECORDS.column_names}), ({"a": "not SQL )"}, {*RECORDS.column_names}), ({"a": "t"}, {"t"}),
    ],
)  # fmt: skip
def test_a_column_is_text_where_one_expression_reads_it_so(expressions: dict[str, str], text: set[str]) -> None:
    assert columns_read_as_text(expressions, RECORDS) == text


def test_stored_values_become_those_of_the_raw_table() -> None:
    at = in_type(RECORDS.column("moment"), pa.timestamp("us", "UTC"))
    assert at.type == pa.timestamp("us", "UTC") and at[0].as_py().isoformat() == "2024-03-05T00:00:00+00:00"
    assert in_type(pa.chunked_array([[2**53 + 1]]), pa.float64())[0].as_py() == float(2**53 + 1)
