"""SQL (DuckDB dialect) of the tables tiles, aggregates, features and labels, for a range of nights at once.

Each statement reads views named like its input tables (raw_outcomes, tiles, …) and yields the column ``night`` and the
columns of its table. No statement looks outside the nights it is given, and the nights its inputs are restricted to.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightloop.definitions.aggregate_sql import aggregates_sql
from nightloop.definitions.expression_sql import identifier, quoted
from nightloop.definitions.expressions import compile_expression
from nightloop.definitions.feature_tables import Tile, outcome_nights, tiles
from nightloop.definitions.features import ExpressionFeature, Feature, LookupFeature, PeersFeature, RateFeature
from nightloop.definitions.keys import ALL, key_sql
from nightloop.definitions.statement_parts import UNION, named, pick, within
from nightloop.definitions.use_case import Source, UseCase
from nightloop.nights import Nights


def build_sql(use_case: UseCase, table: str, nights: Nights) -> str:
    """Return the statement that makes these nights of tiles, aggregates, features or labels."""
    makers = {"tiles": tiles_sql, "aggregates": aggregates_sql, "features": features_sql, "labels": labels_sql}
    return makers[table](use_case, nights)


# --- tiles -------------------------------------------------------------------------------------------------------------


def tiles_sql(use_case: UseCase, nights: Nights) -> str:
    """Count records (n) and those that satisfy the condition (total), by night and key, and over all keys (key '')."""
    by_source: dict[str, list[Tile]] = {}
    for tile in tiles(use_case):
        by_source.setdefault(tile.source, []).append(tile)
    return UNION.join(_tiles_of(use_case.sources[name], name, made, nights) for name, made in by_source.items())


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
  select r.night, v.tile, {pick(key for _, _, key in counted)} as key, {pick(hit for _, hit, _ in counted)} as hit
  from (select night, {named({**keys, **hits})} from raw_{name} where {within(nights)}) r
  cross join (select * from (values {number}) as v(i, tile)) v
) where key is not null group by night, tile, key"""


def _hit(of: str, source: Source) -> str:
    return f"case when {compile_expression(of, source.types).sql()} then 1 else 0 end"


# --- features ----------------------------------------------------------------------------------------------------------


def entity_columns(feature: PeersFeature | RateFeature | LookupFeature) -> tuple[str, ...]:
    """Return the entity's columns whose key text finds the feature's aggregate."""
    return tuple(feature.by.values()) if isinstance(feature, LookupFeature) else tuple(feature.by)


def features_sql(use_case: UseCase, nights: Nights) -> str:
    """One row per entity: its key, and each feature from its own columns or from the aggregates of the night.

    An entity row is repeated once per way to a key (its carrier, its route, …) and once for the prior; one join then finds
    all aggregates, and one grouping by the entity brings them together. Inner names begin with ``_``, as no column can.
    """
    source = use_case.sources[use_case.entity.source]
    groups = _by_key(use_case)
    own = {
        name: _own_sql(feature, source) for name, feature in use_case.features.items() if isinstance(feature, ExpressionFeature)
    }
    keys = {f"_k{i}": key_sql(columns, source.types) for i, columns in enumerate(groups)}
    way = " ".join(["when -1 then null", *(f"when {i} then r._k{i}" for i in range(len(groups)))])
    ways = ", ".join(f"({i})" for i in range(len(groups) + 1))
    key = ", ".join(identifier(name, "e") for name in use_case.entity.key)
    values = [_feature_sql(name, feature, len(groups)) for name, feature in use_case.features.items()]
    columns = named(
        {**{identifier(n): identifier(n) for n in use_case.entity.key}, **{identifier(n): v for n, v in own.items()}}
    )
    return f"""select e.night, {key}, {", ".join(values)}
from (
  select r.*, v._i, case v._i {way} else {quoted(ALL)} end as _key
  from (select night, {", ".join([columns, *([named(keys)] if keys else [])])} from raw_{use_case.entity.source}
        where {within(nights)}) r
  cross join (select * from (values {ways}) as v(_i)) v
) e
left join ({_pivot(groups, nights)}) a on a.night = e.night and a._i = e._i and a._key = e._key
group by e.night, {key}"""


def _by_key(use_case: UseCase) -> dict[tuple[str, ...], list[str]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, feature in use_case.features.items():
        if not isinstance(feature, ExpressionFeature):
            groups.setdefault(entity_columns(feature), []).append(name)
    return groups


def _pivot(groups: Mapping[tuple[str, ...], list[str]], nights: Nights) -> str:
    """One row per night, way (a number per group; the next one for the prior) and key, with a column per feature."""
    names = [name for group in groups.values() for name in group]
    values = "".join(f", max(case when feature = {quoted(name)} then value end) as {identifier(name)}" for name in names)
    ways = " ".join(
        f"when feature in ({', '.join(quoted(name) for name in group)}) then {i}" for i, group in enumerate(groups.values())
    )
    way = f"case when key = {quoted(ALL)} then {len(groups)} {ways} end"
    return f"""
  select night, _i, key as _key{values}
  from (select night, {way} as _i, key, feature, value from aggregates where {within(nights)})
  group by night, _i, key"""


def _own_sql(feature: ExpressionFeature, source: Source) -> str:
    return f"cast({compile_expression(feature.expression, source.types).sql()} as double)"


def _feature_sql(name: str, feature: Feature, prior: int) -> str:
    if isinstance(feature, ExpressionFeature):
        return f"max({identifier(name, 'e')}) as {identifier(name)}"
    value = identifier(name, "a")
    if not isinstance(feature, RateFeature):
        return f"max({value}) as {identifier(name)}"
    found, absent = (f"max(case when e._i {sign} {prior} then {value} end)" for sign in ("<>", "="))
    return f"coalesce({found}, {absent}) as {identifier(name)}"


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
           o.night as _arrived
    from raw_{use_case.entity.source} e
    cross join (select * from (values {backs}) as v(after)) d
    join raw_{label.source} o on o.night = e.night + d.after and {on}
    where {within(nights, f"e.night + {last}")}"""
    newest = f"row_number() over (partition by night, {keys} order by _arrived desc, known_at desc nulls last, label desc)"
    return (
        f"select night, scored_night, {keys}, label, known_at from (\n"
        f"  select *, {newest} as _place from ({found}\n  ) where label is not null\n) where _place = 1"
    )
