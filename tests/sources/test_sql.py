from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr

from jobs import ingest
from nightloop.errors import SourceDamaged, SourceUnavailable, UsageError
from nightloop.nights import cutoff, parse_nights
from nightloop.sources.sql_night import clock_of
from nightloop.sources.sql_session import read_only_connection
from tests.fixtures_ingest import SHOP, Shop

VARIABLE = "NIGHTLOOP_CONNECTION_WAREHOUSE"
CONNECTOR = "{kind: sql, connection: warehouse, table: orders, incremental: updated_at}"
NASTY = [
    "'; drop table orders; --",
    '"; drop table orders; --',
    "' or '1'='1",
    ":name",
    "%(name)s",
    "$$x$$",
    "\\",
    "Zoë 🦆",
    " ",
]


@dataclass
class Warehouse:
    """A database with a table of orders that the test writes and the shop reads."""

    url: str
    stamp: str  # type of the column updated_at
    engine: sa.Engine = field(init=False)

    def __post_init__(self) -> None:
        self.engine = sa.create_engine(self.url, poolclass=sa.NullPool)
        self.run(
            "CREATE TABLE orders (order_id TEXT, clerk TEXT, amount NUMERIC, paid BOOLEAN, "
            f'"Ordered At" TEXT, updated_at {self.stamp})'
        )

    def run(self, statement: str, *rows: dict[str, object]) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement.replace(":y", "\\:y")), rows or None)

    def orders(self, *rows: tuple[str, object]) -> None:
        self.run(
            "INSERT INTO orders VALUES (:number, 'ada', 100, true, '2024-03-01', :at)",
            *({"number": number, "at": at} for number, at in rows),
        )

    def numbers(self) -> list[str]:
        with self.engine.connect() as connection:
            return sorted(connection.execute(sa.text("SELECT order_id FROM orders")).scalars())


def define(shop: Shop, connector: str = CONNECTOR, known_at: str = "updated_at::timestamp") -> None:
    text = SHOP.replace("{kind: files, pattern: data/orders.csv}", connector)
    text = text.replace("event_at: ordered_at::timestamp", "event_at: '\"Ordered At\"::timestamp'")
    shop.write("feature_defs/shop.yaml", text.replace("known_at: landed_at::timestamp", f"known_at: {known_at}"))


def found(shop: Shop, nights: str) -> dict[str, list[str]]:
    arrivals = shop.read("orders", nights).arrivals
    return {str(night): sorted(arrival.rows.column("order_id").to_pylist()) for night, arrival in arrivals.items()}


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ware house?.db".replace("?", "%3F")


KINDS = ["sqlite text", "sqlite datetime", "postgresql timestamptz", "postgresql timestamp", "postgresql text"]


@pytest.fixture(params=KINDS)
def warehouse(request: pytest.FixtureRequest, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    database, stamp = request.param.split()
    made = Warehouse(request.getfixturevalue("sqlite_url" if database == "sqlite" else "postgres_url"), stamp)
    monkeypatch.setenv(VARIABLE, made.url)
    define(shop)
    return made


def test_a_night_reads_the_rows_written_between_its_midnights(shop: Shop, warehouse: Warehouse) -> None:
    warehouse.orders(
        ("before", "2024-03-05 04:59:59.999999"),
        ("first", "2024-03-05 05:00:00"),
        ("last", "2024-03-06 04:59:59.999999"),
        ("after", "2024-03-06 05:00:00"),
    )
    assert found(shop, "2024-03-05") == {"2024-03-05": ["first", "last"]}
    assert found(shop, "2024-03-04..2024-03-06") == {
        "2024-03-04": ["before"],
        "2024-03-05": ["first", "last"],
        "2024-03-06": ["after"],
    }


def test_the_night_of_a_clock_change_is_as_long_as_its_day(shop: Shop, warehouse: Warehouse) -> None:
    warehouse.orders(("short", "2024-03-11 03:59:59"), ("summer", "2024-03-11 04:00:00"))
    assert found(shop, "2024-03-10..2024-03-11") == {"2024-03-10": ["short"], "2024-03-11": ["summer"]}


def test_only_the_night_s_rows_leave_the_database(shop: Shop, warehouse: Warehouse) -> None:
    warehouse.orders(("mine", "2024-03-05 12:00:00"), *((f"other{day}", f"2024-03-{day:02} 12:00:00") for day in range(10, 20)))
    arrival = shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)]
    assert arrival.texts.records([0]) and arrival.rows_in == 1
    with pytest.raises(IndexError):
        arrival.texts.records([1])


def test_a_row_whose_time_cannot_be_told_is_quarantined_once_with_the_first_night(shop: Shop, warehouse: Warehouse) -> None:
    warehouse.orders(("never", None), ("fine", "2024-03-01 12:00:00"))
    first = shop.read("orders", "2024-03-01").arrivals[date(2024, 3, 1)]
    assert first.rows.column("order_id").to_pylist() == ["fine"]
    assert [item.rule for item in first.refused] == ["night:known"]
    assert json.loads(first.texts.records([first.refused[0].row])[0])["order_id"] == "never"
    assert shop.read("orders", "2024-03-02..2024-03-05").arrivals == {}


def test_a_row_of_another_night_than_it_was_written_in_is_quarantined(shop: Shop, warehouse: Warehouse) -> None:
    define(shop, known_at="updated_at::timestamp + to_days(1)")
    warehouse.orders(("tomorrow", "2024-03-05 12:00:00"))
    arrival = shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)]
    assert (arrival.rows.num_rows, [item.rule for item in arrival.refused]) == (0, ["night:own"])


def test_values_that_look_like_code_are_values(shop: Shop, warehouse: Warehouse) -> None:
    warehouse.orders(*((text, "2024-03-05 12:00:00") for text in NASTY))
    ingest.run(shop.use_case, parse_nights("2024-03-05"), shop.workspace)
    assert sorted(shop.workspace.lake.read("shop/raw_orders").column("order_id").to_pylist()) == sorted(NASTY)
    assert warehouse.numbers() == sorted(NASTY)


def test_names_that_look_like_code_are_names(shop: Shop, warehouse: Warehouse) -> None:
    warehouse.run('ALTER TABLE orders RENAME TO "orders""; drop table x; --"')
    warehouse.run('ALTER TABLE "orders""; drop table x; --" ADD COLUMN "a""b; %(x)s :y" TEXT')
    define(shop, CONNECTOR.replace("table: orders", "table: 'orders\"; drop table x; --'"))
    warehouse.run(
        "INSERT INTO \"orders\"\"; drop table x; --\" VALUES ('a', 'ada', 1, true, '2024-03-01', '2024-03-05 12:00:00', 'z')"
    )
    arrival = shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)]
    assert json.loads(arrival.texts.records([0])[0])['a"b; %(x)s :y'] == "z"


@pytest.mark.parametrize(
    "write",
    [
        "INSERT INTO orders (order_id) VALUES ('x')",
        "UPDATE orders SET order_id = 'x'",
        "DELETE FROM orders",
        "DROP TABLE orders",
        "CREATE TABLE x (y TEXT)",
        "CREATE INDEX x ON orders (order_id)",
    ],
)
def test_a_connection_of_a_source_cannot_write(warehouse: Warehouse, write: str) -> None:
    warehouse.orders(("kept", "2024-03-05 12:00:00"))
    with (
        pytest.raises((SourceDamaged, SourceUnavailable), match=r"read-?only"),
        read_only_connection("warehouse", SecretStr(warehouse.url)) as connection,
    ):
        connection.exec_driver_sql(write)
        connection.commit()
    assert warehouse.numbers() == ["kept"]


def test_a_night_has_the_same_content_whatever_order_the_database_gives(shop: Shop, warehouse: Warehouse) -> None:
    rows = [(f"o{i}", "2024-03-05 12:00:00") for i in range(20)]
    warehouse.orders(*rows)
    before = shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)].rows
    warehouse.run("DELETE FROM orders")
    warehouse.orders(*reversed(rows))
    assert shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)].rows.equals(before)


def test_a_whole_table_is_split_by_its_known_time(shop: Shop, warehouse: Warehouse) -> None:
    define(shop, "{kind: sql, connection: warehouse, table: orders}")
    warehouse.orders(("a", "2024-03-05 12:00:00"), ("b", "2024-03-06 12:00:00"), ("c", "2025-03-06 12:00:00"))
    assert found(shop, "2024-03-01..2024-03-31") == {"2024-03-05": ["a"], "2024-03-06": ["b"]}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("table: orders", "table: ordres", "no table or view 'ordres'.*Did you mean 'orders'"),
        ("incremental: updated_at", "incremental: udpated_at", "no column 'udpated_at'.*Did you mean 'updated_at'"),
        ("table: orders", "table: orders, maximum_bytes: 10", "bytes that are allowed"),
        ("table: orders", "table: orders, schema: nowhere", "nowhere"),
    ],
)
def test_what_is_not_as_declared_is_said(shop: Shop, warehouse: Warehouse, old: str, new: str, said: str) -> None:
    warehouse.orders(("a", "2024-03-05 12:00:00"))
    define(shop, CONNECTOR.replace(old, new))
    with pytest.raises(SourceDamaged, match=said):
        shop.read("orders", "2024-03-05")


def test_a_value_that_is_too_large_is_quarantined(shop: Shop, warehouse: Warehouse) -> None:
    define(shop, CONNECTOR.replace("table: orders", "table: orders, maximum_cell_bytes: 100"))
    warehouse.orders(("x" * 101, "2024-03-05 12:00:00"), ("fine", "2024-03-05 12:00:00"))
    arrival = shop.read("orders", "2024-03-05").arrivals[date(2024, 3, 5)]
    assert (arrival.rows.column("order_id").to_pylist(), [item.rule for item in arrival.refused]) == (["fine"], ["record:size"])


def test_the_file_of_sqlite_is_opened_so_that_no_pragma_makes_it_writable(sqlite_url: str) -> None:
    warehouse = Warehouse(sqlite_url, "TEXT")
    with pytest.raises(SourceDamaged, match="readonly"), read_only_connection("warehouse", SecretStr(sqlite_url)) as connection:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql("INSERT INTO orders (order_id) VALUES ('x')")
        connection.commit()
    assert warehouse.numbers() == []


# --- one database only -------------------------------------------------------------------------------------------------


def test_a_date_column_is_the_night_itself(shop: Shop, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = Warehouse(postgres_url, "DATE")
    monkeypatch.setenv(VARIABLE, postgres_url)
    define(shop, known_at="updated_at::timestamp + to_hours(12)")
    warehouse.orders(("a", "2024-03-05"), ("b", "2024-03-06"))
    assert found(shop, "2024-03-05..2024-03-06") == {"2024-03-05": ["a"], "2024-03-06": ["b"]}


def test_a_column_that_tells_no_time_is_refused(shop: Shop, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Warehouse(postgres_url, "INTEGER")
    monkeypatch.setenv(VARIABLE, postgres_url)
    define(shop)
    with pytest.raises(SourceDamaged, match=r"'updated_at' is of type INTEGER.*tells no time"):
        shop.read("orders", "2024-03-05")


def test_an_instant_at_infinity_is_quarantined_with_the_first_night(
    shop: Shop, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(postgres_url, "TIMESTAMPTZ")
    monkeypatch.setenv(VARIABLE, postgres_url)
    define(shop)
    warehouse.orders(("always", "-infinity"), ("never", "infinity"))
    assert shop.read("orders", "2024-03-01").arrivals[date(2024, 3, 1)].rows_in == 2


def test_every_digit_of_a_number_and_every_byte_comes_through(
    shop: Shop, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = Warehouse(sqlite_url, "TEXT")
    monkeypatch.setenv(VARIABLE, sqlite_url)
    define(shop)
    warehouse.run(
        "CREATE TABLE other AS "
        "SELECT 0.1 + 0.2 AS real, 9007199254740993 AS clerk, x'00ff' AS bytes, null AS name, '2024-03-05 12:00' AS updated_at"
    )
    shop.define("{kind: files, pattern: data/clerks.csv}", "{kind: sql, connection: warehouse, table: other}")
    (record,) = shop.read("clerks", "2024-03-05").arrivals[date(2024, 3, 5)].texts.records([0])
    assert json.loads(record) == {
        "real": "0.30000000000000004",
        "clerk": "9007199254740993",
        "bytes": "\\x00ff",
        "name": None,
        "updated_at": "2024-03-05 12:00",
    }


def test_a_database_that_is_not_there_is_said_and_not_made(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"sqlite:///{tmp_path}/none.db")
    define(shop)
    with pytest.raises(SourceDamaged, match=r"none\.db: the database of the connection 'warehouse' does not exist"):
        shop.read("orders", "2024-03-05")
    assert not (tmp_path / "none.db").exists()


def test_a_file_that_is_no_database_is_said(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no.db").write_bytes(b"no database" * 100)
    monkeypatch.setenv(VARIABLE, f"sqlite:///{tmp_path}/no.db")
    define(shop)
    with pytest.raises(SourceDamaged, match="not a database"):
        shop.read("orders", "2024-03-05")


@pytest.mark.parametrize(
    ("address", "error", "said"),
    [
        (None, UsageError, f"{VARIABLE} is not set"),
        ("nonsense hidden-password", UsageError, "names not an address"),
        ("mysql://u:hidden-password@h/d", UsageError, "SQLite or PostgreSQL"),
        ("postgresql+psycopg2://u:hidden-password@127.0.0.1:9/d", SourceUnavailable, r"u:\*\*\*@127.0.0.1:9/d"),
    ],
)
def test_a_connection_that_cannot_be_opened_is_said_without_its_password(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, address: str | None, error: type[Exception], said: str
) -> None:
    if address:
        monkeypatch.setenv(VARIABLE, address)
    define(shop)
    with pytest.raises(error, match=said) as caught:
        shop.read("orders", "2024-03-05")
    shown = caught.value
    while shown is not None:
        assert "hidden-password" not in f"{shown} {shown!r}"
        shown = None if shown.__suppress_context__ else shown.__context__


def test_a_wrong_password_is_not_told(shop: Shop, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, postgres_url.replace("night-secret", "wrong-secret"))
    define(shop)
    with pytest.raises(SourceUnavailable, match="password authentication failed") as caught:
        shop.read("orders", "2024-03-05")
    assert "wrong-secret" not in str(caught.value)


def write_iso(moment: datetime) -> list[Callable[[], str]]:
    """The ways in which tables write one instant."""
    zone = moment.astimezone(datetime.fromisoformat("2024-01-01T00:00:00+13:45").tzinfo)
    return [
        moment.isoformat,
        lambda: moment.isoformat(sep=" "),
        lambda: moment.isoformat().replace("+00:00", "Z"),
        zone.isoformat,
    ]


@given(
    moment=st.datetimes(datetime(2024, 3, 8), datetime(2024, 3, 13), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
    way=st.integers(0, 3),
)
@examples(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_time_written_as_text_is_in_exactly_one_night_however_it_is_written(moment: datetime, way: int) -> None:
    text = write_iso(moment)[way]()
    clock = clock_of("at", sa.Text(), "sqlite", "America/New_York")
    assert clock is not None
    nights = [date(2024, 3, 6) + timedelta(days=i) for i in range(9)]
    (night,) = [night for night in nights if clock.belongs(text, night, date(2024, 1, 1))]
    assert cutoff(night - timedelta(days=1), "America/New_York") <= moment < cutoff(night, "America/New_York")
    with sqlite3.connect(":memory:") as database:
        condition = clock.restrict(sa.select(sa.text("1")), night, with_unknown=False).whereclause
        sql = str(condition.compile(dialect=sa.dialects.sqlite.dialect(), compile_kwargs={"literal_binds": True}))
        assert database.execute(f"SELECT {sql} FROM (SELECT ? AS at)", [text]).fetchone() == (1,)


@pytest.mark.parametrize(
    "text", ["soon", "", "2024-3-5", "20240305T120000", "2024-02-31", "2024-03-05Tnoon", " 2024-03-05", "1709640000", "now"]
)
def test_a_text_that_is_no_time_is_read_with_the_first_night_only(
    shop: Shop, sqlite_url: str, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    warehouse = Warehouse(sqlite_url, "TEXT")
    monkeypatch.setenv(VARIABLE, sqlite_url)
    define(shop)
    warehouse.orders(("odd", text))
    assert [
        shop.read("orders", night).arrivals.get(date.fromisoformat(night)) is not None for night in ("2024-03-01", "2024-03-05")
    ] == [True, False]
    with_the_first = shop.read("orders", "2024-03-01").arrivals[date(2024, 3, 1)]
    assert (with_the_first.rows.num_rows, len(with_the_first.refused)) == (0, 1)
