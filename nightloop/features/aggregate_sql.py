"""SQL (DuckDB dialect) of the table aggregates: one row per night, grouping and key, for batch and service alike.

A grouping (column ``by``) is the entity's columns that make the key, joined by ``+``; the row of the empty grouping carries
the overall rates, which a key never seen falls back to. A feature is a column, null in the rows of other groupings.
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
from nightloop.features.tables import grouping_of, keyed
from nightloop.features.tiles import over_records
from nightloop.features.window_sql import windows_of
from nightloop.nights import Night, Nights

BY = identifier("by")


@dataclass(frozen=True)
class AggregateQuery:
    """A statement that yields night, by, key, and some features, in rows of some groupings."""

    groupings: tuple[str, ...]
    features: tuple[str, ...]
    sql: str


def aggregates_sql(use_case: UseCase, nights: Nights, as_known_at: Night | None = None) -> str:
    """One row per night, grouping and key: windows, peers, lags, and values looked up.

    Args:
        use_case: whose features.
        nights: to make.
        as_known_at: the night whose knowledge counts; None: each night's own.
    """
    queries = [
        *_windows(use_case, nights, as_known_at),
        *_peers(use_case, nights),
        *_lookups(use_case, nights, as_known_at),
        *_lags(use_case, nights),
    ]
    features = list(keyed(use_case))
    united = UNION.join(
        f"select night, {BY}, key, {_columns(query.features, features)} from (\n{query.sql}\n)" for query in queries
    )
    groupings = [grouping for query in queries for grouping in query.groupings]
    if len(groupings) == len(set(groupings)):
        return united
    # A key of one grouping may come from several queries, from each with other features.
    merged = ", ".join(f"max({identifier(name)}) as {identifier(name)}" for name in features)
    return f"select night, {BY}, key, {merged} from (\n{united}\n) group by night, {BY}, key"


def _windows(use_case: UseCase, nights: Nights, as_known_at: Night | None) -> Iterator[AggregateQuery]:
    for windows in windows_of(use_case, over_records(use_case), nights, as_known_at):
        yield AggregateQuery(tuple(windows.groupings), tuple(windows.features), windows.sql())


def _peers(use_case: UseCase, nights: Nights) -> Iterator[AggregateQuery]:
    by_grouping: dict[str, dict[str, PeersFeature]] = {}
    for name, feature in use_case.features.items():
        if isinstance(feature, PeersFeature):
            by_grouping.setdefault(grouping_of(use_case, feature), {})[name] = feature
    for grouping, features in by_grouping.items():
        yield _of_grouping(grouping, features, _peers_sql(use_case, next(iter(features.values())), list(features), nights))


def _lookups(use_case: UseCase, nights: Nights, as_known_at: Night | None) -> Iterator[AggregateQuery]:
    """Features that look at the same record share one query."""
    by_record: dict[tuple[object, ...], dict[str, LookupFeature]] = {}
    for name, feature in use_case.features.items():
        if isinstance(feature, LookupFeature):
            record = (feature.source, *feature.by.items(), feature.latest_by, feature.within)
            by_record.setdefault(record, {})[name] = feature
    for features in by_record.values():
        grouping = grouping_of(use_case, next(iter(features.values())))
        yield _of_grouping(grouping, features, lookups_sql(use_case, features, nights, as_known_at))


def _lags(use_case: UseCase, nights: Nights) -> Iterator[AggregateQuery]:
    """Features of the same number of nights ago share one query."""
    by_nights: dict[int, dict[str, LagFeature]] = {}
    for name, feature in use_case.features.items():
        if isinstance(feature, LagFeature):
            by_nights.setdefault(feature.nights, {})[name] = feature
    for nights_ago, features in by_nights.items():
        grouping = grouping_of(use_case, next(iter(features.values())))
        yield _of_grouping(grouping, features, lags_sql(use_case, features, nights, nights_ago))


def _of_grouping(grouping: str, features: Iterable[str], sql: str) -> AggregateQuery:
    names = tuple(features)
    chosen = ", ".join(map(identifier, names))
    return AggregateQuery((grouping,), names, f"select night, {quoted(grouping)} as {BY}, key, {chosen} from ({sql})")


def _columns(present: Sequence[str], features: Sequence[str]) -> str:
    """Return the features as columns, null where this query has none."""
    return ", ".join(
        f"{identifier(name) if name in present else 'cast(null as double)'} as {identifier(name)}" for name in features
    )


def _peers_sql(use_case: UseCase, feature: PeersFeature, names: Sequence[str], nights: Nights) -> str:
    source = use_case.sources[use_case.entity.source]
    counts = ", ".join(f"cast(count(*) as double) as {identifier(name)}" for name in names)
    rows = f"select night, {key_sql(feature.by, source.types)} as key from raw_{use_case.entity.source} where {within(nights)}"
    return f"select night, key, {counts} from ({rows}) where key is not null group by night, key"
