"""SQL (DuckDB dialect) of the tables tiles, aggregates, features and labels, for a range of nights at once.

Each statement reads views named like its input tables (raw_outcomes, tiles, …) and yields the column ``night`` and the
columns of its table. Windows are equi-joins: a tile of night d is sent to the nights d, d + 1, … that look back at it,
so the cost follows the windows and not the length of history. Sums are of integers, so no order of adding can show.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nightloop.definitions.expression_sql import double, identifier, quoted
from nightloop.definitions.expressions import compile_expression
from nightloop.definitions.feature_tables import Tile, lookups, outcome_nights, peers, rates, tile_of, tiles
from nightloop.definitions.keys import ALL, key_sql
from nightloop.definitions.use_case import ExpressionFeature, LookupFeature, PeersFeature, RateFeature, Source, UseCase
from nightloop.nights import Nights

_UNION = "\nunion all\n"


def build_sql(use_case: UseCase, table: str, nights: Nights) -> str:
    """Return the statement that makes these nights of tiles, aggregates, features or labels."""
    makers = {"tiles": tiles_sql, "aggregates": aggregates_sql, "features": features_sql, "labels": labels_sql}
    return makers[table](use_case, nights)


def _within(nights: Nights, column: str = "night") -> str:
    return f"{column} between cast('{nights.first}' as date) and cast('{nights.last}' as date)"


# --- tiles -------------------------------------------------------------------------------------------------------------


def tiles_sql(use_case: UseCase, nights: Nights) -> str:
    """Count records (n) and those that satisfy the condition (total), by night and key, and over all keys (key '')."""
    return _UNION.join(_tile_sql(tile, use_case.sources[tile.source], nights) for tile in tiles(use_case))


def _tile_sql(tile: Tile, source: Source, nights: Nights) -> str:
    of = compile_expression(tile.of, source.types).sql()
    records = (
        f"select night, {key_sql(tile.by, source.types)} as key, case when {of} then 1 else 0 end as hit\n"
        f"  from raw_{tile.source} where {_within(nights)}"
    )
    counts = "cast(count(*) as bigint) as n, cast(sum(hit) as bigint) as total"
    name = quoted(tile.name)
    return (
        f"select night, {name} as tile, key, {counts} from (\n  {records}\n) where key is not null group by night, key{_UNION}"
        f"select night, {name} as tile, {quoted(ALL)} as key, {counts} from (\n  {records}\n) group by night"
    )


# --- aggregates --------------------------------------------------------------------------------------------------------


def aggregates_sql(use_case: UseCase, nights: Nights) -> str:
    """One number per night, feature and key: windowed rates, peers, and values looked up."""
    parts = [_rates_sql(rates(use_case), nights)] if rates(use_case) else []
    entity = use_case.entity.source
    for name, feature in peers(use_case).items():
        parts.append(_peers_sql(name, feature, entity, use_case.sources[entity], nights))
    for name, lookup in lookups(use_case).items():
        parts.append(_lookup_sql(name, lookup, use_case.sources[lookup.source], nights))
    return _UNION.join(parts)


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
  where {_within(nights, "t.night + w.back")}
  group by t.night + w.back, w.feature, w.smoothing, t.key"""
    # Of key '' the formula gives the overall rate itself only up to rounding: it is published exactly as the others use it.
    overall = "(cast(p.total as double) / cast(p.n as double))"
    smoothed = f"(cast(s.total as double) + s.smoothing * {overall}) / (cast(s.n as double) + s.smoothing)"
    return (
        f"select s.night, s.feature, s.key, case when s.key = {quoted(ALL)} then {overall} else {smoothed} end as value\n"
        f"from ({sums}\n) s join ({sums}\n) p on p.night = s.night and p.feature = s.feature and p.key = {quoted(ALL)}"
    )


def _peers_sql(name: str, feature: PeersFeature, entity: str, source: Source, nights: Nights) -> str:
    key = key_sql(feature.by, source.types)
    return (
        f"select night, {quoted(name)} as feature, key, cast(count(*) as double) as value\n"
        f"from (select night, {key} as key from raw_{entity} where {_within(nights)}) where key is not null group by night, key"
    )


def _lookup_sql(name: str, feature: LookupFeature, source: Source, nights: Nights) -> str:
    expression = compile_expression(feature.expression, {**source.types, "night": "date"}).sql()
    key = key_sql(list(feature.by), source.types)
    latest = f", {identifier(feature.latest_by)} as latest" if feature.latest_by else ""
    records = (
        f"select night, {key} as key, cast({expression} as double) as value{latest} from raw_{feature.source} "
        f"where {_within(nights)}"
    )
    if feature.latest_by:
        # Records of one key at the same time: the larger value, so that the order of reading cannot show.
        place = "row_number() over (partition by night, key order by latest desc nulls last, value desc nulls last)"
        picked = (
            f"select night, key, value from (select night, key, value, {place} as place from (\n  {records}\n)) where place = 1"
        )
    else:
        picked = f"select night, key, max(value) as value from (\n  {records}\n) group by night, key"
    return (
        f"select night, {quoted(name)} as feature, key, value from (\n  {picked}\n) where key is not null and value is not null"
    )


# --- features ----------------------------------------------------------------------------------------------------------


def entity_columns(feature: PeersFeature | RateFeature | LookupFeature) -> tuple[str, ...]:
    """Return the entity's columns whose key text finds the feature's aggregate."""
    return tuple(feature.by.values()) if isinstance(feature, LookupFeature) else tuple(feature.by)


def features_sql(use_case: UseCase, nights: Nights) -> str:
    """One row per entity: its key, and each feature from its own columns or from the aggregates of the night."""
    source = use_case.sources[use_case.entity.source]
    groups = _by_key(use_case)
    keys = "".join(f", {key_sql(columns, source.types)} as k{i}" for i, columns in enumerate(groups))
    values = [_feature_sql(name, use_case, list(groups)) for name in use_case.features]
    joins = [
        f"left join ({_pivot(names)}) a{i} on a{i}.night = e.night and a{i}.key = e.k{i}"
        for i, names in enumerate(groups.values())
    ]
    if names := list(rates(use_case)):
        joins.append(f"left join ({_pivot(names, prior=True)}) p on p.night = e.night")
    columns = [identifier(name, "e") for name in use_case.entity.key]
    return (
        f"select e.night, {', '.join([*columns, *values])}\n"
        f"from (select *{keys} from raw_{use_case.entity.source} where {_within(nights)}) e\n" + "\n".join(joins)
    )


def _by_key(use_case: UseCase) -> dict[tuple[str, ...], list[str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, feature in use_case.features.items():
        if not isinstance(feature, ExpressionFeature):
            groups.setdefault(entity_columns(feature), []).append(name)
    return groups


def _pivot(names: Iterable[str], *, prior: bool = False) -> str:
    values = ", ".join(f"max(case when feature = {quoted(name)} then value end) as {identifier(name)}" for name in names)
    among = ", ".join(quoted(name) for name in names)
    if prior:
        return f"select night, {values} from aggregates where key = {quoted(ALL)} and feature in ({among}) group by night"
    return (
        f"select night, key, {values} from aggregates where key <> {quoted(ALL)} and feature in ({among}) group by night, key"
    )


def _feature_sql(name: str, use_case: UseCase, groups: list[tuple[str, ...]]) -> str:
    feature = use_case.features[name]
    if isinstance(feature, ExpressionFeature):
        source = use_case.sources[use_case.entity.source]
        return f"cast({compile_expression(feature.expression, source.types).sql('e')} as double) as {identifier(name)}"
    value = identifier(name, f"a{groups.index(entity_columns(feature))}")
    if isinstance(feature, RateFeature):
        value = f"coalesce({value}, {identifier(name, 'p')})"
    return f"{value} as {identifier(name)}"


# --- labels ------------------------------------------------------------------------------------------------------------


def labels_sql(use_case: UseCase, nights: Nights) -> str:
    """One row per entity whose outcome is known when it matures; the newest record of an outcome counts."""
    label, key = use_case.label, use_case.entity.key
    expression = compile_expression(label.expression, use_case.sources[label.source].types).sql("o")
    on = " and ".join(f"{identifier(theirs, 'o')} = {identifier(ours, 'e')}" for theirs, ours in label.join.items())
    # Nights after the scored one in which the outcome may arrive, up to its maturity.
    last = label.matures_after
    backs = ", ".join(f"({after})" for after in range(last - outcome_nights(use_case) + 1, last + 1))
    keys = ", ".join(identifier(name) for name in key)
    columns = ", ".join(f"{identifier(name, 'e')} as {identifier(name)}" for name in key)
    found = f"""
    select e.night + {last} as night, e.night as scored_night, {columns}, {expression} as label, o.known_at as known_at,
           o.night as arrived
    from raw_{use_case.entity.source} e
    cross join (select * from (values {backs}) as v(after)) d
    join raw_{label.source} o on o.night = e.night + d.after and {on}
    where {_within(nights, f"e.night + {last}")}"""
    newest = f"row_number() over (partition by night, {keys} order by arrived desc, known_at desc nulls last, label desc)"
    return (
        f"select night, scored_night, {keys}, label, known_at from (\n"
        f"  select *, {newest} as place from ({found}\n  ) where label is not null\n) where place = 1"
    )
