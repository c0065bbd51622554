"""The few types of the lake, what becomes of others, and what a table remembers of its columns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from nightloop.errors import UsageError
from nightloop.lake.columns import canonical, canonical_schema, canonical_type, merged, no_rows

UTC_US = pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        *[(of, pa.int64()) for of in (pa.int8(), pa.uint8(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64())],
        *[(of, pa.float64()) for of in (pa.float16(), pa.float32(), pa.float64())],
        *[(of, pa.string()) for of in (pa.string(), pa.large_string(), pa.string_view(), pa.null())],
        *[(of, pa.date32()) for of in (pa.date32(), pa.date64())],
        *[(pa.timestamp(unit, zone), UTC_US) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "America/New_York")],
        (pa.bool_(), pa.bool_()),
        (pa.decimal128(10, 2), pa.decimal128(38, 2)),
        (pa.decimal128(38, 0), pa.decimal128(38, 0)),
        (pa.dictionary(pa.int8(), pa.string()), pa.string()),
        (pa.dictionary(pa.int8(), pa.int16()), pa.int64()),
    ],
)
def test_each_type_has_one_in_the_lake(given: pa.DataType, stored: pa.DataType) -> None:
    assert canonical_type("a", given) == stored


@pytest.mark.parametrize(
    "given",
    [pa.list_(pa.int64()), pa.struct([("x", pa.int64())]), pa.map_(pa.string(), pa.int64()), pa.binary(), pa.time64("us")],
)
def test_nested_and_binary_columns_are_refused_by_name(given: pa.DataType) -> None:
    with pytest.raises(UsageError, match=r"column 'a' is .*: a table of the lake is flat"):
        canonical_type("a", given)


def test_values_stay_and_what_a_library_noted_beside_them_goes() -> None:
    rows = pa.table(
        {
            "n": pa.array([1, None], pa.int8()),
            "at": pa.array([datetime(2013, 1, 1, 12, tzinfo=UTC), None], pa.timestamp("ns", "America/New_York")),
            "day": pa.array([date(2013, 1, 1), None], pa.date64()),
            "price": pa.array([Decimal("1.25"), None], pa.decimal128(5, 2)),
        }
    ).replace_schema_metadata({"pandas": "{}"})
    stored = canonical(rows)
    assert stored.schema.equals(canonical_schema(rows.schema), check_metadata=True) and stored.schema.metadata is None
    assert stored.column_names == rows.column_names and stored.to_pylist() == rows.to_pylist()


def test_a_table_in_the_lakes_types_is_passed_on_as_it_is_unless_something_is_noted_beside_it() -> None:
    rows = pa.table({"n": [1]})
    assert canonical(rows) is rows
    noted = rows.replace_schema_metadata({"pandas": "{}"})
    assert canonical(noted).schema.metadata is None and canonical(noted).equals(rows)


def test_nanoseconds_are_cut_and_an_integer_that_does_not_fit_is_refused() -> None:
    assert canonical(pa.table({"at": pa.array([1_999], pa.timestamp("ns"))}))["at"].cast(pa.int64()).to_pylist() == [1]
    assert canonical(pa.table({"n": pa.array([2**63 - 1], pa.uint64())}))["n"].to_pylist() == [2**63 - 1]
    with pytest.raises(UsageError, match=r"column 'n' does not fit into int64.*Store it as text"):
        canonical(pa.table({"n": pa.array([2**63], pa.uint64())}))


def test_no_rows_have_the_columns_they_were_asked_for() -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    assert no_rows(schema).schema == schema and no_rows(schema).num_rows == 0


def test_a_table_keeps_its_columns_in_order_and_new_ones_come_after() -> None:
    stored = pa.schema([("a", pa.int64()), ("b", pa.string())])
    given = pa.schema([("d", pa.bool_()), ("b", pa.string()), ("c", pa.int64())])
    assert merged("uc/t", stored, given).names == ["a", "b", "d", "c"]
    assert merged("uc/t", stored, stored) == stored
    assert merged("uc/t", pa.schema([]), given) == given


def test_a_column_of_another_type_is_refused_and_names_the_table() -> None:
    stored = pa.schema([("a", pa.int64())])
    with pytest.raises(UsageError, match="column 'a' is string, but the table holds int64") as refused:
        merged("uc/t", stored, pa.schema([("z", pa.int64()), ("a", pa.string())]))
    assert refused.value.where == "uc/t"
