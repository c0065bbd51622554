"""The Parquet files of a table: written, taken over from an engine."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from nightloop.lake.checksums import checksum_of, write_with_checksum
from nightloop.lake.columns import NIGHT
from nightloop.lake.staged import Staged
from nightloop.lake.storage import filesystem
from nightloop.nights import Night

# Names that begin with an underscore are invisible to every reader of Delta tables.
STAGING = "_staging"
ROW_GROUP = 1 << 17
"""Rows of a group: workers share out a night's file by its groups, and readers skip what they need not."""
FILE_GROUPS = 16
"""Row groups of a file that an engine writes: two million rows, of forty columns some 200 MB."""

WRITERS = 2
"""Files of a night that are written at once."""
LEAST_GROUPS = 4
"""Row groups of a file, at least, before a night is written as several."""
SAMPLE = 4096
"""Rows that tell whether the values of a column repeat."""

FEW_JOBS, MOST_GROUPS = 32, 8
"""Jobs of a night before they take several row groups each, and how many they take at most."""


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


def checksums(files: Sequence[Written]) -> dict[str, str]:
    """Return the checksum of each file, by its name in the night's folder."""
    return {file.path.rpartition("/")[2]: file.checksum for file in files}


def write(root: str, night: Night, rows: pa.Table) -> list[Written]:
    """Write the rows as new files of the night: one, or of a big night several, side by side."""
    size = ROW_GROUP * min(max(rows.num_rows // (WRITERS * ROW_GROUP), LEAST_GROUPS), FILE_GROUPS)
    name = uuid.uuid4().hex
    if rows.num_rows <= size:
        return [_write(root, night, rows, name)]
    parts = [rows.slice(start, size) for start in range(0, rows.num_rows, size)]
    names = [f"{name}-{place:04}" for place in range(len(parts))]  # sorted by name, as readers do, the rows are in order
    with ThreadPoolExecutor(max_workers=WRITERS) as writers:
        return list(writers.map(lambda part, name: _write(root, night, part, name), parts, names))


def _write(root: str, night: Night, rows: pa.Table, name: str) -> Written:
    repeating = [name for name in rows.column_names if _repeats(rows.column(name))]

    def put(file: pa.NativeFile) -> None:
        pq.write_table(rows, file, compression="zstd", row_group_size=ROW_GROUP, use_dictionary=repeating)

    return _place(root, night, rows.num_rows, name, lambda address: write_with_checksum(address, put))


def _repeats(column: pa.ChunkedArray) -> bool:
    """Whether a dictionary of the values pays: of a few thousand, no more than half are different."""
    sample = column.slice(0, SAMPLE)
    return bool(pc.count_distinct(sample).as_py() <= len(sample) // 2 or len(column) <= SAMPLE)


def take(root: str, night: Night, staged: Staged) -> list[Written]:
    """Move a file that an engine wrote into the night; write it anew where its types are not the lake's.

    Args:
        root: the table's folder or s3 address.
        night: the night it becomes a part of.
        staged: the file.
    """
    store, at = filesystem(staged.path)
    if staged.has_lake_types:
        written = [_place(root, night, staged.rows, uuid.uuid4().hex, lambda address: _move(staged.path, address))]
    else:
        written = write(root, night, pa.concat_tables(map(staged.read, range(staged.groups))))
        store.delete_file(at)
    if isinstance(store, pafs.LocalFileSystem):
        _remove_if_empty(Path(at).parent)
    return written


def _place(root: str, night: Night, rows: int, name: str, write_to: Callable[[str], str]) -> Written:
    store, at = filesystem(root)
    path_in_table = f"{NIGHT.name}={night}/{name}.parquet"
    if isinstance(store, pafs.LocalFileSystem):
        store.create_dir(f"{at}/{NIGHT.name}={night}")
    checksum = write_to(f"{root}/{path_in_table}")
    size = store.get_file_info(f"{at}/{path_in_table}").size
    return Written(path_in_table, night, rows, size, checksum)


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


def shared_out(paths: Sequence[str]) -> Iterator[tuple[str, list[int]]]:
    """Yield the row groups of a night's files, job by job: one each, of a big night several neighbours.

    Each job writes a file of its own, so a few hundred suffice, however many rows there are.

    Args:
        paths: of the files.
    """
    groups = {}
    for path in paths:
        store, at = filesystem(path)
        groups[path] = pq.read_metadata(at, filesystem=store).num_row_groups
    of_a_job = min(max(sum(groups.values()) // FEW_JOBS, 1), MOST_GROUPS)
    for path, count in groups.items():
        for first in range(0, count, of_a_job):
            yield path, list(range(first, min(first + of_a_job, count)))
