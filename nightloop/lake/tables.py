"""Publish and read tables by night.

A table is a folder of Parquet files with a Delta log. One commit replaces one night; readers see one version.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.fs as pafs
from deltalake import DeltaTable

from nightloop.errors import UsageError
from nightloop.lake import files as lake_files
from nightloop.lake import staged
from nightloop.lake.columns import NIGHT, canonical, no_rows
from nightloop.lake.commits import KEY, Commit, NightContent, NightState, as_metadata, as_states
from nightloop.lake.digest import content_digest
from nightloop.lake.history import CommitCache
from nightloop.lake.log import TableLog
from nightloop.lake.missing import not_published
from nightloop.lake.snapshot import Snapshot
from nightloop.lake.storage import filesystem, is_s3, open_root, store_errors
from nightloop.nights import Night, Nights

if TYPE_CHECKING:
    from nightloop.settings import Settings

READERS = 4  # row groups of one commit that are read and digested side by side


class Lake:
    """Tables by night below one root, a folder or ``s3://bucket/prefix``."""

    def __init__(self, root: str, staging: Path, cache: Path | None = None) -> None:
        self.root = open_root(root)
        self._staging = staging
        self._cache = cache
        self._logs: dict[str, TableLog] = {}
        self._held: dict[str, DeltaTable | None] | None = None

    @classmethod
    def open(cls, settings: Settings) -> Lake:
        """Open the lake the settings name; a folder is made if it is not there.

        Raises:
            StoreUnavailable: the folder cannot be made.
        """
        return cls(settings.lake_url, settings.home / "staging", settings.home / "cache" / "log")

    def steady(self) -> Lake:
        """Return this lake for one look at it: each table stays as it was when it was first read, and is opened once."""
        if self._held is not None:
            return self
        held = copy.copy(self)
        held._held = {}
        return held

    # --- publishing ----------------------------------------------------------------------------------------------------

    def publish(self, table: str, night: Night, data: pa.Table, commit: Commit) -> NightState:
        """Replace one night of a table by these rows, in one commit.

        Args:
            table: ``use_case/name``; made with the columns of ``data`` if it is not there.
            night: the night replaced; every other night stays as it is.
            data: the rows, without a column ``night``. No rows is a night published as empty.
            commit: why, and from what; the version of the code is added.

        Raises:
            UsageError: a column is nested, is called ``night``, or has another type than the table's.
            StoreUnavailable: the store cannot be reached, is full, or may not be written.
            WriteConflict: other writers of the table kept winning.
        """
        return self.publish_nights(table, {night: data}, commit)[0]

    def publish_nights(self, table: str, data: Mapping[Night, pa.Table], commit: Commit) -> list[NightState]:
        """Replace several nights in one commit: all of them, or none. Else as ``publish``."""
        parts = []
        for night in sorted(data):
            if NIGHT.name in data[night].column_names:
                raise UsageError("the rows carry a column 'night': it is the partition.", where=table, do="Drop the column.")
            rows = canonical(data[night])
            with store_errors(self.folder(table)):
                written = lake_files.write(self.folder(table), night, rows) if rows.num_rows else []
            parts.append(_Part(night, rows.num_rows, content_digest(rows), rows.schema, written))
        return self._commit(table, parts, commit)

    def new_folder(self, table: str) -> str:
        """Return a fresh, empty folder for Parquet files that an engine writes, to be adopted.

        It lies beside the table, so that adopting is a rename. For a lake on S3 it lies in NIGHTLOOP_HOME: adopting uploads.
        """
        folder = Path(self.staging(table)) / lake_files.STAGING / uuid.uuid4().hex
        with store_errors(str(folder)):
            folder.mkdir(parents=True)
        return str(folder)

    def adopt_nights(
        self, table: str, files: Mapping[Night, Sequence[str]], commit: Commit, *, schema: pa.Schema | None = None
    ) -> list[NightState]:
        """Replace nights by Parquet files that an engine wrote, in one commit: all of them, or none.

        The files move into the table. A file in other types than the lake's is rewritten; a file without rows is dropped. A
        night without files is published as empty: ``schema`` then says the columns, or else the table's own are kept.

        Raises:
            NotReady: no file, no schema, and no table.
            StoreDamaged: a file is not Parquet; else as ``publish``.
        """
        nights = sorted(files)
        # Two pools: what waits for a night's files must take no thread from those who read them.
        with ThreadPoolExecutor(max_workers=READERS) as waiting, ThreadPoolExecutor(max_workers=READERS) as readers:
            parts = list(waiting.map(lambda night: self._adopted(table, night, files[night], schema, readers), nights))
        return self._commit(table, parts, commit)

    def _adopted(
        self, table: str, night: Night, files: Sequence[str], schema: pa.Schema | None, readers: ThreadPoolExecutor
    ) -> _Part:
        opened = staged.open_all(files, readers)
        with store_errors(", ".join(files) or self.folder(table)):
            columns = staged.columns_of(opened) if opened else self._no_rows(table, schema).schema
        digest = staged.content_digest_of(opened, columns, readers)
        with store_errors(self.folder(table)):
            filled = [file for file in opened if file.rows]
            taken = readers.map(lambda file: lake_files.take(self.folder(table), night, file), filled)
            written = [file for files in taken for file in files]
        return _Part(night, sum(file.rows for file in opened), digest, columns, written)

    # --- reading -------------------------------------------------------------------------------------------------------

    def exists(self, table: str) -> bool:
        """Whether the table was ever published."""
        return self._newest(table) is not None

    def snapshot(self, table: str, nights: Nights | None = None, version: int | None = None) -> Snapshot:
        """Return the files of one version (default: the newest) of a table, of all its nights or of some.

        Raises:
            NotReady: the table was never published.
        """
        snapshot = self._snapshot(table, self._opened(table, nights, version), nights)
        return snapshot if version is None else replace(snapshot, is_newest=False)

    def require(self, table: str, nights: Nights) -> Snapshot:
        """Return the snapshot of nights that must all have been published; one with 0 rows counts.

        Raises:
            NotReady: names the nights that were never published, and the command that makes them.
        """
        delta = self._opened(table, nights, None)
        states = self.log(table).states(delta)
        missing = [night for night in nights if night not in states]
        if missing:
            raise not_published(table, missing)
        return self._snapshot(table, delta, nights)

    def read(
        self, table: str, nights: Nights | None = None, columns: Sequence[str] | None = None, version: int | None = None
    ) -> pa.Table:
        """Return rows with the column ``night`` (date32), nights in order.

        Raises:
            NotReady: the table was never published.
            StoreDamaged: a file that the log names is missing or unreadable.
        """
        return self.snapshot(table, nights, version).read(columns)

    def states(self, table: str) -> dict[Night, NightState]:
        """Return what the newest commit of each night says, nights in order; nothing if there is no table."""
        delta = self._newest(table)
        return {} if delta is None else self.log(table).states(delta)

    def history(self, table: str) -> tuple[NightState, ...]:
        """Return what every commit of the table says, in order: a night that was published again is there again."""
        delta = self._newest(table)
        return () if delta is None else self.log(table).history(delta)

    def tables(self) -> list[str]:
        """Return the names of all tables, also of those whose first commit is still to come."""
        store, at = filesystem(self.root)
        with store_errors(self.root):
            folders = [table for use_case in _folders(store, at) for table in _folders(store, use_case)]
        return sorted(folder.removeprefix(at).strip("/") for folder in folders)

    # --- for those who work on the files themselves ----------------------------------------------------------------------

    def folder(self, table: str) -> str:
        """Return the folder, or the s3 address, of a table's files and log."""
        return f"{self.root}/{table}"

    def staging(self, table: str) -> str:
        """Return the folder below which files to be adopted by a table are written."""
        return str(self._staging / table) if is_s3(self.root) else self.folder(table)

    def log(self, table: str) -> TableLog:
        """Return the log of a table."""
        if table not in self._logs:
            cache = CommitCache(self._cache / f"{table}.json") if self._cache else None
            self._logs[table] = TableLog(table, self.folder(table), cache)
        return self._logs[table]

    # --- within --------------------------------------------------------------------------------------------------------

    def _newest(self, table: str) -> DeltaTable | None:
        if self._held is None:
            return self.log(table).open()
        if table not in self._held:
            self._held[table] = self.log(table).open()
        return self._held[table]

    def _opened(self, table: str, nights: Nights | None, version: int | None) -> DeltaTable:
        delta = self._newest(table) if version is None else self.log(table).open(version)
        if delta is None:
            raise not_published(table, list(nights or []))
        return delta

    def _snapshot(self, table: str, delta: DeltaTable, nights: Nights | None) -> Snapshot:
        files: dict[Night, list[str]] = {}
        size = 0
        # Through a stream: pa.table would import pandas, to see whether it was given a frame.
        adds = pa.RecordBatchReader.from_stream(delta.get_add_actions(flatten=True)).read_all()
        for add in adds.select(["path", "size_bytes", "partition.night"]).to_pylist():
            night = add["partition.night"]
            if nights is None or night in nights:
                files.setdefault(night, []).append(f"{self.folder(table)}/{add['path']}")
                size += add["size_bytes"]
        by_night = {night: tuple(sorted(files[night])) for night in sorted(files)}
        states = {night: state for night, state in self.log(table).states(delta).items() if night in files}
        meanings = {night: state.meanings for night, state in states.items()}
        checksums = {night: state.checksums for night, state in states.items()}
        rows = {night: state.rows for night, state in states.items()}
        schema, at = self.log(table).schema_of(delta), self.folder(table)
        return Snapshot(table, delta.version(), schema, by_night, at, size, True, meanings, checksums, rows)

    def _no_rows(self, table: str, schema: pa.Schema | None) -> pa.Table:
        if schema is not None:
            return canonical(no_rows(schema))
        delta = self._opened(table, None, None)
        return no_rows(self.log(table).schema_of(delta))

    def _commit(self, table: str, parts: Sequence[_Part], commit: Commit) -> list[NightState]:
        metadata = as_metadata([part.content for part in parts], commit)
        schema = pa.unify_schemas([part.schema for part in parts])
        adds = [file.as_action() for part in parts for file in part.written]
        version = self.log(table).commit([part.night for part in parts], schema, adds, metadata)
        return as_states(metadata[KEY], version)


def _folders(store: pafs.FileSystem, at: str) -> list[str]:
    listing = store.get_file_info(pafs.FileSelector(at, allow_not_found=True))
    return [info.path for info in listing if info.type == pafs.FileType.Directory and not info.base_name.startswith("_")]


@dataclass(frozen=True)
class _Part:
    """One night of a commit: what it holds, and its files, in their place."""

    night: Night
    rows: int
    content_digest: str
    schema: pa.Schema
    written: Sequence[lake_files.Written]

    @property
    def content(self) -> NightContent:
        return NightContent(self.night, self.rows, self.content_digest, lake_files.checksums(self.written))
