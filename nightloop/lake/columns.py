"""The column types a table may have: the same few, whichever engine wrote the file."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from nightloop.errors import UsageError

UTC_TIMESTAMP = pa.timestamp("us", "UTC")
NIGHT = pa.field("night", pa.date32())


def canonical_type(name: str, of: pa.DataType) -> pa.DataType:
    """Return the type in which the lake stores values of the given type.

    Integers are int64, numbers float64, timestamps microseconds in UTC (those without a zone are taken as UTC), decimals
    of 38 digits with their own scale; a column of nulls only is text until a night says more.

    Raises:
        UsageError: the type is nested or binary.
    """
    is_ = pa.types
    table = (
        (is_.is_boolean, pa.bool_()),
        (is_.is_integer, pa.int64()),
        (is_.is_floating, pa.float64()),
        (is_.is_date, pa.date32()),
        (is_.is_timestamp, UTC_TIMESTAMP),
        (is_.is_string, pa.string()),
        (is_.is_large_string, pa.string()),
        (is_.is_string_view, pa.string()),
        (is_.is_null, pa.string()),
    )
    if is_.is_dictionary(of):
        return canonical_type(name, of.value_type)
    if is_.is_decimal(of):
        return pa.decimal128(38, of.scale)
    for matches, stored in table:
        if matches(of):
            return stored
    raise UsageError(f"column '{name}' is {of}: a table of the lake is flat.", do="Give each value a column of its own.")


def canonical_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema in which the lake stores a table of the given schema."""
    return pa.schema([pa.field(field.name, canonical_type(field.name, field.type)) for field in schema])


def canonical(table: pa.Table) -> pa.Table:
    """Return the same values in the lake's types, without metadata that a library left.

    Raises:
        UsageError: a column is nested or binary, or holds a number that 64 bits cannot.
    """
    schema = canonical_schema(table.schema)
    if table.schema.equals(schema, check_metadata=True):
        return table
    columns = []
    for field, column in zip(schema, table.columns, strict=True):
        options = pc.CastOptions(field.type, allow_time_truncate=True)  # the lake keeps microseconds
        try:
            columns.append(column if column.type == field.type else column.cast(options=options))
        except pa.ArrowInvalid as error:
            raise UsageError(
                f"column '{field.name}' does not fit into {field.type} ({error}).", do="Store it as text."
            ) from error
    return pa.table(columns, schema=schema)


def no_rows(schema: pa.Schema) -> pa.Table:
    """Return an empty table; Arrow's own ``empty_table`` imports pandas, which costs an empty night a fifth of its time."""
    return pa.Table.from_batches([], schema=schema)


def merged(table: str, stored: pa.Schema, given: pa.Schema) -> pa.Schema:
    """Return the stored schema and the columns that are new in the given one, in order.

    A column the given schema lacks stays: older nights have it. The reader finds nulls where a night has no such column.

    Raises:
        UsageError: a column changed its type; tables do not forget what they hold.
    """
    for field in given:
        at = stored.get_field_index(field.name)
        if at >= 0 and stored.field(at).type != field.type:
            raise UsageError(
                f"column '{field.name}' is {field.type}, but the table holds {stored.field(at).type}.",
                where=table,
                do="Give the column another name, or start the table anew by removing its folder.",
            )
    return pa.schema([*stored, *(field for field in given if stored.get_field_index(field.name) < 0)])
