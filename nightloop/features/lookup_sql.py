"""SQL (DuckDB dialect) of values looked up by a key: another source's newest record, or the entity's own row of nights ago.

Names that stand beside a source's columns begin with ``_``, as no column can.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Mapping

from nightloop.definitions.features import LagFeature, LookupFeature
from nightloop.definitions.use_case import Source, UseCase
from nightloop.expressions import compile_expression
from nightloop.expressions.to_sql import identifier
from nightloop.expressions.types import ColumnType
from nightloop.features.keys import key_sql
from nightloop.features.sql_fragments import days_before, named, night_literal, within
from nightloop.nights import Night, Nights


def lookups_sql(use_case: UseCase, features: Mapping[str, LookupFeature], nights: Nights, as_known_at: Night | None) -> str:
    """Features that look at the same record of a source: pick the record once a night and key, and give each its value."""
    first = next(iter(features.values()))
    source = use_case.sources[first.source]
    types: dict[str, ColumnType] = {**source.types, "night": "date"}
    values = {
        f"v{i}": f"cast({compile_expression(feature.expression, types).sql()} as double)"
        for i, feature in enumerate(features.values())
    }
    latest = {"latest": identifier(first.latest_by)} if first.latest_by else {}
    arrived = {"arrived": "_arrived"} if first.within > 1 or source.revised_within else {}
    # Records of one key at the same time are told apart by their values, so that the order of reading cannot show.
    order = ", ".join(f"{name} desc nulls last" for name in {**latest, **arrived, **values})
    columns = {"key": key_sql(list(first.by), source.types), **values, **latest, **arrived}
    chosen = ", ".join(f"v{i} as {identifier(name)}" for i, name in enumerate(features))
    return f"""select night, key, {chosen} from (
  select *, row_number() over (partition by night, key order by {order}) as place from (
    select night, {named(columns)} from ({_records(first, source, nights, as_known_at)})
  ) where key is not null
) where place = 1"""


def _records(feature: LookupFeature, source: Source, nights: Nights, as_known_at: Night | None) -> str:
    """Return the records that each night may look at: those that arrived within reach, of revised ones the newest version."""
    table = f"raw_{feature.source}"
    if feature.within == 1 and not source.revised_within:
        return f"select * from {table} where {within(nights)}"
    last = as_known_at or nights.last
    columns = ", ".join(identifier(name) for name in source.types)
    event = "event_night" if source.revised_within else "night"
    span = f"night between {days_before(nights.first, feature.within - 1)} and {night_literal(last)}"
    nightly = ", ".join(f"({night_literal(night)})" for night in nights)
    now = night_literal(as_known_at) if as_known_at else "d.night"
    stamps = "r.known_at, r.event_at, r.withdrawn, " if source.revised_within else ""
    in_reach = f"""select d.night, r.night as _arrived, {stamps}{", ".join(identifier(name, "r") for name in source.types)}
      from {table} r cross join (select * from (values {nightly}) as v(night)) d
      where r.{span} and r.night <= {now} and r.{event} <= d.night and r.{event} > d.night - {feature.within}"""
    if not source.revised_within:
        return in_reach
    record = ", ".join(identifier(column) for column in source.key)
    newest = f"row_number() over (partition by night, {record} order by _arrived desc, known_at desc, event_at desc, withdrawn)"
    versions = f"select *, {newest} as _version from ({in_reach})"
    return f"select night, _arrived, {columns} from ({versions}) where _version = 1 and not withdrawn"


def lags_sql(use_case: UseCase, features: Mapping[str, LagFeature], nights: Nights, nights_ago: int) -> str:
    """Give each entity the values that its own row had some nights before."""
    name = use_case.entity.source
    types = use_case.sources[name].types
    values = ", ".join(
        f"max(cast({compile_expression(feature.expression, types).sql()} as double)) as {identifier(feature_name)}"
        for feature_name, feature in features.items()
    )
    key = key_sql(use_case.entity.key, types)
    later = f"night + {nights_ago}"
    rows = f"select *, {later} as _lagged, {key} as _key from raw_{name} where {within(nights, later)}"
    return f"select _lagged as night, _key as key, {values} from ({rows}) where _key is not null group by _lagged, _key"
