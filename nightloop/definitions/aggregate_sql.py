"""SQL (DuckDB dialect) of the table aggregates: one row per night, way to a key and key, for batch and service alike.

A way (column ``by``) is the entity's columns that make the key, joined by ``+``; the row without a way carries what a key never
seen falls back to. A feature is a column, null in the rows of other ways.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightloop.definitions.expression_sql import identifier, quoted
from nightloop.definitions.feature_tables import keyed, way_of
from nightloop.definitions.features import LagFeature, LookupFeature, PeersFeature, RateFeature, RecordFeature
from nightloop.definitions.keys import ALL, key_sql
from nightloop.definitions.lookup_sql import lags_sql, lookups_sql
from nightloop.definitions.statement_parts import UNION, within
from nightloop.definitions.tiles import over_records
from nightloop.definitions.use_case import UseCase
from nightloop.definitions.window_sql import by_family, priors_sql, smoothed, windows_sql
from nightloop.nights import Night, Nights


@dataclass(frozen=True)
class Part:
    """A statement that yields night, key, and some features of one way."""

    way: str
    features: tuple[str, ...]
    sql: str


def aggregates_sql(use_case: UseCase, nights: Nights, known: Night | None = None) -> str:
    """One row per night, way and key: windows, peers, lags, and values looked up.

    Args:
        use_case: whose features.
        nights: to make.
        known: the night whose knowledge counts; None: each night's own.
    """
    ways: dict[str, list[Part]] = {}
    for part in _parts(use_case, nights, known):
        ways.setdefault(part.way, []).append(part)
    features = list(keyed(use_case))
    return UNION.join(_way_sql(way, parts, features) for way, parts in ways.items())


def _parts(use_case: UseCase, nights: Nights, known: Night | None) -> Iterator[Part]:
    yield from _windows(use_case, nights, known)
    peers: dict[str, dict[str, PeersFeature]] = {}
    lookups: dict[tuple[object, ...], dict[str, LookupFeature]] = {}
    lags: dict[int, dict[str, LagFeature]] = {}
    for name, feature in use_case.features.items():
        match feature:
            case PeersFeature():
                peers.setdefault(way_of(use_case, feature), {})[name] = feature
            case LookupFeature():
                same = (feature.source, *feature.by.items(), feature.latest_by, feature.within)
                lookups.setdefault(same, {})[name] = feature
            case LagFeature():
                lags.setdefault(feature.nights, {})[name] = feature
    for way, own in peers.items():
        yield Part(way, tuple(own), _peers_sql(use_case, next(iter(own.values())), list(own), nights))
    for found in lookups.values():
        way = way_of(use_case, next(iter(found.values())))
        yield Part(way, tuple(found), lookups_sql(use_case, found, nights, known))
    for back, of_entity in lags.items():
        way = way_of(use_case, next(iter(of_entity.values())))
        yield Part(way, tuple(of_entity), lags_sql(use_case, of_entity, nights, back))


def _windows(use_case: UseCase, nights: Nights, known: Night | None) -> Iterator[Part]:
    for family, features in by_family(over_records(use_case)).items():
        rates = {name: feature for name, feature in features.items() if isinstance(feature, RateFeature)}
        found = windows_sql(use_case, family, features, nights, known)
        if rates:
            priors = priors_sql(use_case, family.source, rates, nights, known)
            chosen = ", ".join(f"{_with_prior(name, feature)} as {identifier(name)}" for name, feature in features.items())
            yield Part(ALL, tuple(rates), priors)
            found = f"select s.night, s.key, {chosen} from ({found}) s join ({priors}) p on p.night = s.night"
        yield Part(way_of(use_case, next(iter(features.values()))), tuple(features), found)


def _with_prior(name: str, feature: RecordFeature) -> str:
    column = identifier(name, "s")
    return smoothed(feature, column, identifier(name, "p")) if isinstance(feature, RateFeature) else column


def _way_sql(way: str, parts: Sequence[Part], features: Sequence[str]) -> str:
    """Bring the parts of one way together, a column a feature; a key may be in some of them only."""
    if len(parts) == 1:
        held, rows = set(parts[0].features), parts[0].sql
    else:
        held = {name for part in parts for name in part.features}
        united = UNION.join(f"select night, key, {_columns(part.features, features, held)} from ({part.sql})" for part in parts)
        highest = ", ".join(f"max({identifier(name)}) as {identifier(name)}" for name in features if name in held)
        rows = f"select night, key, {highest} from (\n{united}\n) group by night, key"
    return f"select night, {quoted(way)} as {identifier('by')}, key, {_columns(held, features)} from (\n{rows}\n)"


def _columns(held: Sequence[str] | set[str], features: Sequence[str], among: set[str] | None = None) -> str:
    """Return the features as columns, null where this statement has none."""
    return ", ".join(
        f"{identifier(name) if name in held else 'cast(null as double)'} as {identifier(name)}"
        for name in features
        if among is None or name in among
    )


def _peers_sql(use_case: UseCase, feature: PeersFeature, names: Sequence[str], nights: Nights) -> str:
    source = use_case.sources[use_case.entity.source]
    counted = ", ".join(f"cast(count(*) as double) as {identifier(name)}" for name in names)
    rows = f"select night, {key_sql(feature.by, source.types)} as key from raw_{use_case.entity.source} where {within(nights)}"
    return f"select night, key, {counted} from ({rows}) where key is not null group by night, key"
