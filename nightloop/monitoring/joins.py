"""Look whether features find records of other sources by key: a key that senders write in several ways finds nothing.

A customer 123 in one source and "123.0" in another is no error to any engine; the feature is only missing, or 0.
"""
# ruff: noqa: S608 - every name matches the pattern of names

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from nightloop.definitions.features import LookupFeature, OverRecords
from nightloop.features.matching import MOST_PAIRS, key_texts, mending
from nightloop.nights import Night, Nights, one

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Lake

MOST_NIGHTS = 31
"""Nights of another source that are looked through at most."""


@dataclass(frozen=True)
class Join:
    """How features find records of another source.

    Attributes:
        source: of the records.
        by: its columns -> the entity's.
        nights: that the longest of the features looks back.
    """

    source: str
    by: Mapping[str, str]
    nights: int


def joins_of(use_case: UseCase) -> list[Join]:
    """Return the joins of which a text is part; numbers, dates and instants are written one way only."""
    joins: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
    for feature in use_case.features.values():
        if isinstance(feature, LookupFeature):
            by, nights = dict(feature.by), feature.within
        elif isinstance(feature, OverRecords):
            by, nights = {name: name for name in feature.by}, int(getattr(feature, "to_nights", getattr(feature, "nights", 1)))
        else:
            continue
        types = use_case.sources[feature.source].types
        if feature.source != use_case.entity.source and "string" in [types[name] for name in by]:
            key = (feature.source, tuple(by.items()))
            joins[key] = max(joins.get(key, 1), nights)
    return [Join(source, dict(by), min(nights, MOST_NIGHTS)) for (source, by), nights in joins.items()]


def keys_written_otherwise(use_case: UseCase, lake: Lake) -> Iterator[str]:
    """Yield of each join whose keys are only written otherwise in the newest night of the entity a sentence with examples."""
    name, entity = use_case.use_case, use_case.entity.source
    states = lake.states(f"{name}/raw_{entity}")
    night = max((night for night, state in states.items() if state.rows), default=None)
    if night is None:
        return
    for join in joins_of(use_case):
        table, nights = f"{name}/raw_{join.source}", Nights(night - timedelta(days=join.nights - 1), night)
        if not lake.exists(table):
            continue
        entities = lake.read(f"{name}/raw_{entity}", one(night), [*dict.fromkeys(join.by.values())])
        yield from _sentence(use_case, night, join, entities, lake.read(table, nights, list(join.by)))


def _sentence(use_case: UseCase, night: Night, join: Join, entities: pa.Table, records: pa.Table) -> Iterator[str]:
    import duckdb

    types = use_case.sources[join.source].types
    is_text = [types[column] == "string" for column in join.by]
    with duckdb.connect() as session:
        session.register("entity_rows", entities)
        session.register("record_rows", records)
        of_entities, of_records = (key_texts(list(columns), is_text) for columns in (join.by.values(), join.by))
        count, near, pairs = session.execute(f"""
with e as (select distinct {of_entities[0]} from entity_rows where {of_entities[1]}),
r as (select distinct {of_records[0]} from record_rows where {of_records[1]}),
near as (select e.k, min(r.k) as theirs from (from e anti join r using (k)) e join (from r anti join e using (k)) r using (n)
  group by all)
select (select count(*) from e), count(*), list([k, theirs] order by k)[:{MOST_PAIRS}] from near""").fetchall()[0]
    if near:
        columns = [
            f"{of}.{name}"
            for of, names in ((join.source, join.by), (use_case.entity.source, join.by.values()))
            for name in names
        ]
        yield (
            f"{near} of {count} keys of '{use_case.entity.source}' of night {night} find no record of '{join.source}' by "
            f"{', '.join(join.by)} but one whose key is only written otherwise: "
            f"{mending([(key, theirs) for key, theirs in pairs], columns)}"
        )
