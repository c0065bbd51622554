"""Read files, in a folder or a bucket, into one table.

Parsing (0.5 s for the flights of a year) would be the dearest part of a small night, so the text of a source that holds all
nights is cached as Parquet in HOME/cache/sources, named by the digest of the files' bytes. Safe to delete at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa

from nightloop.definitions.connectors import PLAIN, CsvDialect
from nightloop.errors import SourceUnavailable
from nightloop.lake import filesystem
from nightloop.sources.casts.stored import joined
from nightloop.sources.formats import FileReading, records_of
from nightloop.sources.text_table import damaged, finished, keep_copy
from nightloop.sources.unpacking import Allowance

_FORMAT = "records-4"  # part of the cache's key: raise it when parsing changes


@dataclass(frozen=True)
class Files:
    """Files that together are one delivery, and how they are to be read."""

    paths: tuple[str, ...]  # absolute paths, or addresses in a bucket
    null: str
    remedy: str
    maximum_bytes: int
    maximum_cell_bytes: int
    dialect: CsvDialect = PLAIN

    @property
    def origin(self) -> str:
        """The file, or the first of them."""
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return f"{self.paths[0]}{more}"


def read(files: Files) -> pa.Table:
    """Return the records of all files, in the order of their names.

    Raises:
        SourceDamaged: a file is not readable, is larger than allowed, or has other columns than the first.
        SourceUnavailable: the object store does not answer.
    """
    return _parsed(files, _contents(files))


def first(files: Files) -> tuple[str, bytes]:
    """Return the path and the bytes of the first file.

    Raises:
        SourceDamaged: it is not readable, or larger than allowed.
        SourceUnavailable: the object store does not answer.
    """
    return next(_contents(files))


def cached(files: Files, cache: Path) -> Path:
    """Return a Parquet copy of ``read``, made on the first call for this content of the files."""
    contents = list(_contents(files))
    declared = f"{_FORMAT}|{files.null}|{files.maximum_bytes}|{files.maximum_cell_bytes}|{files.dialect}|"
    key = hashlib.blake2b(declared.encode(), digest_size=16)
    for path, content in contents:
        key.update(f"{PurePosixPath(path).name}|{len(content)}|".encode())
        key.update(content)
    copy = cache / f"{key.hexdigest()}.parquet"
    if not copy.exists():
        keep_copy(_parsed(files, iter(contents)), copy)
    return copy


def _parsed(files: Files, contents: Iterator[tuple[str, bytes]]) -> pa.Table:
    allowance = Allowance(files.maximum_bytes)
    tables: list[pa.Table] = []
    for path, content in contents:
        table = records_of(content, FileReading(path, files.null, files.remedy, allowance, files.dialect))
        if tables and set(table.column_names) != set(tables[0].column_names):
            raise damaged(path, f"its columns differ from those of {files.paths[0]}, which belongs to it", files.remedy)
        tables.append(table.select(tables[0].column_names) if tables else table)
    return finished(joined(tables), files.maximum_cell_bytes)


def _contents(files: Files) -> Iterator[tuple[str, bytes]]:
    """Read the files one after the other; what is larger on disk than it may be unpacked is not read at all."""
    for path in files.paths:
        store, at = filesystem(path)
        with source_errors(path, files.remedy):
            size = store.get_file_info(at).size or 0
            if size > files.maximum_bytes:
                raise damaged(path, f"the file has {size} bytes; at most {files.maximum_bytes} are allowed", files.remedy)
            with store.open_input_stream(at, compression=None) as stream:
                content = stream.read()
        yield path, content


class source_errors:
    """Turn an error of a disk or network into one message: what, where, what to do."""

    def __init__(self, origin: str, remedy: str) -> None:
        self.origin, self.remedy = origin, remedy

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise SourceDamaged for what is not there or not readable, SourceUnavailable for what does not answer."""
        if not isinstance(error, OSError):
            return
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        local = not self.origin.startswith("s3://")
        gone = isinstance(error, FileNotFoundError | PermissionError) or "access denied" in reason.lower()
        if local or gone:
            raise damaged(self.origin, f"it cannot be read ({error.strerror or reason})", self.remedy) from error
        raise SourceUnavailable(
            f"the object store does not answer ({reason}).",
            where=self.origin,
            do="Check the AWS_… variables and the network, then run the stage again.",
        ) from error
