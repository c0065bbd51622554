"""SQL (DuckDB dialect) of the tables tiles, aggregates, features and labels, for a range of nights at once.

Each statement reads views named like its input tables (raw_outcomes, tiles, …) and yields the column ``night`` and the
columns of its table. Windows are equi-joins: a tile of night d is sent to the nights d, d + 1, … that look back at it,
so the cost follows the windows and not the length of history. Sums are of integers, so no order of adding can show.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nightloop.definitions.expression_sql import double, identifier, quoted
from nightloop.definitions.expressions import compile_expression
from nightloop.definitions.feature_tables import Tile, lookups, outcome_nights, peers, rates, tile_of, tiles
from nightloop.definitions.keys import ALL, key_sql
from nightloop.definitions.use_case import (
    ColumnType,
    ExpressionFeature,
    LookupFeature,
    PeersFeature,
    RateFeature,
    Source,
    UseCase,
)
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
    by_source: dict[str, list[Tile]] = {}
    for tile in tiles(use_case):
        by_source.setdefault(tile.source, []).append(tile)
    return _UNION.join(_tiles_of(use_case.sources[name], name, made, nights) for name, made in by_source.items())


def _tiles_of(source: Source, name: str, made: Sequence[Tile], nights: Nights) -> str:
    """Read the source once: each record is counted under every tile, by its key and under all."""
    conditions = list(dict.fromkeys(tile.of for tile in made))
    keys = {f"k{i}": key_sql(tile.by, source.types) for i, tile in enumerate(made)}
    hits = {f"h{i}": _hit(of, source) for i, of in enumerate(conditions)}
    counted = [
        (tile.name, f"r.h{conditions.index(tile.of)}", key) for i, tile in enumerate(made) for key in (f"r.k{i}", quoted(ALL))
    ]
    number = ", ".join(f"({i}, {quoted(tile)})" for i, (tile, _, _) in enumerate(counted))
    return f"""select night, tile, key, cast(count(*) as bigint) as n, cast(sum(hit) as bigint) as total from (
  select r.night, v.tile, {_pick(key for _, _, key in counted)} as key, {_pick(hit for _, hit, _ in counted)} as hit
  from (select night, {_named({**keys, **hits})} from raw_{name} where {_within(nights)}) r
  cross join (select * from (values {number}) as v(i, tile)) v
) where key is not null group by night, tile, key"""


def _hit(of: str, source: Source) -> str:
    return f"case when {compile_expression(of, source.types).sql()} then 1 else 0 end"


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} as {name}" for name, sql in columns.items())


def _pick(values: Iterable[str]) -> str:
    """Return SQL of the value that belongs to the number v.i."""
    return f"case v.i {' '.join(f'when {i} then {value}' for i, value in enumerate(values))} end"


# --- aggregates --------------------------------------------------------------------------------------------------------


def aggregates_sql(use_case: UseCase, nights: Nights) -> str:
    """One number per night, feature and key: windowed rates, peers, and values looked up."""
    parts = [_rates_sql(rates(use_case), nights)] if rates(use_case) else []
    if peers(use_case):
        parts.append(_peers_sql(peers(use_case), use_case.entity.source, use_case.sources[use_case.entity.source], nights))
    groups: dict[tuple[object, ...], dict[str, LookupFeature]] = {}
    for name, lookup in lookups(use_case).items():
        groups.setdefault((lookup.source, *lookup.by, lookup.latest_by), {})[name] = lookup
    parts += [_lookups_sql(group, use_case, nights) for group in groups.values()]
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


def _peers_sql(features: Mapping[str, PeersFeature], entity: str, source: Source, nights: Nights) -> str:
    keys = {f"k{i}": key_sql(feature.by, source.types) for i, feature in enumerate(features.values())}
    return f"""select night, feature, key, cast(count(*) as double) as value from (
  select r.night, v.feature, {_pick(f"r.{key}" for key in keys)} as key
  from (select night, {_named(keys)} from raw_{entity} where {_within(nights)}) r cross join {_features(features)}
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
  select r.night, v.feature, r.key, {_pick(f"r.{name}" for name in values)} as value
  from (
    select *, {place} as place from (
      select night, {_named(columns)} from raw_{first.source} where {_within(nights)}
    ) where key is not null
  ) r cross join {_features(features)}
  where r.place = 1
) where value is not null"""


def _features(names: Iterable[str]) -> str:
    numbered = ", ".join(f"({i}, {quoted(name)})" for i, name in enumerate(names))
    return f"(select * from (values {numbered}) as v(i, feature)) v"


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
