"""The ledger's table and its connections: what the database itself refuses, and what is told when it cannot be had."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from nightloop.errors import SetupError, StoreUnavailable, UsageError
from nightloop.ledger import Ledger, store

ROW = {"seq": 7, "recorded_at": "t", "use_case": "u", "night": None, "kind": "k", "subject": "", "payload": "{}"}
ROW |= {"previous": "p", "digest": "d"}


def insert(url: str, **values: object) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.insert(store.events_table).values({**ROW, **values}))


@pytest.mark.parametrize("column", [name for name in ROW if name != "night"])
def test_the_database_refuses_an_event_that_lacks_a_part(url: str, ledger: Ledger, column: str) -> None:
    assert ledger.events() == []
    with pytest.raises(sa.exc.DBAPIError):
        insert(url, **{column: None})


@pytest.mark.parametrize("column", ["seq", "previous", "digest"])
def test_the_database_refuses_a_second_event_of_one_place_in_the_chain(url: str, ledger: Ledger, column: str) -> None:
    assert ledger.events() == []
    insert(url)
    other = {"seq": 8, "previous": "q", "digest": "e"}
    with pytest.raises(sa.exc.IntegrityError):
        insert(url, **{**other, column: ROW[column]})
    insert(url, **other)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def test_a_file_that_is_no_database_is_a_store_that_is_not_available(file: Path) -> None:
    file.write_text("this is no database, whatever its name says, for it is too long a text to be empty" * 20)
    with pytest.raises(StoreUnavailable, match=r"cannot be read or written \(DatabaseError: file is not a database\)"):
        Ledger(f"sqlite:///{file}").events()


def test_a_folder_that_cannot_be_made_is_told_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable, match="NIGHTLOOP_LEDGER_URL") as refused:
        Ledger(f"sqlite:///{tmp_path / 'home' / 'ledger.db'}").events()
    assert str(tmp_path) in str(refused.value.where)


def test_a_ledger_that_another_writes_to_is_waited_for_when_it_is_opened(file: Path) -> None:
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE held (a)")
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.4, other.rollback)
    release.start()
    assert Ledger(f"sqlite:///{file}").events() == []
    release.join()
    other.close()


def test_a_lock_that_is_never_released_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_SECONDS", 0.2)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="locked"):
        Ledger(f"sqlite:///{file}").events()
    other.close()


@pytest.mark.parametrize(
    ("url", "named"),
    [("mysql://h/d", "mysql"), ("ledger.db", "not an address"), ("", "not an address"), ("sqlite3:///x", "sqlite3")],
)
def test_an_address_of_another_kind_is_refused(url: str, named: str) -> None:
    with pytest.raises(UsageError, match=f"NIGHTLOOP_LEDGER_URL names {named}; a ledger is on SQLite or PostgreSQL") as refused:
        Ledger(url).events()
    assert "postgresql+psycopg2://user:password@host/database" in str(refused.value)


def test_a_driver_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_driver(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg2'")

    monkeypatch.setattr(store.sa, "create_engine", without_driver)
    with pytest.raises(SetupError, match=r"driver is missing \(No module named 'psycopg2'\)\. Install psycopg2-binary"):
        Ledger("postgresql+psycopg2://u:p@127.0.0.1:1/d").events()


def test_no_error_repeats_the_password() -> None:
    with pytest.raises(StoreUnavailable) as refused:
        Ledger("postgresql+psycopg2://u:secret-word@127.0.0.1:1/d").events()
    assert "secret-word" not in str(refused.value) and refused.value.where == "postgresql+psycopg2://u:***@127.0.0.1:1/d"


def test_readers_of_a_file_go_on_beside_a_writer(file: Path) -> None:
    ledger = Ledger(f"sqlite:///{file}")
    ledger.record("k", "u")
    with sqlite3.connect(file) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
