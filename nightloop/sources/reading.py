"""Read a source's records of some nights: once for the whole range, each night with what had arrived by its cut-off.

A record that cannot be turned into the declared columns is refused with the reason; the others go on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightloop.definitions.use_case import ColumnType, Source, UseCase
from nightloop.nights import Night, Nights, cutoff
from nightloop.sources.evaluation import Place, evaluate
from nightloop.sources.located import Located, by_night, locate
from nightloop.sources.statement import FAILED, NIGHT, nightly_statement, snapshot_statement
from nightloop.sources.text_table import ROW, cached_text, read_text

_TYPES: dict[ColumnType, pa.DataType] = {
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

    held: pa.Table | Path

    @cached_property
    def _table(self) -> pa.Table:
        table = self.held if isinstance(self.held, pa.Table) else pq.read_table(self.held)
        return table.drop_columns([ROW])

    def records(self, rows: Sequence[int]) -> list[str]:
        """Return records as JSON texts, columns in the order of the file."""
        shown = self._table.take(pa.array(rows, pa.int64())).to_pylist()
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


def raw_schema(source: Source) -> pa.Schema:
    """Return the columns of a source's raw table (without ``night``): declared ones, then event_at and known_at.

    A source by night always has known_at; a snapshot never does.
    """
    stamps = [("event_at", bool(source.event_at)), ("known_at", not source.is_snapshot)]
    declared = [pa.field(name, _TYPES[column.type]) for name, column in source.columns.items()]
    return pa.schema(declared + [pa.field(name, _TYPES["timestamp"]) for name, wanted in stamps if wanted])


def no_arrival(night: Night, source: Source) -> Arrival:
    """Return what a silent night brings: no rows, in the raw table's columns."""
    return Arrival(night, raw_schema(source).empty_table(), pa.array([], pa.int64()), (), Texts(pa.table({ROW: []})))


def read_source(name: str, use_case: UseCase, nights: Nights, *, cache: Path, definitions: Path) -> Reading:
    """Read one source for a range of nights; a file that holds them all is read and evaluated once.

    Args:
        name: of the source in the use case.
        use_case: declares it, and the time zone of the nights.
        nights: which nights to read.
        cache: folder for parsed copies; safe to delete.
        definitions: folder of the use case's file; relative file patterns start at its parent.

    Raises:
        SourceDamaged: the file is not readable as declared.
        DefinitionError: an expression is wrong; shown at its line.
    """
    source = use_case.sources[name]
    reader = _Reader(name, source, use_case, definitions)
    if by_night(source.connector):
        arrivals = dict(reader.night_files(nights))
        return Reading(name, source.connector.pattern, arrivals)  # type: ignore[union-attr]
    located = locate(source.connector, definitions.resolve().parent)
    assert located is not None  # noqa: S101 - only a night's own file may be absent
    text = cached_text(located, cache)
    return Reading(name, str(located.path), reader.whole(located, text, nights))


@dataclass(frozen=True)
class _Reader:
    name: str
    source: Source
    use_case: UseCase
    definitions: Path

    def whole(self, located: Located, text: Path, nights: Nights) -> dict[Night, Arrival]:
        """Split one file by night; a snapshot's nights share one and the same table."""
        texts = Texts(text)
        if self.source.is_snapshot:
            table = self._evaluate(located, text, "")
            arrival = self._arrival(nights.first, table, texts) if table.num_rows else None
            return {
                night: Arrival(night, arrival.rows, arrival.positions, arrival.refused, texts) for night in nights if arrival
            }
        within = f"\"=dated\".v BETWEEN DATE '{nights.first}' AND DATE '{nights.last}'"
        if self.use_case.first_night in nights:  # records of no night are set aside once, on the first
            within = f'({within}) OR "=dated" IS NULL OR "=dated".v IS NULL'
        table = self._evaluate(located, text, within)
        night_of = table.column(NIGHT).fill_null(self.use_case.first_night).combine_chunks()
        slices = ((night, table.filter(pc.equal(night_of, pa.scalar(night, pa.date32())))) for night in _present(night_of))
        return {night: self._arrival(night, rows, texts) for night, rows in slices}

    def night_files(self, nights: Nights) -> Iterator[tuple[Night, Arrival]]:
        """Read a file per night; a record that belongs to another night is refused."""
        for night in nights:
            located = locate(self.source.connector, self.definitions.resolve().parent, night)
            if located is None:
                continue
            text = read_text(located)
            table = self._evaluate(located, text, "true")
            if table.num_rows:
                yield night, self._arrival(night, table, Texts(text))

    def _evaluate(self, located: Located, text: pa.Table | Path, where: str) -> pa.Table:
        place = Place(self.definitions, self.use_case.use_case, self.name, located)
        zone = self.use_case.time_zone
        statement = snapshot_statement(self.source) if self.source.is_snapshot else nightly_statement(self.source, zone, where)
        return evaluate(text, self.source, statement, place)

    def _arrival(self, night: Night, table: pa.Table, texts: Texts) -> Arrival:
        """Part the records in the declared form from those that are not."""
        refused = self._refused(night, table)
        keep = pc.invert(pc.is_in(table.column(ROW), pa.array([item.row for item in refused], pa.int64())))
        good = table.filter(keep)
        return Arrival(night, self._typed(night, good), good.column(ROW).combine_chunks(), refused, texts)

    def _refused(self, night: Night, table: pa.Table) -> tuple[Refused, ...]:
        found: dict[int, Refused] = {}
        for name in (column for column in table.column_names if column.startswith(FAILED)):
            for row in table.filter(table.column(name)).column(ROW).to_pylist():
                reason = f"'{name[1:]}' cannot be computed from this record."
                found.setdefault(row, Refused(row, f"readable:{name[1:]}", reason))
        if NIGHT in table.column_names:
            for rule, reason, rows in self._out_of_time(night, table):
                for row in rows:
                    found.setdefault(row, Refused(row, rule, reason))
        return tuple(found[row] for row in sorted(found))

    def _out_of_time(self, night: Night, table: pa.Table) -> Iterator[tuple[str, str, list[int]]]:
        """Yield (rule, reason, rows) of records that do not belong into this night, or were known too late for it."""
        night_of = table.column(NIGHT)
        yield (
            "night:known",
            "the night of this record cannot be told.",
            table.filter(pc.is_null(night_of)).column(ROW).to_pylist(),
        )
        other = table.filter(pc.not_equal(night_of, pa.scalar(night, pa.date32())))
        yield (
            "night:own",
            f"the record belongs to another night than {night}, whose file brought it.",
            other.column(ROW).to_pylist(),
        )
        if "known_at" in table.column_names:
            end = pa.scalar(cutoff(night, self.use_case.time_zone), pa.timestamp("us", "UTC"))
            late = table.filter(pc.greater_equal(table.column("known_at"), end))
            yield "night:cutoff", f"known only after the cut-off of {night}.", late.column(ROW).to_pylist()
            unknown = table.filter(pc.is_null(table.column("known_at")))
            yield "night:known", "when this record was known cannot be told.", unknown.column(ROW).to_pylist()

    def _typed(self, night: Night, table: pa.Table) -> pa.Table:
        """Give the rows the raw table's schema; a landing that no expression tells is the night's last instant."""
        schema = raw_schema(self.source)
        if "known_at" in schema.names and "known_at" not in table.column_names:
            landed = pa.scalar(cutoff(night, self.use_case.time_zone) - timedelta(microseconds=1), _TYPES["timestamp"])
            table = table.append_column("known_at", pa.repeat(landed, table.num_rows))
        return table.select(schema.names).cast(schema).combine_chunks()


def _present(night_of: pa.Array) -> list[Night]:
    return sorted(night_of.unique().to_pylist())
