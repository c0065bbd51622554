"""What goes wrong between a table's records and their delivery, as declared: who is late, what comes twice, what is spoilt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.definitions.simulation import (
    DuplicateDelivery,
    InTable,
    LateDelivery,
    NullBurst,
    SchemaChange,
    SimulatedTable,
    UnitError,
)
from nightloop.sources.simulator import columns
from nightloop.sources.simulator.draws import share_of
from nightloop.sources.simulator.tables import records
from nightloop.sources.simulator.transactions import never_revised
from nightloop.sources.simulator.world import World, lasts

_LONGEST = 3  # nights that a delivery can be late, or repeated after


def delivery(world: World, table: SimulatedTable, night: int) -> pa.Table:
    """Return what arrives on a night, all columns as text."""
    brought = pa.concat_tables(_brought(world, table, night)).combine_chunks()
    for event in world.declared.events:
        if isinstance(event, UnitError | NullBurst) and event.table == table and lasts(event, night):
            brought = _spoilt(world, brought, event, night)
    text = pa.table({name: brought[name].cast(pa.string()) for name in brought.column_names})
    for event in world.declared.events:
        if isinstance(event, SchemaChange) and event.table == table and lasts(event, night):
            text = _changed(text, event)
    return text


def _brought(world: World, table: SimulatedTable, night: int) -> Iterator[pa.Table]:
    """Yield the night's records that are in time, then late and repeated ones of the nights before."""
    events = [event for event in world.declared.events if not event.mended]
    late = [event for event in events if isinstance(event, LateDelivery) and event.table == table]
    twice = [event for event in events if isinstance(event, DuplicateDelivery) and event.table == table]
    for back in range(_LONGEST + 1):
        delayed = [event for event in late if event.night.toordinal() == night - back]
        repeated = [event for event in twice if event.night.toordinal() == night - back and event.after == back]
        if back == 0 or delayed or repeated:
            rows_of_night = records(world, table, night - back)
            waits = (
                _waits(world, rows_of_night, delayed[0], night - back)
                if delayed
                else np.zeros(rows_of_night.num_rows, dtype=np.int64)
            )
            arriving = rows_of_night.filter(pa.array(waits == back))
            if back == 0 or delayed:
                yield arriving if back == 0 else _landing_on(world, arriving, night)
            yield from ((rows_of_night if back == 0 else _landing_on(world, rows_of_night, night)) for _ in repeated)


def _waits(
    world: World, rows_of_night: pa.Table, event: LateDelivery, night: int
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return how many nights late each record of the night arrives; one that is revised later is in time.

    Its first version would arrive after the correction, and count as the newer one.
    """
    word = world.draws.words(f"late {event.table}", night, np.arange(rows_of_night.num_rows, dtype=np.int64))
    late = share_of(word) < event.share
    if event.table == "card_transactions":
        late &= never_revised(world, night, rows_of_night.num_rows)
    return np.where(late, 1 + (word % np.uint64(event.within)).astype(np.int64), 0)


def _landing_on(world: World, rows: pa.Table, night: int) -> pa.Table:
    """Give records of an earlier night their landing in the small hours of this one."""
    landed = columns.moments(night, world.time_zone, np.full(rows.num_rows, 0.15))
    place = next(i for i, name in enumerate(rows.column_names) if name in ("landed_at", "recorded_at"))
    return rows.set_column(place, rows.column_names[place], landed)


def _spoilt(world: World, rows: pa.Table, event: InTable, night: int) -> pa.Table:
    assert isinstance(event, UnitError | NullBurst)  # noqa: S101 - the caller's choice
    place = rows.column_names.index(event.column)
    values = rows.column(place)
    if isinstance(event, UnitError):
        spoilt = pc.multiply(values, event.factor)
    else:
        share = world.draws.uniform(f"null {event.table}.{event.column}", night, np.arange(rows.num_rows, dtype=np.int64))
        spoilt = pc.if_else(pa.array(share < event.share), pa.scalar(None, values.type), values)
    return rows.set_column(place, event.column, spoilt)


def _changed(text: pa.Table, event: SchemaChange) -> pa.Table:
    if event.renamed:
        return text.rename_columns([event.renamed if name == event.column else name for name in text.column_names])
    place = text.column_names.index(event.column)
    return text.set_column(place, event.column, pc.replace_substring(text.column(place), ".", ","))
