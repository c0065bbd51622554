"""A file is replaced whole or not at all."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from nightloop.atomic_file import make_private, replacing, write_atomically


@pytest.mark.parametrize(
    ("content", "stored"), [("späte Flüge\n", "späte Flüge\n".encode()), (b"\x00\xff", b"\x00\xff"), ("", b"")]
)
def test_what_is_written_is_what_is_read_and_nothing_lies_beside_it(
    tmp_path: Path, content: str | bytes, stored: bytes
) -> None:
    path = tmp_path / "a" / "b" / "page.html"
    assert write_atomically(path, "before") == path
    assert write_atomically(path, content) == path
    assert path.read_bytes() == stored
    assert list(path.parent.iterdir()) == [path]


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "page.html", "before")
    with pytest.raises(RuntimeError, match="half way"), replacing(path) as fresh:
        fresh.write_text("half")
        assert path.read_text() == "before", "a reader sees the old one until the end"
        raise RuntimeError("half way")
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_two_writers_have_a_file_each_beside_the_one_they_replace(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    with replacing(path) as one:
        one.write_text("the earlier begun, the later done")
        with replacing(path) as other:
            assert other != one and {one.parent, other.parent} == {tmp_path}
            other.write_text("the later begun")
        assert path.read_text() == "the later begun"
    assert path.read_text() == "the earlier begun, the later done"


def test_everybody_may_read_what_was_written_whatever_the_umask_of_the_writer(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        path = write_atomically(tmp_path / "page.html", "a page")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_only_the_owner_may_read_a_private_file_and_what_sqlite_writes_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.db"
    make_private(path)
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE events (n int)")
        files = sorted(path.parent.iterdir())
        assert [file.name for file in files] == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("rows")
    path.chmod(0o640)
    make_private(path)
    assert path.read_text() == "rows" and stat.S_IMODE(path.stat().st_mode) == 0o640
