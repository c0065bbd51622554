"""SQL (DuckDB dialect) of the table aggregates: one row per night, way to a key and key, for batch and service alike.

A way (column ``by``) is the entity's columns that make the key, joined by ``+``; the row without a way carries what a key never
seen falls back to. A feature is a column, null in the rows of other ways.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nightloop.definitions.features import LagFeature, LookupFeature, PeersFeature
from nightloop.definitions.use_case import UseCase
from nightloop.expressions.to_sql import identifier, quoted
from nightloop.features.keys import key_sql
from nightloop.features.lookup_sql import lags_sql, lookups_sql
from nightloop.features.sql_fragments import UNION, within
from nightloop.features.tables import keyed, way_of
from nightloop.features.tiles import over_records
from nightloop.features.window_sql import windows_of
from nightloop.nights import Night, Nights

BY = identifier("by")


@dataclass(frozen=True)
class Part:
    """A statement that yields night, by, key, and some features, in rows of some ways."""

    ways: tuple[str, ...]
    features: tuple[str, ...]
    sql: str


def aggregates_sql(use_case: UseCase, nights: Nights, known: Night | None = None) -> str:
    """One row per night, way and key: windows, peers, lags, and values looked up.

    Args:
        use_case: whose features.
        nights: to make.
        known: the night whose knowledge counts; None: each night's own.
    """
    parts = [*_windows(use_case, nights, known), *_peers(use_case, nights), *_found(use_case, nights, known)]
    features = list(keyed(use_case))
    united = UNION.join(f"select night, {BY}, key, {_columns(part.features, features)} from (\n{part.sql}\n)" for part in parts)
    ways = [way for part in parts for way in part.ways]
    if len(ways) == len(set(ways)):
        return united
    # A key of one way may be in several parts, in each with other features.
    highest = ", ".join(f"max({identifier(name)}) as {identifier(name)}" for name in features)
    return f"select night, {BY}, key, {highest} from (\n{united}\n) group by night, {BY}, key"


def _windows(use_case: UseCase, nights: Nights, known: Night | None) -> Iterator[Part]:
    for windows in windows_of(use_case, over_records(use_case), nights, known):
        yield Part(tuple(windows.ways), tuple(windows.features), windows.sql())


def _peers(use_case: UseCase, nights: Nights) -> Iterator[Part]:
    peers: dict[str, dict[str, PeersFeature]] = {}
    for name, feature in use_case.features.items():
        if isinstance(feature, PeersFeature):
            peers.setdefault(way_of(use_case, feature), {})[name] = feature
    for way, own in peers.items():
        yield _of_way(way, own, _peers_sql(use_case, next(iter(own.values())), list(own), nights))


def _found(use_case: UseCase, nights: Nights, known: Night | None) -> Iterator[Part]:
    lookups: dict[tuple[object, ...], dict[str, LookupFeature]] = {}
    lags: dict[int, dict[str, LagFeature]] = {}
    for name, feature in use_case.features.items():
        if isinstance(feature, LookupFeature):
            same = (feature.source, *feature.by.items(), feature.latest_by, feature.within)
            lookups.setdefault(same, {})[name] = feature
        elif isinstance(feature, LagFeature):
            lags.setdefault(feature.nights, {})[name] = feature
    for found in lookups.values():
        yield _of_way(way_of(use_case, next(iter(found.values()))), found, lookups_sql(use_case, found, nights, known))
    for back, of_entity in lags.items():
        yield _of_way(way_of(use_case, next(iter(of_entity.values()))), of_entity, lags_sql(use_case, of_entity, nights, back))


def _of_way(way: str, features: Iterable[str], sql: str) -> Part:
    names = tuple(features)
    return Part((way,), names, f"select night, {quoted(way)} as {BY}, key, {', '.join(map(identifier, names))} from ({sql})")


def _columns(held: Sequence[str], features: Sequence[str]) -> str:
    """Return the features as columns, null where this statement has none."""
    return ", ".join(
        f"{identifier(name) if name in held else 'cast(null as double)'} as {identifier(name)}" for name in features
    )


def _peers_sql(use_case: UseCase, feature: PeersFeature, names: Sequence[str], nights: Nights) -> str:
    source = use_case.sources[use_case.entity.source]
    counted = ", ".join(f"cast(count(*) as double) as {identifier(name)}" for name in names)
    rows = f"select night, {key_sql(feature.by, source.types)} as key from raw_{use_case.entity.source} where {within(nights)}"
    return f"select night, key, {counted} from ({rows}) where key is not null group by night, key"
