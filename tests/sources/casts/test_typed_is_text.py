"""Whatever a file stores, its columns have the values, and its records the failures, that reading all as text would give."""

from __future__ import annotations

import io
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightloop.definitions.use_case import Source
from nightloop.sources.arrivals import Texts
from nightloop.sources.casts.reads import columns_read_as_text
from nightloop.sources.connector import Delivery
from nightloop.sources.evaluation import Place, evaluate, snapshot_statement, taken
from nightloop.sources.formats import parquet_records
from nightloop.sources.text_table import finished
from nightloop.sources.unpacking import Allowance

TYPES = {
    "integer": "bigint",
    "number": "double",
    "string": "varchar",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
}
BARE = [(kind, "x") for kind in TYPES]
CAST = [(kind, f"x::{name}") for kind, name in TYPES.items()]
CASTS = [
    ("integer", "x::int"), ("integer", "x::smallint"), ("integer", "cast(x as INT8)"),
    ("integer", "try_cast(X as tinyint)"), ("integer", "round(x::double)::bigint"), ("integer", "x::bigint * 2"),
    ("integer", "x::decimal(18,2)"), ("integer", "x::int8::int"), ("number", "x::bigint"), ("number", "x::float"),
    ("number", "try_cast(x as double) + 1"), ("number", '"x"::double precision'),
    ("number", "CASE WHEN x IS NULL THEN 0 ELSE x::double END"), ("number", "coalesce(x::double, 1)"),
    ("number", "x::decimal(18,3)"), ("string", "trim(x)"), ("string", "x || 'a'"), ("string", "x::text"),
    ("string", "typeof(x)"), ("string", "x::date::varchar"), ("string", "x::double::varchar"),
    ("string", "x::bigint::varchar"), ("string", "x::timestamp::varchar"), ("string", "text::varchar"),
    ("string", "length(x)"), ("string", "nullif(x, '1')"), ("string", "to_json(text)"), ("string", "text.x"),
    ("boolean", "x = '1'"), ("boolean", "x IS NOT NULL"), ("boolean", "x::boolean AND true"),
    ("boolean", "x::double > 1"), ("date", "x::timestamp"), ("date", "x::timestamptz"),
    ("date", "timezone('America/New_York', x::timestamptz)"), ("timestamp", "x::timestamp"),
    ("timestamp", "timezone('Europe/Berlin', x::timestamp)"), ("timestamp", "x::date"),
    ("timestamp", "x::timestamp with time zone"), ("timestamp", "x::datetime"), ("timestamp", "to_timestamp(x::bigint)"),
    ("string", "#1"), ("string", "list_transform([1], lambda y: x)[1]"),
    ("integer", "list_transform([1], lambda y: x::int)[1]"),
]  # fmt: skip
EXPRESSIONS = BARE + CAST + CASTS

WHOLE = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-200, 200), st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**31])
)
NUMBERS = st.one_of(
    st.floats(), st.floats(-1e6, 1e6), st.integers(-9, 9).map(float), st.sampled_from([-0.0, 1e22, 5e-324, 2.0**53])
)
DATES = st.one_of(st.dates(), st.dates(date(1960, 1, 1), date(2040, 1, 1)))
MOMENTS = st.one_of(st.datetimes(), st.datetimes(datetime(1960, 1, 1), datetime(2040, 1, 1)))  # noqa: DTZ001 - no zone yet
TEXTS = st.one_of(st.text(max_size=6), st.sampled_from(["1", "2.50", "true", "nan", "2024-03-02", "2024-03-02 10:00:00+02:00"]))


def bits(width: int, *, unsigned: bool = False) -> st.SearchStrategy[int]:
    low, high = (0, 2**width - 1) if unsigned else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([low, high]))


def decimals(digits: int, scale: int) -> st.SearchStrategy[Decimal]:
    return st.integers(-(10**digits) + 1, 10**digits - 1).map(lambda whole: Decimal(whole).scaleb(-scale))


STORED: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
    (pa.int64(), WHOLE), (pa.int32(), bits(32)), (pa.int16(), bits(16)), (pa.int8(), bits(8)),
    (pa.uint8(), bits(8, unsigned=True)), (pa.uint32(), bits(32, unsigned=True)), (pa.uint64(), bits(64, unsigned=True)),
    (pa.float64(), NUMBERS), (pa.float32(), st.floats(width=32)), (pa.bool_(), st.booleans()),
    (pa.date32(), DATES), (pa.timestamp("us"), MOMENTS), (pa.timestamp("us", "UTC"), MOMENTS),
    (pa.timestamp("us", "+00:00"), MOMENTS),
    (pa.timestamp("ms"), MOMENTS.map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000))),
    (pa.timestamp("us", "America/New_York"), MOMENTS), (pa.timestamp("ns"), st.integers(-(2**62), 2**62)),
    (pa.timestamp("ns"), st.integers(-(2**52), 2**52).map(lambda moment: moment * 1000)),
    (pa.timestamp("ns", "UTC"), st.integers(-(2**52), 2**52).map(lambda moment: moment * 1000)),
    (pa.timestamp("us"), st.integers(-(2**62), 2**62)), (pa.date32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.decimal128(15, 2), decimals(15, 2)), (pa.decimal128(9, 9), decimals(9, 9)), (pa.decimal128(18, 6), decimals(18, 6)),
    (pa.decimal128(38, 10), decimals(30, 10)), (pa.string(), TEXTS),
    (pa.dictionary(pa.int32(), pa.string()), TEXTS), (pa.null(), st.none()),
    (pa.time64("us"), st.times()), (pa.large_string(), TEXTS),
]  # fmt: skip


@st.composite
def columns(draw: st.DrawFn) -> pa.Array:
    of, values = draw(st.sampled_from(STORED))
    return pa.array(draw(st.lists(st.one_of(st.none(), values), min_size=1, max_size=6)), of)


def as_parquet(table: pa.Table) -> bytes:
    content = io.BytesIO()
    pq.write_table(table, content)
    return content.getvalue()


def source(expressions: list[tuple[str, str]]) -> Source:
    declared = {
        f"c{place}": {"type": kind, "expression": sql, "description": "x"} for place, (kind, sql) in enumerate(expressions)
    }
    connector = {"kind": "files", "pattern": "x.parquet"}
    return Source.model_validate({"description": "x", "connector": connector, "columns": declared, "key": ["c0"]})


def read(records: pa.Table, expressions: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return what each expression gives, record by record, and where it fails."""
    declared, delivery = source(expressions), Delivery(finished(records, 10**6), "x.parquet", "Mend it.")
    held = taken(declared, delivery.records)
    rows = evaluate(declared, snapshot_statement(declared, held), Place(Path("/"), "shop", "things", delivery), held)
    results = {}
    for place, (kind, sql) in enumerate(expressions):
        values = rows.column(f"c{place}").cast(pa.float64() if kind == "number" else pa.string()).to_pylist()
        failed = rows.column(f"!c{place}").to_pylist() if f"c{place}" not in held else [False] * len(values)
        results[f"{kind}: {sql}"] = [
            repr(value) if not failure else "failed" for value, failure in zip(values, failed, strict=True)
        ]
    return results


@settings(max_examples=80)
@given(columns(), st.lists(st.sampled_from(EXPRESSIONS), min_size=8, max_size=16, unique=True))
def test_every_column_is_what_its_text_would_give(column: pa.Array, expressions: list[tuple[str, str]]) -> None:
    table = pa.table({"x": column, "other": pa.array(["1"] * len(column))})
    text = pa.table({"x": column.cast(pa.string()), "other": table.column("other")})
    records = parquet_records(as_parquet(table), lambda _: None, Allowance(10**9))
    assert read(records, expressions) == read(text, expressions)
    whole = range(len(column))
    assert Texts(finished(records, 10**6)).records(whole) == Texts(finished(text, 10**6)).records(whole), "shown as before"


AT = datetime(2024, 3, 10, 23, 30, 5, 600)  # noqa: DTZ001 - no zone yet
EDGES: list[tuple[pa.DataType, list[object]]] = [
    (pa.int64(), [0, 1, -1, 300, 2**31, 2**53 + 1, -(2**63), None]), (pa.uint8(), [0, 255, None]),
    (pa.uint64(), [0, 2**64 - 1, None]), (pa.float64(), [0.0, -0.0, 2.5, 3.0, 1e22, 0.1, float("nan"), float("inf"), None]),
    (pa.float32(), [0.1, 3.0, None]), (pa.bool_(), [True, False, None]), (pa.date32(), [date(2024, 3, 10), date.min, None]),
    (pa.timestamp("us"), [AT, None]), (pa.timestamp("us", "UTC"), [AT, None]), (pa.timestamp("ns"), [10**15, 1, None]),
    (pa.timestamp("us", "America/New_York"), [AT, None]), (pa.decimal128(15, 2), [Decimal("1.50"), Decimal("-0.07"), None]),
    (pa.decimal128(30, 10), [Decimal("12345678901234567890.1"), None]), (pa.string(), ["1", " 2.5", "", "true", None]),
]  # fmt: skip


@pytest.mark.parametrize(("of", "values"), EDGES, ids=[str(of) for of, _ in EDGES])
def test_every_expression_gives_the_same_of_each_kind_of_value(of: pa.DataType, values: list[object]) -> None:
    column = pa.array(values, of)
    text = pa.table({"x": column.cast(pa.string())})
    records = parquet_records(as_parquet(pa.table({"x": column})), lambda _: None, Allowance(10**9))
    plain = read(text, EXPRESSIONS)
    as_stored, as_text = [], []  # apart: one expression that reads text makes all read it
    for kind, sql in EXPRESSIONS:
        reads_text = columns_read_as_text({"c": f"CAST(({sql}) AS {TYPES[kind]})"}, records)
        (as_text if reads_text else as_stored).append((kind, sql))
    assert {**read(records, as_stored), **(read(records, as_text) if as_text else {})} == plain
