"""Files that an engine wrote, before they are taken into a table: read a row group at a time, however large they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from nightloop.lake.columns import NIGHT, canonical, canonical_schema
from nightloop.lake.digest import Bits, digest_of_patterns, row_patterns
from nightloop.lake.storage import filesystem, store_errors


@dataclass(frozen=True)
class Staged:
    """What the footer of a file says.

    Attributes:
        path: where it lies.
        schema: its columns in the lake's types; a column ``night`` is left out.
        stored: its columns as they are stored.
        rows: how many it holds.
        groups: of how many row groups.
        nulls: how many values are missing, by column.
    """

    path: str
    schema: pa.Schema
    stored: pa.Schema
    rows: int
    groups: int
    nulls: Mapping[str, int]

    @classmethod
    def open(cls, path: str) -> Self:
        """Read the footer; of a column without statistics, the values.

        Raises:
            OSError, pa.ArrowInvalid: it is missing, or not Parquet.
            UsageError: a column is of a type that no table of the lake holds.
        """
        store, at = filesystem(path)
        with pq.ParquetFile(at, filesystem=store) as file:
            stored, metadata = file.schema_arrow, file.metadata
            schema = canonical_schema(pa.schema([field for field in stored if field.name != NIGHT.name]))
            nulls = {field.name: _nulls(file, place) for place, field in enumerate(stored)}
        return cls(path, schema, stored, metadata.num_rows, metadata.num_row_groups, nulls)

    @property
    def has_lake_types(self) -> bool:
        """Whether it can be taken over as it is."""
        return bool(self.stored.equals(self.schema))

    def read(self, group: int) -> pa.Table:
        """Return the rows of a row group, in the lake's types."""
        store, at = filesystem(self.path)
        with pq.ParquetFile(at, filesystem=store) as file:
            return canonical(file.read_row_group(group, columns=self.schema.names, use_threads=False))


def _nulls(file: pq.ParquetFile, place: int) -> int:
    groups = (file.metadata.row_group(number).column(place).statistics for number in range(file.metadata.num_row_groups))
    counts = [of.null_count if of is not None and of.has_null_count else None for of in groups]
    if None in counts:
        return int(file.read(columns=[file.schema_arrow.names[place]]).column(0).null_count)
    return sum(count for count in counts if count is not None)


def open_all(files: Sequence[str], threads: Executor) -> list[Staged]:
    """Read the footers of files, several at a time.

    Raises:
        StoreDamaged: one is missing, or not Parquet.
        UsageError: a column is of a type that no table of the lake holds.
    """

    def open_one(path: str) -> Staged:
        with store_errors(path):
            return Staged.open(path)

    return list(threads.map(open_one, files))


def columns_of(files: Sequence[Staged]) -> pa.Schema:
    """Return the columns that any of the files has, in the lake's types."""
    return pa.unify_schemas([file.schema for file in files])


def content_digest_of(files: Sequence[Staged], schema: pa.Schema, threads: Executor) -> str:
    """Return the content digest of the rows of files together, whose columns the schema names; row groups side by side.

    Eight bytes a row are held, and the row groups at work.

    Raises:
        StoreDamaged: a file is not readable.
    """
    rows = sum(file.rows for file in files)
    held = pa.schema([field for field in schema if sum(file.nulls.get(field.name, file.rows) for file in files) < rows])

    def patterns(part: tuple[Staged, int]) -> Bits:
        file, group = part
        with store_errors(file.path):
            return row_patterns(file.read(group), held)

    return digest_of_patterns(held, list(threads.map(patterns, [(file, at) for file in files for at in range(file.groups)])))
