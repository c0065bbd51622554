"""Small texts that the lake holds beside its tables, each under a digest of its content: written once, never changed."""

from __future__ import annotations

from pathlib import Path

import pyarrow.fs as pafs

from nightloop.atomic_file import write_atomically
from nightloop.lake.storage import filesystem, is_s3, store_errors

FOLDER = "_documents"  # beside the tables of a use case; no table's name begins with an underscore


def write_document(root: str, use_case: str, name: str, content: bytes) -> None:
    """Write a document, unless it is there already.

    Raises:
        StoreUnavailable: the store cannot be reached, is full, or may not be written.
    """
    address = f"{root}/{use_case}/{FOLDER}/{name}"
    store, at = filesystem(address)
    with store_errors(address):
        if store.get_file_info(at).is_file:
            return
        if is_s3(address):
            with store.open_output_stream(at) as stream:
                stream.write(content)
        else:
            write_atomically(Path(at), content)


def read_document(root: str, use_case: str, name: str) -> bytes | None:
    """Return a document, or None if it was never written."""
    address = f"{root}/{use_case}/{FOLDER}/{name}"
    store, at = filesystem(address)
    with store_errors(address):
        if not store.get_file_info(at).is_file:
            return None
        with store.open_input_stream(at) as stream:
            content: bytes = stream.read()
            return content


def document_names(root: str, use_case: str) -> list[str]:
    """Return the names of a use case's documents, sorted."""
    folder = f"{root}/{use_case}/{FOLDER}"
    store, at = filesystem(folder)
    with store_errors(folder):
        return sorted(
            info.base_name for info in store.get_file_info(pafs.FileSelector(at, allow_not_found=True)) if info.is_file
        )
