"""Write a night's many small files as few: the same rows and digest, in one commit of the same meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nightloop.errors import StoreDamaged
from nightloop.lake.commits import Commit, NightContent, NightState, as_metadata
from nightloop.lake.files import ROW_GROUP, Written, checksums, take
from nightloop.lake.missing import publishing
from nightloop.lake.staged import Staged, columns_of, content_digest_of, open_all
from nightloop.lake.storage import store_errors
from nightloop.lake.tables import READERS, Lake
from nightloop.nights import Night, one

FILE_BYTES = 256 << 20
"""About how large a file becomes: large enough that opening it costs nothing, small enough to be shared out and swept."""


@dataclass(frozen=True)
class Compacted:
    """What became of a night's files; ``bytes`` is of the new ones."""

    night: Night
    version: int
    rows: int
    content_digest: str
    files_before: int
    files: int
    bytes: int


def compact(lake: Lake, table: str, night: Night, *, file_bytes: int = FILE_BYTES) -> Compacted | None:
    """Write a night's files as few, in one commit, and return what became of them; None where they are few already.

    Readers of the earlier version still find its files, until they are swept. A kill leaves the earlier version.

    Args:
        lake: where the table is.
        table: its name.
        night: a published night.
        file_bytes: how large a file becomes before another is begun, to the next row group.

    Raises:
        StoreDamaged: a file is not what was written, or the rows are not those of the commit's digest.
        WriteConflict: the night was published anew meanwhile.
        StoreUnavailable: the store cannot be reached, or is full.
    """
    steady = lake.steady()
    snapshot, state = steady.snapshot(table, one(night)), steady.states(table)[night]
    paths = snapshot.files.get(night, ())
    if len(paths) <= max(1, -(-snapshot.size // file_bytes)):
        return None
    snapshot.check_files()
    folder = Path(lake.new_folder(table))
    with ThreadPoolExecutor(max_workers=READERS) as readers:
        small = open_all(paths, readers)
        with store_errors(str(folder)):
            large = open_all(_write(small, columns_of(small), folder, file_bytes), readers)
        digest = content_digest_of(large, columns_of(large), readers)
    if digest != state.content_digest:
        raise StoreDamaged(
            f"the rows of night {night} of table {table} are not those that were published (digest {digest}, not "
            f"{state.content_digest}).",
            where=lake.folder(table),
            do=f"Publish it again: {publishing(table, str(night))}",
        )
    with store_errors(lake.folder(table)):
        files = [written for file in large for written in take(lake.folder(table), night, file)]
    version = lake.log(table).commit(
        [night], columns_of(large), [file.as_action() for file in files], _said_again(table, state, files), state.version
    )
    return Compacted(night, version, state.rows, digest, len(paths), len(files), sum(file.size for file in files))


def _said_again(table: str, state: NightState, files: Sequence[Written]) -> dict[str, str]:
    """Return what the earlier commit said, of other files."""
    words = {field.name: getattr(state, field.name) for field in fields(Commit) if field.name != "use_case"}
    content = NightContent(state.night, state.rows, state.content_digest, checksums(files))
    return as_metadata([content], Commit(use_case=table.partition("/")[0], **words), state.code_version)


def _write(small: list[Staged], schema: pa.Schema, folder: Path, file_bytes: int) -> list[str]:
    """Write the rows of files into few, a row group at a time, and return their paths."""
    written: list[str] = []
    with ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        for rows in _in_groups(small, schema):
            if writer is None or Path(written[-1]).stat().st_size >= file_bytes:
                stack.close()
                written.append(str(folder / f"{len(written)}.parquet"))
                writer = stack.enter_context(pq.ParquetWriter(written[-1], schema, compression="zstd"))
            writer.write_table(rows, row_group_size=ROW_GROUP)
    return written


def _in_groups(small: list[Staged], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows in row groups of full size, the last one smaller."""
    waiting = pa.table({field.name: pa.array([], field.type) for field in schema}, schema=schema)
    for file in small:
        for group in range(file.groups):
            waiting = pa.concat_tables([waiting, file.read(group)], promote_options="default")
            while waiting.num_rows >= ROW_GROUP:
                yield waiting.slice(0, ROW_GROUP)
                waiting = waiting.slice(ROW_GROUP)
    if waiting.num_rows:
        yield waiting
