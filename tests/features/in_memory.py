"""A tiny use case and its raw records in memory: what a statement answers is seen in milliseconds, without lake or engine.

The raw tables hold every night, so a statement that looks outside its nights shows; in the lake it could not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from nightloop.definitions import UseCase
from nightloop.features.feature_sql import build_sql
from nightloop.features.tables import tables
from nightloop.nights import Night, Nights, one
from nightloop.sources import raw_schema

NIGHT = date(2024, 3, 20)
FIRST = date(2024, 1, 1)
SETTINGS = "set threads = 1; set TimeZone = 'UTC'; set ieee_floating_point_ops = false; set error_on_division_by_zero = false;"
TYPES = {
    "visits": {
        "visit_id": "string",
        "customer": "string",
        "city": "string",
        "basket": "number",
        "items": "integer",
        "day": "date",
        "vip": "boolean",
        "opened_at": "timestamp",
        "closed_at": "timestamp",
    },
    "payments": {
        "payment_id": "integer",
        "customer": "string",
        "city": "string",
        "kind": "string",
        "amount": "number",
        "by_card": "boolean",
    },
    "customers": {"customer": "string", "score": "number", "since": "date", "rank": "integer"},
    "orders": {"order_id": "integer", "customer": "string", "bought": "boolean"},
}


def ago(nights: int) -> Night:
    """Return the night so many before NIGHT."""
    return NIGHT - timedelta(days=nights)


def at(night: Night, hour: int = 12, minute: int = 0, microsecond: int = 0) -> datetime:
    """Return an instant (UTC) of a night."""
    return datetime(night.year, night.month, night.day, hour, minute, 0, microsecond, tzinfo=UTC)


def shop(
    features: Mapping[str, Mapping[str, Any]],
    *,
    revised: Mapping[str, int] | None = None,
    matures_after: int = 2,
    label: str = "bought",
    join: Mapping[str, str] | None = None,
    key: Iterable[str] = ("visit_id",),
    time_zone: str = "UTC",
    task: str = "binary",
) -> UseCase:
    """Return a use case over visits, payments, customers (whole each night unless revised) and orders (the labels).

    Args:
        features: by name, without descriptions.
        revised: source -> nights within which its records may be revised.
        matures_after: of the label.
        label: its expression over orders.
        join: column of orders -> column of visits.
        key: of visits.
        time_zone: of the nights.
        task: of the model.
    """
    revised = revised or {}
    return UseCase.model_validate(
        {
            "use_case": "shop",
            "description": "Will the visit end in a purchase?",
            "owner": "tests",
            "time_zone": time_zone,
            "first_night": FIRST,
            "sources": {name: _source(name, revised.get(name, 0)) for name in TYPES},
            "entity": {"source": "visits", "key": list(key)},
            "label": {
                "description": "Bought.",
                "source": "orders",
                "join": dict(join or {"customer": "customer"}),
                "expression": label,
                "matures_after": matures_after,
            },
            "features": {name: {"description": name, **feature} for name, feature in features.items()},
            "model": {"task": task},
            "gates": {"fairness": {"group": "city", "metric": "selection_rate_difference", "maximum": 0.5}},
        }
    )


def _source(name: str, revised_within: int) -> dict[str, Any]:
    types = TYPES[name]
    source: dict[str, Any] = {
        "description": f"One row per record of {name}.",
        "connector": {"kind": "files", "pattern": name + "/{night}.csv"},
        "columns": {column: {"type": kind, "expression": column, "description": column} for column, kind in types.items()},
        "key": [next(iter(types))],
    }
    if name not in ("visits", "customers") or revised_within:
        source |= {"event_at": "event_at::timestamp", "known_at": "known_at::timestamp"}
    if revised_within:
        source |= {"revised_within": revised_within, "withdrawn": "withdrawn::boolean"}
    return source


def window(function: str, of: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return a window feature over payments by customer, of three nights unless changed."""
    feature = {"kind": "window", "source": "payments", "function": function, "by": ["customer"], "nights": 3}
    return feature | ({"of": of} if of else {}) | changes


def rate(of: str = "by_card", **changes: Any) -> dict[str, Any]:
    """Return a rate feature over payments by customer, of three nights and without smoothing unless changed."""
    feature = {"kind": "rate", "source": "payments", "of": of, "by": ["customer"], "nights": 3, "smoothing": 0.0}
    return feature | changes


def record(night: Night, **columns: Any) -> dict[str, Any]:
    """Return a record that arrived with a night; both clocks say noon of it and it stands, unless given."""
    stamps = {"event_at": at(night), "known_at": at(night), "withdrawn": False}
    row = {"night": night, **stamps, **columns}
    row.setdefault("event_night", min(row["event_at"].date(), night))
    return row


def raw(use_case: UseCase, source: str, records: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Return records as the raw table of a source, with the column night; columns not given are null."""
    schema = pa.schema([("night", pa.date32()), *raw_schema(use_case.sources[source])])
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in records], schema)


def answer(sql: str, **inputs: pa.Table) -> pa.Table:
    """Run a statement over tables in memory."""
    database = _database()
    try:
        for name, rows in inputs.items():
            database.register(name, rows)
        return database.sql(sql).to_arrow_table()
    finally:
        for name in inputs:
            database.unregister(name)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Open the one database of this process; nothing stays in it between answers."""
    database = duckdb.connect()
    database.execute(SETTINGS)
    return database


class Records:
    """Raw tables of a use case, and the tables made from them."""

    def __init__(self, use_case: UseCase, **records: Iterable[Mapping[str, Any]]) -> None:
        self.use_case = use_case
        self.raw = {f"raw_{name}": raw(use_case, name, records.get(name, ())) for name in use_case.sources}

    def table(
        self, name: str, nights: Nights | Night = NIGHT, as_known_at: Night | None = None, **inputs: pa.Table
    ) -> list[dict[str, Any]]:
        """Return the rows of a table for some nights, in its published columns; inputs not given are made first."""
        return self.arrow(name, nights, as_known_at, **inputs).to_pylist()

    def arrow(
        self, name: str, nights: Nights | Night = NIGHT, as_known_at: Night | None = None, **inputs: pa.Table
    ) -> pa.Table:
        """Return the same as an Arrow table."""
        nights = one(nights) if isinstance(nights, date) else nights
        made = {**self.raw, **inputs}
        if name == "aggregates" and "tiles" not in made and tables(self.use_case)["tiles"].names[4:]:
            made["tiles"] = self.arrow("tiles", Nights(ago(40), as_known_at or nights.last))
        if name == "features" and "aggregates" not in made and len(tables(self.use_case)["aggregates"]) > 2:
            made["aggregates"] = self.arrow("aggregates", nights, as_known_at)
        rows = answer(build_sql(self.use_case, name, nights, as_known_at), **made)
        schema = pa.schema([("night", pa.date32()), *tables(self.use_case)[name]])
        return rows.select(schema.names).cast(schema)

    def by_key(self, nights: Nights | Night = NIGHT, as_known_at: Night | None = None, by: str = "customer") -> dict[str, dict]:
        """Return key -> feature -> value of one night's aggregates of one grouping."""
        rows = self.table("aggregates", nights, as_known_at)
        return {row["key"]: _features(row) for row in rows if row["by"] == by}

    def features(self, night: Night = NIGHT, as_known_at: Night | None = None) -> dict[str, dict]:
        """Return visit -> feature -> value of one night."""
        return {row["visit_id"]: _features(row) for row in self.table("features", night, as_known_at)}


def _features(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("night", "by", "key", "visit_id")}


def one_value(feature: Mapping[str, Any], payments: Iterable[Mapping[str, Any]], customer: str = "Ada", **options: Any) -> Any:
    """Return the value of one feature over payments for a customer on NIGHT, from the aggregates; None without a row."""
    nights, as_known_at = options.pop("nights", NIGHT), options.pop("as_known_at", None)
    rows = Records(shop({"x": feature}, **options), payments=payments).table("aggregates", nights, as_known_at)
    (value,) = [row["x"] for row in rows if row["key"] == customer and row["night"] == NIGHT] or [None]
    return value
