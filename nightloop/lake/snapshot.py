"""One version of a table, as a reader sees it: which files hold which night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloop.errors import StoreDamaged, command
from nightloop.lake.checksums import checksum_of, read_with_checksum
from nightloop.lake.columns import NIGHT, no_rows
from nightloop.lake.missing import publishing
from nightloop.lake.storage import filesystem, store_errors
from nightloop.nights import Night

if TYPE_CHECKING:
    import pyarrow.dataset as pads

AT_ONCE = 8
"""Files read at the same time: a table holds many small ones, and S3 answers slowly but to many."""


@dataclass(frozen=True)
class Snapshot:
    """Files of one version of a table, by night; nights without rows have none.

    Attributes:
        table: name of the table, for example ``flight_delay/features``.
        version: version of the table's log that was read.
        schema: columns without ``night``, which is a column of no file: it is the folder's name.
        files: absolute paths or s3 addresses, by night.
        root: folder (or s3 address) of the table; every file is at ``root/night=YYYY-MM-DD/…``.
        size: bytes of the files together, as the log tells them.
        is_newest: whether it was the newest version when it was opened; files of older ones are swept in time.
        meanings: of each night, the digest by which each column was made; nothing where the commit recorded none.
        checksums: of each night, the checksum of each file by its name; nothing where the commit recorded none.
        rows: how many each night has.
        renamed: of some nights, the columns that their files hold under another name: column -> name in the files.
    """

    table: str
    version: int
    schema: pa.Schema
    files: Mapping[Night, tuple[str, ...]]
    root: str
    size: int = 0
    is_newest: bool = True
    meanings: Mapping[Night, Mapping[str, str]] = field(default_factory=dict)
    checksums: Mapping[Night, Mapping[str, str]] = field(default_factory=dict)
    rows: Mapping[Night, int] = field(default_factory=dict)
    renamed: Mapping[Night, Mapping[str, str]] = field(default_factory=dict)

    @property
    def columns(self) -> pa.Schema:
        """The columns and ``night``, last."""
        return self.schema.append(NIGHT)

    @property
    def paths(self) -> list[str]:
        """Every file, nights in order."""
        return [path for night in sorted(self.files) for path in self.files[night]]

    def stored_name(self, night: Night, column: str) -> str:
        """Return the name under which the files of a night hold a column."""
        return self.renamed.get(night, {}).get(column, column)

    def by_names(self) -> list[tuple[dict[str, str], list[str]]]:
        """Return the files in groups that hold the columns under the same names: (column -> name in the files, paths)."""
        groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for night, path in self._by_night():
            groups.setdefault(tuple(sorted(self.renamed.get(night, {}).items())), []).append(path)
        return [(dict(names), paths) for names, paths in groups.items()]

    def dataset(self) -> pads.Dataset:
        """Return the rows with their night, for pyarrow and all that read from it; works on folders and S3."""
        import pyarrow.dataset as pads  # brings pandas along, which costs a small stage a fifth of its time

        form = pads.ParquetFileFormat()
        fragments = []
        for night, path in self._by_night():
            store, at = filesystem(path)
            fragments.append(form.make_fragment(at, store, partition_expression=pc.field("night") == pa.scalar(night)))
        return pads.FileSystemDataset(fragments, self.columns, form, filesystem(self.root)[0])

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows as one table, nights in order, with the column ``night``.

        Raises:
            StoreDamaged: a file that the log names is missing or not what was written; the message names it and its night.
        """
        schema = self.columns if columns is None else pa.schema([self.columns.field(name) for name in columns])
        try:
            with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
                parts = list(threads.map(lambda file: self._part(file[0], file[1], schema), self._by_night()))
            return pa.concat_tables(parts) if parts else no_rows(schema)
        except (OSError, pa.ArrowInvalid) as error:
            self.check_files()
            with store_errors(self.table):
                raise error

    def check_files(self) -> None:
        """Compare every file with its checksum, several at a time, and name the first that is not what was written.

        Of a file that an older commit added without a checksum, the footer is read.

        Raises:
            StoreDamaged: a file is missing, unreadable, or differs.
        """
        with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
            for _ in threads.map(lambda file: self.check_file(*file), self._by_night()):
                pass

    def check_file(self, night: Night, path: str) -> None:
        """Compare one file with its checksum, as ``check_files`` does.

        Raises:
            StoreDamaged: it is missing, unreadable, or differs.
        """
        store, at = filesystem(path)
        with store_errors(path):
            try:
                if self._checksum(night, path):
                    self._require(night, path, checksum_of(path))
                else:
                    pq.read_metadata(at, filesystem=store)
            except FileNotFoundError as error:
                raise self._damaged(night, path, "is missing") from error
            except pa.ArrowInvalid as error:
                raise self._damaged(night, path, "is unreadable") from error

    def _checksum(self, night: Night, path: str) -> str:
        return self.checksums.get(night, {}).get(path.rpartition("/")[2], "")

    def _require(self, night: Night, path: str, actual: str) -> None:
        written = self._checksum(night, path)
        if written not in ("", actual):
            raise self._damaged(night, path, f"is not what was written: its checksum is {actual}, the commit says {written}")

    def _damaged(self, night: Night, path: str, how: str) -> StoreDamaged:
        remedy = (
            f"Publish the night {night} again: {publishing(self.table, str(night))}"
            if self.is_newest
            else f"Read the newest version: {command('sweep')} removes older ones after NIGHTLOOP_RETENTION_DAYS."
        )
        what = f"a file of night {night} of table {self.table} (version {self.version}) {how}."
        return StoreDamaged(what, where=path, do=remedy)

    def _part(self, night: Night, path: str, schema: pa.Schema) -> pa.Table:
        """Read a file's part of the wanted columns; one that it has not got is null."""
        opened, checksum = read_with_checksum(path)
        self._require(night, path, checksum)
        file = pq.ParquetFile(opened)
        held = set(file.schema_arrow.names)
        names = {name: self.stored_name(night, name) for name in schema.names}
        stored = file.read(columns=sorted(held.intersection(names.values())))
        rows = file.metadata.num_rows
        columns = {
            name: stored.column(of).cast(schema.field(name).type) for name, of in names.items() if of in stored.column_names
        }
        columns.setdefault(NIGHT.name, pa.repeat(pa.scalar(night, NIGHT.type), rows))
        return pa.table(
            [columns[field.name] if field.name in columns else pa.nulls(rows, field.type) for field in schema], schema
        )

    def _by_night(self) -> Iterator[tuple[Night, str]]:
        return ((night, path) for night in sorted(self.files) for path in self.files[night])
