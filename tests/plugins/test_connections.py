"""Where a task finds the address of a source's database: in Airflow's connections, else in the environment."""

from __future__ import annotations

import json
from datetime import date

import pytest
import sqlalchemy as sa

from nightloop.definitions.connectors import SqlConnector
from nightloop.errors import UsageError
from nightloop.nights import one
from nightloop.settings import load_settings
from nightloop.sources.sql_session import read_only_connection
from plugins.connections import source_connection, with_spark
from plugins.operators import open_use_case

ODD = "p@ss/w:rd #1%"


def airflow_has(monkeypatch: pytest.MonkeyPatch, name: str, **connection: object) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))


def test_an_airflow_connection_becomes_an_address_whatever_its_password_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"conn_type": "postgres", "login": "reader", "password": ODD, "host": "db.example", "port": 5433, "schema": "shop"}
    airflow_has(monkeypatch, "nightloop_shop", **given, extra={"sslmode": "require"})
    url = sa.make_url(source_connection("shop").get_secret_value())
    assert (url.drivername, url.username, url.password) == ("postgresql+psycopg2", "reader", ODD)
    assert (url.host, url.port, url.database, url.query) == ("db.example", 5433, "shop", {"sslmode": "require"})


def test_no_extra_of_a_connection_can_undo_that_the_session_only_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = {"options": "-c default_transaction_read_only=off", "cursor": "realdictcursor"}
    airflow_has(monkeypatch, "nightloop_shop", conn_type="postgres", host="db", schema="shop", extra=extra)
    assert source_connection("shop").get_secret_value() == "postgresql+psycopg2://db/shop"


def test_a_connection_of_another_kind_of_database_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow_has(monkeypatch, "nightloop_shop", conn_type="mysql", host="db", schema="shop", password=ODD)
    address = source_connection("shop")
    with pytest.raises(UsageError, match="the connection 'shop' names mysql") as refused, read_only_connection("shop", address):
        pass
    assert ODD not in str(refused.value)


def test_without_an_airflow_connection_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLOOP_CONNECTION_SHOP", "sqlite:////there.db")
    assert source_connection("shop").get_secret_value() == "sqlite:////there.db"
    airflow_has(monkeypatch, "nightloop_shop", conn_type="sqlite", host="/here.db")
    assert source_connection("shop").get_secret_value() == "sqlite:////here.db"


def test_a_connection_that_was_not_made_for_sources_is_not_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow_has(monkeypatch, "payroll", conn_type="postgres", host="db", schema="payroll")
    with pytest.raises(UsageError, match=r"Set NIGHTLOOP_CONNECTION_PAYROLL.*make a connection nightloop_payroll there"):
        source_connection("payroll")


def test_the_address_shows_in_no_repr_and_is_masked_in_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import redact

    airflow_has(monkeypatch, "nightloop_shop", conn_type="postgres", host="db", schema="shop", login="u", password=ODD)
    address = source_connection("shop")
    assert ODD not in repr(address) and ODD not in str(address)
    assert redact(f"the password is {ODD}") == "the password is ***"
    assert address.get_secret_value() not in str(redact(f"at {address.get_secret_value()}"))


def test_the_password_and_the_address_are_both_masked_and_nothing_is_where_there_is_no_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    masked: list[str] = []
    monkeypatch.setattr("airflow.sdk.log.mask_secret", masked.append)
    airflow_has(monkeypatch, "nightloop_open", conn_type="postgres", host="db", schema="shop", login="u")
    assert source_connection("open").get_secret_value() == "postgresql+psycopg2://u@db/shop"
    assert masked == []
    airflow_has(monkeypatch, "nightloop_shop", conn_type="postgres", host="db", schema="shop", login="u", password=ODD)
    address = source_connection("shop").get_secret_value()
    assert masked == [ODD, address]


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        ({"conn_type": "postgresql", "host": "db"}, "postgresql+psycopg2://db"),
        ({"conn_type": "oracle", "host": "db", "schema": "shop"}, "oracle://db/shop"),
        ({"host": "db"}, "unknown://db"),
        ({"conn_type": "sqlite", "schema": "/shop.db", "login": "u", "port": 1}, "sqlite:////shop.db"),
        ({"conn_type": "sqlite", "host": "/a.db", "schema": "/b.db"}, "sqlite:////a.db"),
    ],
)
def test_a_connection_is_written_with_what_its_kind_has(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, object], address: str
) -> None:
    airflow_has(monkeypatch, "nightloop_shop", **connection)
    assert source_connection("shop").get_secret_value() == address


def test_a_task_hands_the_connections_to_the_stage(monkeypatch: pytest.MonkeyPatch, tmp_path, shop) -> None:
    from nightloop.sources import read_source

    database = tmp_path / "stock.db"
    engine = sa.create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE staff (clerk TEXT, name TEXT)")
        connection.exec_driver_sql("INSERT INTO staff VALUES ('ada', 'Ada')")
    airflow_has(monkeypatch, "nightloop_stock", conn_type="sqlite", host=str(database))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(shop.settings.definitions))
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "home"))
    shop.define("{kind: files, pattern: data/clerks.csv}", "{kind: sql, connection: stock, table: staff}")
    use_case, workspace = open_use_case("shop")
    assert isinstance(use_case.sources["clerks"].connector, SqlConnector)
    night = one(date(2024, 3, 5))
    given = {"cache": tmp_path / "cache", "definitions": workspace.settings.definitions, "connection": workspace.connection}
    assert read_source("clerks", use_case, night, **given).arrivals[night.first].rows["name"].to_pylist() == ["Ada"]


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        ({"conn_type": "spark_connect", "host": "spark.example", "port": 443}, "sc://spark.example:443"),
        ({"conn_type": "generic", "host": "spark.example"}, "sc://spark.example:15002"),
        ({"conn_type": "spark_connect", "host": "sc://spark.example", "port": 7}, "sc://spark.example:7"),
        ({"conn_type": "spark_connect", "host": "sc://spark.example:8"}, "sc://spark.example:8"),
        ({"conn_type": "spark_connect", "host": "s", "extra": {"use_ssl": False}}, "sc://s:15002/;use_ssl=False"),
    ],
)
def test_a_connection_of_spark_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, object], address: str
) -> None:
    assert with_spark(load_settings()).spark_url == "sc://127.0.0.1:15002"
    airflow_has(monkeypatch, "nightloop_spark", **connection)
    assert with_spark(load_settings()).spark_url == address


def test_user_token_and_tls_reach_spark_as_they_were_given_and_the_token_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.log import redact
    from pyspark.sql.connect.client import DefaultChannelBuilder

    given = {"host": "spark.example", "port": 443, "login": "ada l", "password": ODD, "extra": {"use_ssl": True}}
    airflow_has(monkeypatch, "nightloop_spark", conn_type="spark_connect", **given)
    url = with_spark(load_settings()).spark_url
    channel = DefaultChannelBuilder(url)
    assert (channel.endpoint, channel.userId, channel.token, channel.secure) == ("spark.example:443", "ada l", ODD, True)
    assert ODD not in str(redact(f"token {ODD}")) and url.partition("token=")[2].partition(";")[0] not in str(redact(url))


@pytest.mark.parametrize("host", ["", "spark.example/path", "sc://spark.example/"])
def test_a_connection_of_spark_without_a_host_or_with_a_path_is_refused(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    airflow_has(monkeypatch, "nightloop_spark", conn_type="spark_connect", host=host, password=ODD)
    with pytest.raises(UsageError, match=r"nightloop_spark.*NIGHTLOOP_SPARK_URL") as refused:
        with_spark(load_settings())
    assert ODD not in str(refused.value)


def test_the_setting_goes_before_the_connection_of_spark(monkeypatch: pytest.MonkeyPatch) -> None:
    airflow_has(monkeypatch, "nightloop_spark", conn_type="spark_connect", host="of-airflow")
    monkeypatch.setenv("NIGHTLOOP_SPARK_URL", "sc://of-the-environment:15002")
    assert with_spark(load_settings()).spark_url == "sc://of-the-environment:15002"


@pytest.mark.parametrize(("engine", "address"), [("spark", "sc://of-airflow:15002"), ("local", "sc://127.0.0.1:15002")])
def test_a_task_asks_airflow_where_spark_is_unless_it_needs_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path, shop, engine: str, address: str
) -> None:
    airflow_has(monkeypatch, "nightloop_spark", conn_type="spark_connect", host="of-airflow")
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(shop.settings.definitions))
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTLOOP_ENGINE", engine)
    assert open_use_case("shop")[1].settings.spark_url == address
