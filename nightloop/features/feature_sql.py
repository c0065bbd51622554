"""SQL (DuckDB dialect) of the tables tiles, aggregates, features and labels, for a range of nights at once.

Each statement reads views named like its input tables (raw_outcomes, tiles, …) and yields the column ``night`` and the
columns of its table. No statement looks outside the nights it is given, and the nights its inputs are restricted to.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from nightloop.definitions.features import CategoryFeature, CrossFeature, ExpressionFeature, Feature, RateFeature, WindowFeature
from nightloop.definitions.use_case import Source, UseCase
from nightloop.expressions import compile_expression
from nightloop.expressions.to_sql import double, identifier, quoted
from nightloop.features.aggregate_sql import aggregates_sql
from nightloop.features.keys import ALL, key_sql
from nightloop.features.label_sql import labels_sql
from nightloop.features.sql_fragments import named, within
from nightloop.features.tables import groupings, key_columns
from nightloop.features.tile_sql import tiles_sql
from nightloop.nights import Night, Nights

HEXADECIMAL = "0123456789abcdef"
CROSS_DIGITS = 8
ZERO_WHEN_UNSEEN = ("count", "distinct")  # of a key without a record; other functions have no value then


def build_sql(use_case: UseCase, table: str, nights: Nights, as_known_at: Night | None = None) -> str:
    """Return the statement that makes these nights of tiles, aggregates, features or labels.

    Args:
        use_case: whose tables.
        table: which.
        nights: to make.
        as_known_at: the night whose knowledge counts (aggregates and labels); None: each night's own.
    """
    match table:
        case "tiles":
            return tiles_sql(use_case, nights)
        case "aggregates":
            return aggregates_sql(use_case, nights, as_known_at)
        case "features":
            return features_sql(use_case, nights)
    return labels_sql(use_case, nights, as_known_at)


# --- features ----------------------------------------------------------------------------------------------------------


def features_sql(use_case: UseCase, nights: Nights) -> str:
    """One row per entity: its key, and each feature from its own columns or from the aggregates of the night.

    Inner names begin with ``_``, as no column can.
    """
    source = use_case.sources[use_case.entity.source]
    keyed_by = groupings(use_case)
    inner = {f"_o_{name}": sql for name, feature in use_case.features.items() if (sql := _inner_sql(feature, source))}
    keys = {
        f"_k{i}": key_sql(key_columns(use_case, next(iter(features.values()))), source.types)
        for i, features in enumerate(keyed_by.values())
    }
    key = [identifier(name) for name in use_case.entity.key]
    columns = named({**{name: name for name in key}, **inner, **keys})
    join_of = {name: i for i, features in enumerate(keyed_by.values()) for name in features}
    values = ", ".join(
        f"{feature_sql(name, feature, join_of.get(name))} as {identifier(name)}" for name, feature in use_case.features.items()
    )
    joins = "".join(
        f"\nleft join (select * from aggregates where {identifier('by')} = {quoted(grouping)}) a{i} "
        f"on a{i}.night = e.night and a{i}.key = e._k{i}"
        for i, grouping in enumerate(keyed_by)
    )
    if any(isinstance(feature, RateFeature) for feature in use_case.features.values()):
        joins += f"\nleft join (select * from aggregates where {identifier('by')} = {quoted(ALL)}) p on p.night = e.night"
    return (
        f"select e.night, {', '.join(f'e.{name}' for name in key)}, {values}\n"
        f"from (select night, {columns} from raw_{use_case.entity.source} where {within(nights)}) e{joins}"
    )


def _inner_sql(feature: Feature, source: Source) -> str | None:
    """Return SQL of what a feature is computed from in the entity's own row; None where it comes from the aggregates."""
    match feature:
        case ExpressionFeature() | CategoryFeature():
            return f"cast({compile_expression(feature.expression, source.types).sql()} as double)"
        case CrossFeature():
            return f"md5({key_sql(feature.columns, source.types)})"
    return None


def feature_sql(name: str, feature: Feature, join: int | None) -> str:
    """Return SQL of a feature's value: from the entity's row ``e``, its grouping's ``a0``, ``a1``, …, or the priors ``p``."""
    if isinstance(feature, CrossFeature):
        value = _bucket(f"e._o_{name}", feature.buckets)
    elif join is None:
        value = f"e._o_{name}"
    else:
        value = identifier(name, f"a{join}")
        if isinstance(feature, RateFeature):
            value = f"coalesce({value}, {identifier(name, 'p')})"
        elif isinstance(feature, WindowFeature) and feature.function in ZERO_WHEN_UNSEEN:
            value = f"case when e._k{join} is not null then coalesce({value}, {double(0.0)}) end"
    return value if feature.default is None else f"coalesce({value}, {double(feature.default)})"


def _bucket(md5: str, buckets: int) -> str:
    """Return the first digits of a hexadecimal text as a number, modulo ``buckets``."""
    digits = " + ".join(
        f"(strpos({quoted(HEXADECIMAL)}, substr({md5}, {at}, 1)) - 1) * cast({16 ** (CROSS_DIGITS - at)} as bigint)"
        for at in range(1, CROSS_DIGITS + 1)
    )
    return f"cast(({digits}) % {buckets} as double)"
