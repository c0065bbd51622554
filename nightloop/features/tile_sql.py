"""SQL (DuckDB dialect) of the table tiles: the partial aggregates that a night's records make or change.

Where each record comes once, a night makes the tiles of its own records. Where records are revised, it makes anew, whole, every
tile that a late, corrected or withdrawn record touches; readers take the newest version known to them.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nightloop.definitions.use_case import Source, UseCase
from nightloop.expressions import compile_expression
from nightloop.expressions.to_sql import double, quoted
from nightloop.expressions.types import ColumnType
from nightloop.features.keys import ALL, key_sql
from nightloop.features.sql_fragments import UNION, days_before, named, next_version, night_literal, pick, within
from nightloop.features.tiles import Family, Kind, Measure, all_of, families_of, measures
from nightloop.nights import Nights

FamilyMeasures = Mapping[Family, tuple[Measure, ...]]


def tiles_sql(use_case: UseCase, nights: Nights) -> str:
    """Return the statement that makes the tiles of these nights of arrival."""
    by_source: dict[str, dict[Family, tuple[Measure, ...]]] = {}
    for family, family_measures in families_of(use_case).items():
        by_source.setdefault(family.source, {})[family] = family_measures
    queries = []
    for name, families in by_source.items():
        source = use_case.sources[name]
        tiles_of_source = _revised if source.revised_within else _arriving
        queries += tiles_of_source(name, source, families, measures(use_case), nights)
    return UNION.join(queries)


def _arriving(name: str, source: Source, families: FamilyMeasures, columns: Sequence[Measure], nights: Nights) -> list[str]:
    """Group each record under the night it arrived; the records are read once for all families without distinct values."""
    plain = {family: family_measures for family, family_measures in families.items() if not family.distinct}
    queries = [_grouped(name, source, plain, columns, nights)] if plain else []
    for family in (family for family in families if family.distinct):
        shares = _shares(families[family], source)
        keys = {"k0": key_sql(family.by, source.types), "v0": key_sql([family.distinct], source.types)}
        aggregated = _aggregated(families[family], columns)
        queries.append(
            f"select night, {quoted(family.name)} as tile, night as event_night, k0 as key, v0 as value, {aggregated}\n"
            f"from (select night, {named({**keys, **shares})} from raw_{name} where {within(nights)})\n"
            f"where k0 is not null and v0 is not null group by night, k0, v0"
        )
    return queries


def _grouped(name: str, source: Source, families: FamilyMeasures, columns: Sequence[Measure], nights: Nights) -> str:
    all_measures = sorted({measure for family_measures in families.values() for measure in family_measures})
    shares = _shares(all_measures, source)
    keyed = [family for family in families if family.by]
    keys = {f"k{i}": key_sql(family.by, source.types) for i, family in enumerate(keyed)}
    sets = [f"(night, k{i})" for i in range(len(keyed))] + (["(night)"] if len(keyed) < len(families) else [])
    all_records = quoted(all_of(name).name)
    tile = _by_grouping_set([quoted(family.name) for family in keyed], all_records)
    key = _by_grouping_set([f"k{i}" for i in range(len(keyed))], quoted(ALL))
    rows = f"select night, {named({**keys, **shares})} from raw_{name} where {within(nights)}"
    return (
        f"select * from (\nselect night, {tile} as tile, night as event_night, {key} as key, cast(null as varchar) as value, "
        f"{_aggregated(all_measures, columns)}\nfrom ({rows})\n"
        f"group by grouping sets ({', '.join(sets)})\n) where key is not null"
    )


def _by_grouping_set(values: Sequence[str], otherwise: str) -> str:
    """Return SQL of the value that belongs to the grouping set of a row; ``otherwise`` in the set of all records."""
    branches = " ".join(f"when grouping(k{i}) = 0 then {value}" for i, value in enumerate(values))
    return f"case {branches} else {otherwise} end" if branches else otherwise


def _revised(name: str, source: Source, families: FamilyMeasures, columns: Sequence[Measure], nights: Nights) -> list[str]:
    """Make whole every tile that the nights' records touch, from the newest version of each record known by then.

    A version is valid from the night it arrived until the next version of its key arrives. It touches the tile it enters and,
    when the next version comes, the tile it leaves.
    """
    all_measures = sorted({measure for family_measures in families.values() for measure in family_measures})
    shares = _shares(all_measures, source)
    keys = {f"k{i}": _key(family, source) for i, family in enumerate(families)}
    values = {f"v{i}": _value(family, source) for i, family in enumerate(families)}
    # How far back a version can matter: its event is at most so many nights before a revision of it.
    back = source.revised_within
    in_reach = f"night between {days_before(nights.first, back)} and {night_literal(nights.last)}"
    numbered = ", ".join(f"({i}, {quoted(family.name)})" for i, family in enumerate(families))
    share_columns = ", ".join(shares)
    with_value = pick(str(not family.distinct).lower() for family in families)
    keyed = f"""
    select night, event_night, withdrawn, superseded, tile, {pick(keys)} as key, {pick(values)} as value, {share_columns}
    from (
      select night, event_night, withdrawn, {next_version(source.key)} as superseded, {named({**keys, **values, **shares})}
      from raw_{name} where {in_reach}
    ) cross join (select * from (values {numbered}) as v(i, tile)) v
    where {pick(keys)} is not null and ({with_value} or {pick(values)} is not null)
  """
    touched = f"""
  select distinct night, tile, event_night, key, value from (
    select night, tile, event_night, key, value from ({keyed})
    union all
    select superseded as night, tile, event_night, key, value from ({keyed}) where superseded is not null
  ) where {within(nights)} and event_night >= night - {back}"""
    return [
        f"""select t.night, t.tile, t.event_night, t.key, t.value, {_aggregated(all_measures, columns, "r")}
from ({touched}
) t
left join ({keyed}) r on r.tile = t.tile and r.event_night = t.event_night and r.key = t.key
  and coalesce(r.value, '') = coalesce(t.value, '') and not r.withdrawn
  and r.night <= t.night and (r.superseded is null or r.superseded > t.night)
group by t.night, t.tile, t.event_night, t.key, t.value"""
    ]


def _key(family: Family, source: Source) -> str:
    return key_sql(family.by, source.types) if family.by else quoted(ALL)


def _value(family: Family, source: Source) -> str:
    return key_sql([family.distinct], source.types) if family.distinct else "cast(null as varchar)"


# --- measures ----------------------------------------------------------------------------------------------------------


def _shares(measures: Sequence[Measure], source: Source) -> dict[str, str]:
    """Return one column a measure, of each record's share in it; a record without a share gives null."""
    return {f"i_{measure.column}": _share(measure, source.types) for measure in measures}


def _share(measure: Measure, types: Mapping[str, ColumnType]) -> str:
    where = compile_expression(measure.where, types).sql() if measure.where else ""
    of = compile_expression(measure.of, types).sql() if measure.of else ""
    share = _SHARE_OF[measure.kind](of, measure.scale)
    return f"case when {where} then {share} end" if where else share


def fixed_point(of: str, scale: int) -> str:
    """Return a number rounded half up to ``scale`` decimals, as a whole number of units; more than 16 digits are refused."""
    return f"cast(cast(floor({of} * {double(10.0**scale)} + {double(0.5)}) as decimal(16,0)) as bigint)"


_SHARE_OF: Mapping[Kind, Callable[[str, int], str]] = {
    "records": lambda _of, _scale: "1",
    "hits": lambda of, _scale: f"case when {of} then 1 else 0 end",
    "values": lambda of, _scale: f"case when {of} is not null then 1 end",
    "total": fixed_point,
    "squares": fixed_point,
    "low": lambda of, _scale: f"{of} + {double(0.0)}",  # -0.0 and 0.0 are one value
    "high": lambda of, _scale: f"{of} + {double(0.0)}",
    "at": lambda _of, _scale: "event_at",
    "last_at": lambda of, _scale: f"case when {of} is not null then event_at end",
    "last": lambda of, _scale: (
        f"case when {of} is not null then struct_pack(at := event_at, number := {of} + {double(0.0)}) end"
    ),
}

AGGREGATE_OF: Mapping[Kind, Callable[[str], str]] = {
    **dict.fromkeys(("records", "hits", "values", "total"), lambda share: f"sum({share})"),
    # Of 19 digits, not of 16: DuckDB makes a product of factors that 64 bits hold one that 64 bits must hold.
    "squares": lambda share: f"sum(cast({share} as decimal(19,0)) * cast({share} as decimal(19,0)))",
    "low": lambda share: f"min({share})",
    **dict.fromkeys(("high", "at", "last_at"), lambda share: f"max({share})"),
    "last": lambda share: f"struct_extract(max({share}), 'number')",
}
COUNTS = ("records", "hits", "values")
SQL_TYPES = {
    "timestamp[us, tz=UTC]": "timestamptz",
    "double": "double",
    "int64": "bigint",
    "decimal128(38, 0)": "decimal(38,0)",
}


def _aggregated(present: Sequence[Measure], columns: Sequence[Measure], table: str = "") -> str:
    """Return the table's measures: those present aggregated, and nulls for those of other families."""
    prefix = f"{table}." if table else ""
    chosen = []
    for measure in columns:
        value = f"cast(null as {SQL_TYPES[str(measure.type)]})"
        if measure in present:
            value = AGGREGATE_OF[measure.kind](f"{prefix}i_{measure.column}")
            if measure.kind in COUNTS:
                value = f"cast(coalesce({value}, 0) as bigint)"
            elif measure.kind == "total":
                value = f"cast({value} as bigint)"
            elif measure.kind == "squares":
                value = f"cast({value} as decimal(38,0))"
        chosen.append(f"{value} as {measure.column}")
    return ", ".join(chosen)
