"""The Parquet files of a table: written, taken over from an engine."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from nightloop.lake.checksums import checksum_of, write_with_checksum
from nightloop.lake.columns import NIGHT, canonical
from nightloop.lake.storage import filesystem
from nightloop.nights import Night

# Names that begin with an underscore are invisible to every reader of Delta tables.
STAGING = "_staging"
ROW_GROUP = 1 << 17
"""Rows of a group: workers share out a night's file by its groups, and readers skip what they need not."""


@dataclass(frozen=True)
class Written:
    """A file in its place, not yet committed; the path is below the table's folder."""

    path: str
    night: Night
    rows: int
    size: int
    checksum: str

    def as_action(self) -> AddAction:
        """Return what the commit says of the file."""
        return AddAction(
            path=self.path,
            size=self.size,
            partition_values={NIGHT.name: str(self.night)},
            modification_time=int(time.time() * 1000),
            data_change=True,
            stats=json.dumps({"numRecords": self.rows}),
        )


def write(root: str, night: Night, rows: pa.Table) -> Written:
    """Write the rows as a new file of the night."""

    def put(address: str) -> str:
        content = pa.BufferOutputStream()
        pq.write_table(rows, content, compression="zstd", row_group_size=ROW_GROUP)
        return write_with_checksum(address, content.getvalue())

    return _place(root, night, rows, put)


def read_part(path: str) -> pa.Table:
    """Read a file that an engine wrote, in the lake's types; a column ``night`` is left out."""
    store, at = filesystem(path)
    part = pq.ParquetFile(at, filesystem=store).read()
    return canonical(part.drop_columns([NIGHT.name]) if NIGHT.name in part.column_names else part)


def take(root: str, night: Night, path: str, part: pa.Table) -> Written:
    """Move a file that an engine wrote into the night; write it anew where its types are not the lake's.

    Args:
        root: the table's folder or s3 address.
        night: the night it becomes a part of.
        path: the file.
        part: its content, as ``read_part`` returned it.
    """
    store, at = filesystem(path)
    has_lake_types = pq.ParquetFile(at, filesystem=store).schema_arrow.equals(part.schema)
    written = _place(root, night, part, lambda address: _move(path, address)) if has_lake_types else write(root, night, part)
    if not has_lake_types:
        store.delete_file(at)
    if isinstance(store, pafs.LocalFileSystem):
        _remove_if_empty(Path(at).parent)
    return written


def _place(root: str, night: Night, rows: pa.Table, write_to: Callable[[str], str]) -> Written:
    store, at = filesystem(root)
    path_in_table = f"{NIGHT.name}={night}/{uuid.uuid4().hex}.parquet"
    if isinstance(store, pafs.LocalFileSystem):
        store.create_dir(f"{at}/{NIGHT.name}={night}")
    checksum = write_to(f"{root}/{path_in_table}")
    size = store.get_file_info(f"{at}/{path_in_table}").size
    return Written(path_in_table, night, rows.num_rows, size, checksum)


def _move(path: str, address: str) -> str:
    """Move a file, and return the checksum that it had where it was written."""
    store, at = filesystem(path)
    to, place = filesystem(address)
    checksum = checksum_of(path)
    if type(store) is type(to):
        store.move(at, place)
        return checksum
    pafs.copy_files(at, place, source_filesystem=store, destination_filesystem=to)
    store.delete_file(at)
    return checksum


def _remove_if_empty(folder: Path) -> None:
    """Remove the folders below the staging folder that an adopted file leaves empty."""
    with contextlib.suppress(OSError):  # not empty yet: another file is still to be adopted
        while STAGING in folder.parent.parts:
            folder.rmdir()
            folder = folder.parent
