"""Connections that only read: a SQLite file, and what is written of a database that refuses or is silent."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.exc import DatabaseError, OperationalError

from nightloop.errors import SourceDamaged, SourceUnavailable, UsageError
from nightloop.sources import sql_session
from nightloop.sources.sql_session import _database_errors, read_only_connection

PLACE = "NIGHTLOOP_CONNECTION_SHOP (or Airflow's connection nightloop_shop)"
SERVER = sa.make_url("postgresql+psycopg2://reader:secret-word@db.example/shop?sslkey=key-word&application_name=")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database whose name has what an address would read otherwise."""
    path = tmp_path / "a shop?#1.db"
    with sqlite3.connect(path) as shop:
        shop.execute("CREATE TABLE orders (number INTEGER)")
        shop.execute("INSERT INTO orders VALUES (1)")
    shop.close()
    return path


def address(file: Path) -> SecretStr:
    return SecretStr(sa.URL.create("sqlite", database=str(file)).render_as_string(hide_password=False))


@pytest.mark.parametrize(
    "write", ["INSERT INTO orders VALUES (2)", "DELETE FROM orders", "CREATE TABLE more (a)", "DROP TABLE orders"]
)
def test_nothing_can_be_written_even_where_the_pragma_is_taken_back(file: Path, write: str) -> None:
    for before in ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"):
        with pytest.raises(SourceDamaged, match="refuses to read"), read_only_connection("shop", address(file)) as shop:
            shop.exec_driver_sql(before)
            shop.exec_driver_sql(write)


def test_the_session_itself_only_queries(file: Path) -> None:
    with read_only_connection("shop", address(file)) as shop:
        assert shop.exec_driver_sql("PRAGMA query_only").scalar() == 1


def test_a_connection_sees_one_state_whatever_others_write_meanwhile(file: Path) -> None:
    with sqlite3.connect(file) as other:
        other.execute("PRAGMA journal_mode = WAL")
    with read_only_connection("shop", address(file)) as shop:
        before = shop.exec_driver_sql("SELECT count(*) FROM orders").scalar()
        other.execute("INSERT INTO orders VALUES (2)")
        other.commit()
        assert shop.exec_driver_sql("SELECT count(*) FROM orders").scalar() == before == 1
    other.close()


@pytest.mark.parametrize("text", ["sqlite:////not/there.db", "sqlite://"])
def test_a_file_that_is_not_there_is_named_and_not_made(text: str) -> None:
    with pytest.raises(SourceDamaged, match="'shop' does not exist") as refused, read_only_connection("shop", SecretStr(text)):
        pass
    assert refused.value.do == f"Put it there, or correct {PLACE}."
    assert not Path("/not/there.db").exists()


@pytest.mark.parametrize(
    ("text", "backend"),
    [
        ("mysql://reader:secret-word@db/shop", "mysql"),
        ("secret-word", "not an address"),
        ("postgresql://db:port/x", "not an address"),
    ],
)
def test_an_address_of_no_known_database_is_refused_without_being_repeated(text: str, backend: str) -> None:
    with pytest.raises(UsageError, match=f"'shop' names {backend};") as refused, read_only_connection("shop", SecretStr(text)):
        pass
    assert PLACE in str(refused.value)
    assert "secret-word" not in str(refused.value)


def test_a_locked_file_does_not_answer_and_a_broken_one_is_damaged(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_session, "SECONDS", 0)
    lock = sqlite3.connect(file, isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    with pytest.raises(SourceUnavailable, match="is locked"), read_only_connection("shop", address(file)) as shop:
        shop.exec_driver_sql("SELECT * FROM orders")
    lock.close()
    file.write_bytes(b"no database at all" * 100)
    with (
        pytest.raises(SourceDamaged, match=r"refuses to read.*not a database"),
        read_only_connection("shop", address(file)) as shop,
    ):
        shop.exec_driver_sql("SELECT * FROM orders")


@pytest.mark.parametrize(("kind", "error"), [(OperationalError, SourceUnavailable), (DatabaseError, SourceDamaged)])
def test_what_a_server_answers_is_one_line_without_password_and_without_the_addresss_secrets(
    kind: type[OperationalError], error: type[SourceUnavailable]
) -> None:
    reason = "FATAL:  secret-word\n  and key-word " + "x" * 400
    with pytest.raises(error) as refused, _database_errors("shop", SERVER):
        raise kind("select", {}, Exception(reason))
    text = str(refused.value)
    assert "(FATAL: *** and *** x" in text
    assert text.count("x" * 200) == 1 and "x" * 300 not in text
    assert not [secret for secret in ("secret-word", "key-word") if secret in text]
    assert refused.value.where == "postgresql+psycopg2://reader:***@db.example/shop"
    assert refused.value.__cause__ is None


def test_every_session_with_a_server_is_read_only_of_one_state_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    engine = sql_session._postgresql(SERVER)
    options = engine.get_execution_options()
    assert (options["isolation_level"], options["postgresql_readonly"]) == ("REPEATABLE READ", True)
    assert (engine.hide_parameters, engine.pool.__class__) == (True, sa.NullPool)

    def connect(*_: object, **given: object) -> None:
        asked.update(given)
        raise sqlite3.OperationalError("enough")

    monkeypatch.setattr(engine.dialect, "connect", connect)
    with pytest.raises(sqlite3.OperationalError):
        engine.connect()
    assert asked["connect_timeout"] == 10
    for option in ("default_transaction_read_only=on", "timezone=UTC", "datestyle=ISO", "bytea_output=hex"):
        assert f"-c {option}" in str(asked["options"])
