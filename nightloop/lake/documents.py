"""Small texts that the lake holds beside its tables, each under a digest of its content: written once, never changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyarrow.fs as pafs

from nightloop.atomic_file import write_atomically
from nightloop.errors import StoreDamaged
from nightloop.lake.storage import filesystem, is_s3, store_errors

Value = TypeVar("Value")
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


def read_version(
    root: str,
    use_case: str,
    name: str,
    parse: Callable[[bytes], Value],
    *,
    digest: str,
    digest_of: Callable[[Value], str],
    what: str,
    do: str,
) -> Value | None:
    """Return what a document under a digest holds, or None if it was never written.

    Args:
        root, use_case, name: of the document.
        parse: reads its content; what it raises as ValueError, KeyError or TypeError is damage.
        digest: that what was written has.
        digest_of: returns the digest of what was read.
        what: is damaged, with its verb: ``the definition 0123 is``.
        do: what to do then.

    Raises:
        StoreDamaged: it is not what was written.
    """
    content = read_document(root, use_case, name)
    if content is None:
        return None
    damaged = StoreDamaged(f"{what} not what was written.", where=f"{root}/{use_case}", do=do)
    try:
        value = parse(content)
    except (ValueError, KeyError, TypeError) as error:
        raise damaged from error
    if digest_of(value) != digest:
        raise damaged
    return value


def document_names(root: str, use_case: str) -> list[str]:
    """Return the names of a use case's documents, sorted."""
    folder = f"{root}/{use_case}/{FOLDER}"
    store, at = filesystem(folder)
    with store_errors(folder):
        return sorted(
            info.base_name for info in store.get_file_info(pafs.FileSelector(at, allow_not_found=True)) if info.is_file
        )
