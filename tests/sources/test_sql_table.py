"""A table of a SQLite file, read as text: its night's rows or all of them, and what is refused by name."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from nightloop.definitions.connectors import SqlConnector
from nightloop.errors import SourceDamaged
from nightloop.sources import sql
from nightloop.sources.connector import SourceContext
from nightloop.sources.sql import Database

FIRST, NIGHT = date(2024, 1, 1), date(2024, 3, 9)
ROWS = [
    ("c", 2.5, b"\x00\xff", "2024-03-10 04:59:59"),  # the last second of the night in New York
    ("a", 7, None, "2024-03-10 05:00:00"),
    ("b", 1e-9, b"", "2024-03-09T05:00:00Z"),
    ("d", None, None, "whenever"),
    ("e", 12345678901234567, None, None),
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A shop's database with a table of orders and a view of them."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as shop:
        shop.execute("CREATE TABLE orders (number TEXT, amount NUMERIC, picture BLOB, updated_at TEXT)")
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", ROWS)
        shop.execute("CREATE VIEW orders_seen AS SELECT number FROM orders")
        shop.execute("CREATE TABLE empty (number TEXT, updated_at TEXT)")
        shop.execute('CREATE TABLE twice (number TEXT, "=nl:row" TEXT)')
    shop.close()
    return path


def database(file: Path, **declared: Any) -> Database:
    def connection(name: str) -> SecretStr:
        assert name == "shop"
        return SecretStr(f"sqlite:///{file}")

    connector = SqlConnector(**{"kind": "sql", "connection": "shop", "table": "orders", **declared})
    return Database(
        connector, SourceContext(file.parent, "loans", FIRST, "America/New_York", file.parent / "cache", None, connection)
    )


def rows(file: Path, night: date | None = None, **declared: Any) -> list[dict[str, Any]]:
    delivery = database(file, **declared).read(night)
    assert delivery is not None
    assert isinstance(delivery.records, pa.Table)
    return delivery.records.to_pylist()


def numbers(file: Path, night: date) -> list[str]:
    return [row["number"] for row in rows(file, night, incremental="updated_at")]


def test_a_whole_table_is_text_in_its_own_order_with_every_digit_and_byte(file: Path) -> None:
    found = rows(file)
    assert [row["number"] for row in found] == ["a", "b", "c", "d", "e"]
    assert [row["amount"] for row in found] == ["7", "1e-09", "2.5", None, "12345678901234567"]
    assert [row["picture"] for row in found] == [None, "\\x", "\\x00ff", None, None]
    assert [(row["=nl:row"], row["=nl:flaw"]) for row in found] == [(place, None) for place in range(5)]


@pytest.mark.parametrize(("night", "found"), [(NIGHT, ["b", "c"]), (date(2024, 3, 10), ["a"]), (FIRST, ["d", "e"])], ids=str)
def test_a_night_has_its_own_rows_and_the_first_one_those_of_no_time(file: Path, night: date, found: list[str]) -> None:
    assert numbers(file, night) == found


def test_only_what_may_be_of_the_night_leaves_the_database(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[list[Any]] = []
    pieces = sql._pieces

    def watched(result: sa.CursorResult[Any]) -> Any:
        for piece in pieces(result):
            read.append(piece)
            yield piece

    monkeypatch.setattr(sql, "_pieces", watched)
    numbers(file, NIGHT)
    assert sum(len(piece) for piece in read) == 3


def test_more_rows_than_a_piece_holds_come_all_in_order(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "ROWS", 2)
    assert [row["number"] for row in rows(file)] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("night", "declared"),
    [(None, {"table": "empty"}), (date(2024, 2, 1), {"incremental": "updated_at"})],
    ids=["an empty table", "a night without rows"],
)
def test_where_there_are_no_rows_nothing_is_delivered(file: Path, night: date | None, declared: dict[str, Any]) -> None:
    assert database(file, **declared).read(night) is None


def test_a_view_and_a_table_in_a_schema_are_read_and_named_by_connection(file: Path) -> None:
    assert [row["number"] for row in rows(file, table="orders_seen")] == ["a", "b", "c", "d", "e"]
    in_schema = database(file, schema="main")
    assert (database(file).origin, in_schema.origin) == ("shop: orders", "shop: main.orders")
    delivery = in_schema.read(None)
    assert delivery is not None
    assert (delivery.origin, delivery.remedy) == ("shop: main.orders", "Mend the table, and run the stage again.")


@pytest.mark.parametrize(
    ("declared", "messages"),
    [
        ({"table": "order"}, ("no table or view 'order'", "orders")),
        ({"table": "orders_sean"}, ("no table or view 'orders_sean'", "orders_seen")),
        ({"incremental": "update_at"}, ("no column 'update_at', which is declared as incremental", "updated_at")),
        ({"table": "twice", "incremental": "number"}, ("repeated or reserved: =nl:row", "Give them different names")),
    ],
)
def test_what_the_database_has_not_is_named_with_what_is_near(
    file: Path, declared: dict[str, Any], messages: tuple[str, str]
) -> None:
    with pytest.raises(SourceDamaged) as refused:
        database(file, **declared).read(NIGHT if "incremental" in declared else None)
    assert messages[0] in refused.value.what
    assert messages[1] in str(refused.value.do)
    assert "shop" in str(refused.value.where)


def test_a_column_of_postgresql_that_tells_no_time_is_refused_with_its_type(file: Path) -> None:
    class Connection:
        dialect = sa.create_mock_engine("postgresql://", lambda *_: None).dialect

    orders, connection = database(file, incremental="number"), Connection()
    with pytest.raises(SourceDamaged, match=r"'number' is of type Integer\(\) and tells no time.*timestamps, dates"):
        orders._clock(connection, [{"name": "number", "type": sa.Integer()}])  # type: ignore[arg-type]
    assert orders._clock(connection, [{"name": "number", "type": sa.Date()}]).kind == "date"  # type: ignore[arg-type]


@pytest.mark.parametrize(("dialect", "cast"), [("postgresql", True), ("sqlite", False)])
def test_every_column_is_named_in_quotes_and_postgresql_writes_it_as_text(file: Path, dialect: str, cast: bool) -> None:
    class Connection:
        pass

    connection: Any = Connection()
    connection.dialect = sa.create_mock_engine(f"{dialect}://", lambda *_: None).dialect
    for schema, table in ((None, '"orders"'), ("till", '"till"."orders"')):
        declared = {"schema": schema} if schema else {}
        statement = database(file, **declared)._statement(connection, ["number", "Ordered At"])
        text = " ".join(str(statement.compile(dialect=connection.dialect)).split())
        assert text.endswith(f"FROM {table}")
        assert text.count('"Ordered At"') == 1
        assert ("AS TEXT)" in text) is cast


def test_the_limit_of_bytes_counts_all_that_is_read_and_names_its_setting(file: Path) -> None:
    with sqlite3.connect(file) as shop:
        shop.execute("CREATE TABLE sized (a TEXT, b TEXT)")
        shop.executemany("INSERT INTO sized VALUES (?, ?)", [("xxxx", None), ("yyy", "zzz")])
    shop.close()
    assert len(rows(file, table="sized", maximum_bytes=10)) == 2
    with pytest.raises(SourceDamaged, match=r"more than the 9 bytes.*Declare a larger maximum_bytes"):
        rows(file, table="sized", maximum_bytes=9)


def test_a_value_larger_than_a_cell_may_be_has_a_flaw(file: Path) -> None:
    found = rows(file, maximum_cell_bytes=17)
    assert [row["number"] for row in found if row["=nl:flaw"]] == ["a", "b", "c"]
