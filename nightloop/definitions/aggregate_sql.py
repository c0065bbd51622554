"""SQL (DuckDB dialect) of the table aggregates: one number per night, feature and key, for batch and service alike.

Windows are equi-joins: a tile of night d is sent to the nights d, d + 1, … that look back at it, so the cost follows the
windows and not the length of history. Sums are of integers, so no order of adding can show.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nightloop.definitions.expression_sql import double, identifier, quoted
from nightloop.definitions.expressions import compile_expression
from nightloop.definitions.feature_tables import lookups, peers, rates, tile_of
from nightloop.definitions.features import LookupFeature, PeersFeature, RateFeature
from nightloop.definitions.keys import ALL, key_sql
from nightloop.definitions.statement_parts import UNION, named, pick, within
from nightloop.definitions.use_case import ColumnType, Source, UseCase
from nightloop.nights import Nights


def aggregates_sql(use_case: UseCase, nights: Nights) -> str:
    """One number per night, feature and key: windowed rates, peers, and values looked up."""
    parts = [_rates_sql(rates(use_case), nights)] if rates(use_case) else []
    if peers(use_case):
        parts.append(_peers_sql(peers(use_case), use_case.entity.source, use_case.sources[use_case.entity.source], nights))
    groups: dict[tuple[object, ...], dict[str, LookupFeature]] = {}
    for name, lookup in lookups(use_case).items():
        groups.setdefault((lookup.source, *lookup.by, lookup.latest_by), {})[name] = lookup
    parts += [_lookups_sql(group, use_case, nights) for group in groups.values()]
    return UNION.join(parts)


def _rates_sql(features: Mapping[str, RateFeature], nights: Nights) -> str:
    windows = ", ".join(
        f"({quoted(name)}, {quoted(tile_of(feature).name)}, {feature.nights}, {double(feature.smoothing)})"
        for name, feature in features.items()
    )
    longest = max(feature.nights for feature in features.values())
    offsets = ", ".join(f"({back})" for back in range(longest))
    sums = f"""
  select t.night + w.back as night, w.feature, w.smoothing, t.key, sum(t.n) as n, sum(t.total) as total
  from tiles t
  join (
    select w.feature, w.tile, w.smoothing, o.back
    from (select * from (values {windows}) as v(feature, tile, nights, smoothing)) w
    join (select * from (values {offsets}) as v(back)) o on o.back < w.nights
  ) w on t.tile = w.tile
  where {within(nights, "t.night + w.back")}
  group by t.night + w.back, w.feature, w.smoothing, t.key"""
    # Of key '' the formula gives the overall rate itself only up to rounding: it is published exactly as the others use it.
    overall = "(cast(p.total as double) / cast(p.n as double))"
    smoothed = f"(cast(s.total as double) + s.smoothing * {overall}) / (cast(s.n as double) + s.smoothing)"
    return (
        f"select s.night, s.feature, s.key, case when s.key = {quoted(ALL)} then {overall} else {smoothed} end as value\n"
        f"from ({sums}\n) s join ({sums}\n) p on p.night = s.night and p.feature = s.feature and p.key = {quoted(ALL)}"
    )


def _peers_sql(features: Mapping[str, PeersFeature], entity: str, source: Source, nights: Nights) -> str:
    keys = {f"k{i}": key_sql(feature.by, source.types) for i, feature in enumerate(features.values())}
    return f"""select night, feature, key, cast(count(*) as double) as value from (
  select r.night, v.feature, {pick(f"r.{key}" for key in keys)} as key
  from (select night, {named(keys)} from raw_{entity} where {within(nights)}) r cross join {_features(features)}
) where key is not null group by night, feature, key"""


def _lookups_sql(features: Mapping[str, LookupFeature], use_case: UseCase, nights: Nights) -> str:
    """Features that look at the same record of a source: pick it once, and give each feature its value."""
    first = next(iter(features.values()))
    source = use_case.sources[first.source]
    types: dict[str, ColumnType] = {**source.types, "night": "date"}
    values = {
        f"v{i}": f"cast({compile_expression(feature.expression, types).sql()} as double)"
        for i, feature in enumerate(features.values())
    }
    latest = {"latest": identifier(first.latest_by)} if first.latest_by else {}
    # Records of one key at the same time are told apart by their values, so that the order of reading cannot show.
    order = ", ".join(f"{name} desc nulls last" for name in {**latest, **values})
    place = f"row_number() over (partition by night, key order by {order})"
    columns = {"key": key_sql(list(first.by), source.types), **values, **latest}
    return f"""select night, feature, key, value from (
  select r.night, v.feature, r.key, {pick(f"r.{name}" for name in values)} as value
  from (
    select *, {place} as place from (
      select night, {named(columns)} from raw_{first.source} where {within(nights)}
    ) where key is not null
  ) r cross join {_features(features)}
  where r.place = 1
) where value is not null"""


def _features(names: Iterable[str]) -> str:
    numbered = ", ".join(f"({i}, {quoted(name)})" for i, name in enumerate(names))
    return f"(select * from (values {numbered}) as v(i, feature)) v"
