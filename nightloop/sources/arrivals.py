"""What a source brought: the records of a night in the declared form, those that are not, and all of them as they were read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nightloop.definitions.use_case import Source
from nightloop.expressions.types import ColumnType
from nightloop.nights import Night
from nightloop.sources.casts.stored import as_text
from nightloop.sources.text_table import FLAW, OURS, ROW

TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


@dataclass(frozen=True)
class Texts:
    """The records of one file as they were read; loaded only when one must be shown."""

    table: pa.Table | Path

    @cached_property
    def _loaded(self) -> pa.Table:
        table = self.table if isinstance(self.table, pa.Table) else pq.read_table(self.table)
        return table.drop_columns(list(OURS))

    def records(self, rows: Sequence[int]) -> list[str]:
        """Return records as JSON texts, columns in the order of the file."""
        shown = as_text(self._loaded.take(pa.array(rows, pa.int64()))).to_pylist()
        return [json.dumps(record, ensure_ascii=False) for record in shown]


@dataclass(frozen=True)
class Refused:
    """A record that is not in the declared form."""

    row: int
    rule: str
    reason: str


@dataclass(frozen=True)
class Arrival:
    """What one night brought: rows in the declared form, the position of each in its file, and refused records."""

    night: Night
    rows: pa.Table
    positions: pa.Array
    refused: tuple[Refused, ...]
    texts: Texts

    @property
    def rows_in(self) -> int:
        """How many records arrived."""
        return int(self.rows.num_rows) + len(self.refused)


@dataclass(frozen=True)
class Reading:
    """A source's arrivals, night by night. A night is absent when the source has nothing for it."""

    source: str
    origin: str
    arrivals: Mapping[Night, Arrival]
    inputs: Mapping[str, int] = field(default_factory=dict)  # tables of the lake that were read, with their versions


def raw_schema(source: Source) -> pa.Schema:
    """Return the columns of a source's raw table (without ``night``): declared ones, then event_at and known_at.

    A source by night always has known_at; a snapshot never does. A source whose records are revised carries event_night too
    (the local date of event_at, never after the night) and withdrawn.
    """
    stamps = [("event_at", bool(source.event_at)), ("known_at", not source.is_snapshot)]
    declared = [pa.field(name, TYPES[column.type]) for name, column in source.columns.items()]
    declared += [pa.field(name, TYPES["timestamp"]) for name, is_declared in stamps if is_declared]
    if source.revised_within:
        declared += [pa.field("event_night", pa.date32()), pa.field("withdrawn", pa.bool_())]
    return pa.schema(declared)


def no_arrival(night: Night, source: Source) -> Arrival:
    """Return what a silent night brings: no rows, in the raw table's columns."""
    return Arrival(night, raw_schema(source).empty_table(), pa.array([], pa.int64()), (), Texts(pa.table({ROW: [], FLAW: []})))
