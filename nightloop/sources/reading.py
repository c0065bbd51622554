"""Read a source's records of some nights: once for the whole range, each night with what had arrived by its cut-off.

A record that cannot be turned into the declared columns is refused with the reason; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import SecretStr

from nightloop.definitions.connectors import Connector as Declaration
from nightloop.definitions.use_case import Source, UseCase
from nightloop.lake import Lake
from nightloop.nights import Night, Nights, cutoff
from nightloop.settings import connection
from nightloop.sources.arrivals import TYPES, Arrival, Reading, Refused, Texts, raw_schema
from nightloop.sources.connector import Connector, Delivery, SourceContext
from nightloop.sources.evaluation import DATED, FAILED, NIGHT, Place, evaluate, nightly_statement, snapshot_statement, taken
from nightloop.sources.factory import open_connector
from nightloop.sources.text_table import FLAW, ROW


def by_night(connector: Declaration) -> bool:
    """Whether every night is read on its own, and brings no record of another night."""
    return connector.each_night


def read_source(
    name: str,
    use_case: UseCase,
    nights: Nights,
    *,
    cache: Path,
    definitions: Path,
    lake: Lake | None = None,
    connection: Callable[[str], SecretStr] = connection,
    connector: Connector | None = None,
) -> Reading:
    """Read one source for a range of nights; a source that does not tell nights apart is read and evaluated once.

    Args:
        name: of the source in the use case.
        use_case: declares it, and the time zone of the nights.
        nights: which nights to read.
        cache: folder for parsed copies; safe to delete.
        definitions: folder of the use case's file; relative file patterns start at its parent.
        lake: where other use cases' tables are; needed by a source of kind table.
        connection: returns the address of a named connection.
        connector: brings each night's records in place of what the source declares (the quarantine holds them as read).

    Raises:
        SourceDamaged: what is there is not readable as declared.
        SourceUnavailable: a database or object store does not answer.
        NotReady: another use case's table has not got the night yet.
        DefinitionError: an expression is wrong; shown at its line.
    """
    source = use_case.sources[name]
    reader = _Reader(name, source, use_case, definitions)
    if connector is not None:
        return reader.night_by_night(connector, nights)
    context = SourceContext(definitions, use_case.use_case, use_case.first_night, use_case.time_zone, cache, lake, connection)
    connector = open_connector(source.connector, context)
    if by_night(source.connector):
        return reader.night_by_night(connector, nights)
    return reader.whole(connector, nights)


@dataclass(frozen=True)
class _Reader:
    name: str
    source: Source
    use_case: UseCase
    definitions: Path

    def whole(self, connector: Connector, nights: Nights) -> Reading:
        """Split what was delivered by night; a snapshot's nights share one and the same table."""
        delivery = connector.read(None)
        if delivery is None:
            return Reading(self.name, connector.origin, {})
        split = self._snapshot if self.source.is_snapshot else self._split
        return Reading(self.name, delivery.origin, split(delivery, nights), delivery.inputs)

    def _snapshot(self, delivery: Delivery, nights: Nights) -> dict[Night, Arrival]:
        texts = Texts(delivery.records)
        table = self._evaluate(delivery, None)
        arrival = self._arrival(nights.first, table, texts) if table.num_rows else None
        return {night: Arrival(night, arrival.rows, arrival.positions, arrival.refused, texts) for night in nights if arrival}

    def _split(self, delivery: Delivery, nights: Nights) -> dict[Night, Arrival]:
        texts = Texts(delivery.records)
        within = f"\"{DATED}\".v BETWEEN DATE '{nights.first}' AND DATE '{nights.last}'"
        if self.use_case.first_night in nights:  # records of no night are set aside once, on the first
            within = f'({within}) OR "{DATED}" IS NULL OR "{DATED}".v IS NULL'
        table = self._evaluate(delivery, within)
        night_of = table.column(NIGHT).fill_null(self.use_case.first_night).combine_chunks()
        return {night: self._arrival(night, rows, texts) for night, rows in _by_night(table, night_of)}

    def night_by_night(self, connector: Connector, nights: Nights) -> Reading:
        """Read every night on its own; a record that belongs to another night is refused."""
        arrivals: dict[Night, Arrival] = {}
        inputs: dict[str, int] = {}
        for night in nights:
            delivery = connector.read(night)
            if delivery is None:
                continue
            table = self._evaluate(delivery, None)
            if table.num_rows:
                arrivals[night] = self._arrival(night, table, Texts(delivery.records))
                inputs |= delivery.inputs
        return Reading(self.name, connector.origin, arrivals, inputs)

    def _evaluate(self, delivery: Delivery, where: str | None) -> pa.Table:
        place = Place(self.definitions, self.use_case.use_case, self.name, delivery)
        zone = self.use_case.time_zone
        held = taken(self.source, delivery.records)
        snapshot = self.source.is_snapshot
        statement = snapshot_statement(self.source, held) if snapshot else nightly_statement(self.source, zone, where, held)
        table = evaluate(self.source, statement, place, held)
        # Most columns fail on no record: their flags need not be looked at night by night.
        idle = [name for name in table.column_names if name.startswith(FAILED) and not pc.any(table.column(name)).as_py()]
        return table.drop_columns(idle)

    def _arrival(self, night: Night, table: pa.Table, texts: Texts) -> Arrival:
        """Part the records in the declared form from those that are not."""
        refused = self._refused(night, table)
        rows = table
        if refused:
            rows = table.filter(pc.invert(pc.is_in(table.column(ROW), pa.array([item.row for item in refused], pa.int64()))))
        return Arrival(night, self._typed(night, rows), rows.column(ROW).combine_chunks(), refused, texts)

    def _refused(self, night: Night, table: pa.Table) -> tuple[Refused, ...]:
        flawed = table.select([ROW, FLAW]).filter(table.column(FLAW).is_valid()).to_pylist()
        refused = {record[ROW]: Refused(record[ROW], "record:size", record[FLAW]) for record in flawed}
        for name in (column for column in table.column_names if column.startswith(FAILED)):
            for row in table.column(ROW).filter(table.column(name)).to_pylist():
                reason = f"'{name[1:]}' cannot be computed from this record."
                refused.setdefault(row, Refused(row, f"readable:{name[1:]}", reason))
        if NIGHT in table.column_names:
            for rule, reason, rows in self._out_of_time(night, table):
                for row in rows:
                    refused.setdefault(row, Refused(row, rule, reason))
        return tuple(refused[row] for row in sorted(refused))

    def _out_of_time(self, night: Night, table: pa.Table) -> Iterator[tuple[str, str, list[int]]]:
        """Yield (rule, reason, rows) of records that do not belong into this night, or were known too late for it."""
        night_of, rows = table.column(NIGHT), table.column(ROW)
        yield (
            "night:known",
            "the night of this record cannot be told.",
            rows.filter(pc.is_null(night_of)).to_pylist(),
        )
        other = rows.filter(pc.not_equal(night_of, pa.scalar(night, pa.date32())))
        yield (
            "night:own",
            f"the record belongs to another night than {night}, whose file brought it.",
            other.to_pylist(),
        )
        if "known_at" in table.column_names:
            end = pa.scalar(cutoff(night, self.use_case.time_zone), pa.timestamp("us", "UTC"))
            late = rows.filter(pc.greater_equal(table.column("known_at"), end))
            yield "night:cutoff", f"known only after the cut-off of {night}.", late.to_pylist()
            unknown = rows.filter(pc.is_null(table.column("known_at")))
            yield "night:known", "when this record was known cannot be told.", unknown.to_pylist()
        if self.source.revised_within:
            unknown = rows.filter(pc.is_null(table.column("event_at")))
            yield "event:known", "when this happened cannot be told.", unknown.to_pylist()
            earliest = pa.scalar(night - timedelta(days=self.source.revised_within), pa.date32())
            too_late = rows.filter(pc.less(self._event_night(night, table), earliest))
            reason = f"it happened more than {self.source.revised_within} nights before {night}: too late (revised_within)."
            yield "night:too_late", reason, too_late.to_pylist()

    def _typed(self, night: Night, table: pa.Table) -> pa.Table:
        """Give the rows the raw table's schema; where no expression gives known_at, it is the night's last instant."""
        schema = raw_schema(self.source)
        if "known_at" in schema.names and "known_at" not in table.column_names:
            landed = pa.scalar(cutoff(night, self.use_case.time_zone) - timedelta(microseconds=1), TYPES["timestamp"])
            table = table.append_column("known_at", pa.repeat(landed, table.num_rows))
        if self.source.revised_within:
            table = table.append_column("event_night", self._event_night(night, table))
            if "withdrawn" in table.column_names:
                given = pc.fill_null(table.column("withdrawn"), fill_value=False)
                table = table.set_column(table.column_names.index("withdrawn"), "withdrawn", given)
            else:
                table = table.append_column("withdrawn", pa.repeat(pa.scalar(value=False), table.num_rows))
        rows = table.select(schema.names)
        return rows if rows.schema.equals(schema) else rows.cast(schema)

    def _event_night(self, night: Night, table: pa.Table) -> pa.ChunkedArray:
        """Return the local date of each event; what is known before it happens counts from the night it is known."""
        local = table.column("event_at").cast(pa.timestamp("us", self.use_case.time_zone))
        return pc.min_element_wise(pc.local_timestamp(local).cast(pa.date32()), pa.scalar(night, pa.date32()))


def _by_night(table: pa.Table, night_of: pa.Array) -> Iterator[tuple[Night, pa.Table]]:
    """Cut a table that is in the order of its nights."""
    counted = pc.value_counts(night_of).to_pylist()
    start = 0
    for item in counted:
        yield item["values"], table.slice(start, item["counts"])
        start += item["counts"]
