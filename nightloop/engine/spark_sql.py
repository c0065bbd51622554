"""The same SQL for Spark: DuckDB's dialect in, Spark's out; and the lake's types in Spark's words."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa

from nightloop.errors import DefinitionError, UsageError
from nightloop.lake.columns import NIGHT

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

_TYPES = {
    pa.bool_(): "boolean",
    pa.int64(): "bigint",
    pa.float64(): "double",
    pa.string(): "string",
    pa.date32(): "date",
    pa.timestamp("us", "UTC"): "timestamp",
}
_STORED = {
    "boolean": "boolean",
    "tinyint": "bigint",
    "smallint": "bigint",
    "int": "bigint",
    "bigint": "bigint",
    "float": "double",
    "double": "double",
    "string": "string",
    "void": "string",
    "date": "date",
    "timestamp": "timestamp",
    "timestamp_ntz": "timestamp",
}


@lru_cache(maxsize=256)
def reading(sql: str) -> str:
    """Return the query in Spark's dialect, with x / 0 null as in DuckDB (Spark would stop).

    Raises:
        DefinitionError: it is not SQL.
    """
    import sqlglot

    try:
        tree = sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise DefinitionError(
            f"the query is no SQL: {' '.join(str(error).split())}", where="engine spark", do="Check the use case's expressions."
        ) from error
    for division in tree.find_all(sqlglot.exp.Div, sqlglot.exp.IntDiv, sqlglot.exp.Mod):
        divisor = division.expression
        division.set("expression", sqlglot.exp.Nullif(this=divisor, expression=sqlglot.exp.Literal.number(0)))
    return tree.sql(dialect="spark")


def type_name(of: pa.DataType) -> str:
    """Return Spark's name of one of the lake's types."""
    return f"decimal({of.precision},{of.scale})" if pa.types.is_decimal(of) else _TYPES[of]


def typed(schema: pa.Schema) -> list[str]:
    """Return one expression a column that casts it to the type of the lake's schema."""
    return [f"CAST(`{field.name}` AS {type_name(field.type)}) AS `{field.name}`" for field in schema]


def typed_columns(schema: StructType) -> list[str]:
    """Return one expression a column that casts it to the lake's type.

    Raises:
        UsageError: a column is nested or binary.
    """
    return [
        f"CAST(`{field.name}` AS {_stored(field.name, field.dataType.simpleString())}) AS `{field.name}`" for field in schema
    ]


def _stored(name: str, of: str) -> str:
    if name == NIGHT.name:
        return "date"
    if of.startswith("decimal"):
        return f"decimal(38,{of.rstrip(')').partition(',')[2]})"
    if of.startswith(("varchar", "char")):
        return "string"
    if of not in _STORED:
        raise UsageError(f"column '{name}' is {of}: a table of the lake is flat.", do="Give each value a column of its own.")
    return _STORED[of]
