"""A document is written once, read back as it was, and is no part of any table."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightloop.errors import StoreUnavailable
from nightloop.lake import Lake
from nightloop.lake.documents import FOLDER, document_names, read_document, write_document
from nightloop.settings import load_settings


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "lake")


def test_what_is_written_is_read_back_and_what_is_not_is_none(root: str) -> None:
    assert read_document(root, "shop", "a.json") is None and document_names(root, "shop") == []
    write_document(root, "shop", "a.json", b"\x00first")
    assert read_document(root, "shop", "a.json") == b"\x00first"
    assert read_document(root, "other", "a.json") is None
    assert Path(root, "shop", FOLDER, "a.json").read_bytes() == b"\x00first"


def test_a_document_is_never_written_anew(root: str) -> None:
    write_document(root, "shop", "a.json", b"first")
    write_document(root, "shop", "a.json", b"second")
    assert read_document(root, "shop", "a.json") == b"first"


def test_names_are_those_of_files_in_order(root: str) -> None:
    for name in ("b", "a", "c"):
        write_document(root, "shop", name, b"")
    Path(root, "shop", FOLDER, "folder").mkdir()
    assert document_names(root, "shop") == ["a", "b", "c"]


def test_documents_are_no_table(tmp_path: Path) -> None:
    lake = Lake.open(load_settings(home=tmp_path))
    write_document(lake.root, "shop", "a", b"x")
    assert lake.tables() == []


def test_a_folder_that_may_not_be_written_is_a_store_that_is_not_available(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailable):
        write_document(str(tmp_path), "shop", "a", b"x")


def test_documents_are_written_and_read_on_an_object_store(s3_lake: str) -> None:
    assert read_document(s3_lake, "shop", "a.json") is None and document_names(s3_lake, "shop") == []
    write_document(s3_lake, "shop", "a.json", b"first")
    write_document(s3_lake, "shop", "a.json", b"second")
    assert read_document(s3_lake, "shop", "a.json") == b"first" and document_names(s3_lake, "shop") == ["a.json"]
