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
from nightloop.features.tiles import Family, Kind, Measure, families, measures
from nightloop.nights import Nights

Made = Mapping[Family, tuple[Measure, ...]]


def tiles_sql(use_case: UseCase, nights: Nights) -> str:
    """Return the statement that makes the tiles of these nights of arrival."""
    by_source: dict[str, dict[Family, tuple[Measure, ...]]] = {}
    for family, own in families(use_case).items():
        by_source.setdefault(family.source, {})[family] = own
    parts = []
    for name, made in by_source.items():
        source = use_case.sources[name]
        maker = _revised if source.revised_within else _arriving
        parts += maker(name, source, made, measures(use_case), nights)
    return UNION.join(parts)


def _arriving(name: str, source: Source, made: Made, columns: Sequence[Measure], nights: Nights) -> list[str]:
    """Group each record under the night it arrived; the records are read once for all families without distinct values."""
    plain = {family: own for family, own in made.items() if not family.distinct}
    parts = [_grouped(name, source, plain, columns, nights)] if plain else []
    for family in (family for family in made if family.distinct):
        inputs = _inputs(made[family], source)
        keys = {"k0": key_sql(family.by, source.types), "v0": key_sql([family.distinct], source.types)}
        chosen = _chosen(made[family], columns)
        parts.append(
            f"select night, {quoted(family.name)} as tile, night as event_night, k0 as key, v0 as value, {chosen}\n"
            f"from (select night, {named({**keys, **inputs})} from raw_{name} where {within(nights)})\n"
            f"where k0 is not null and v0 is not null group by night, k0, v0"
        )
    return parts


def _grouped(name: str, source: Source, made: Made, columns: Sequence[Measure], nights: Nights) -> str:
    own = sorted({measure for mine in made.values() for measure in mine})
    inputs = _inputs(own, source)
    keyed = [family for family in made if family.by]
    keys = {f"k{i}": key_sql(family.by, source.types) for i, family in enumerate(keyed)}
    sets = [f"(night, k{i})" for i in range(len(keyed))] + (["(night)"] if len(keyed) < len(made) else [])
    everything = quoted(Family(name, ()).name)
    tile = _of_set([quoted(family.name) for family in keyed], everything)
    key = _of_set([f"k{i}" for i in range(len(keyed))], quoted(ALL))
    rows = f"select night, {named({**keys, **inputs})} from raw_{name} where {within(nights)}"
    return (
        f"select * from (\nselect night, {tile} as tile, night as event_night, {key} as key, cast(null as varchar) as value, "
        f"{_chosen(own, columns)}\nfrom ({rows})\ngroup by grouping sets ({', '.join(sets)})\n) where key is not null"
    )


def _of_set(values: Sequence[str], otherwise: str) -> str:
    branches = " ".join(f"when grouping(k{i}) = 0 then {value}" for i, value in enumerate(values))
    return f"case {branches} else {otherwise} end" if branches else otherwise


def _revised(name: str, source: Source, made: Made, columns: Sequence[Measure], nights: Nights) -> list[str]:
    """Make whole every tile that the nights' records touch, from the newest version of each record known by then.

    A version is valid from the night it arrived until the next version of its key arrives. It touches the tile it enters and,
    when the next version comes, the tile it leaves.
    """
    own = sorted({measure for mine in made.values() for measure in mine})
    inputs = _inputs(own, source)
    keys = {f"k{i}": _key(family, source) for i, family in enumerate(made)}
    values = {f"v{i}": _value(family, source) for i, family in enumerate(made)}
    # How far back a version can matter: its event is at most so many nights before a revision of it.
    back = source.revised_within
    reach = f"night between {days_before(nights.first, back)} and {night_literal(nights.last)}"
    numbered = ", ".join(f"({i}, {quoted(family.name)})" for i, family in enumerate(made))
    shown = ", ".join(inputs)
    with_value = pick(str(not family.distinct).lower() for family in made)
    keyed = f"""
    select night, event_night, withdrawn, superseded, tile, {pick(keys)} as key, {pick(values)} as value, {shown}
    from (
      select night, event_night, withdrawn, {next_version(source.key)} as superseded, {named({**keys, **values, **inputs})}
      from raw_{name} where {reach}
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
        f"""select t.night, t.tile, t.event_night, t.key, t.value, {_chosen(own, columns, "r")}
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


def _inputs(made: Sequence[Measure], source: Source) -> dict[str, str]:
    """Return one column a measure, of each record's own share in it; a record without a share gives null."""
    return {f"i_{measure.column}": _share(measure, source.types) for measure in made}


def _share(measure: Measure, types: Mapping[str, ColumnType]) -> str:
    where = compile_expression(measure.where, types).sql() if measure.where else ""
    of = compile_expression(measure.of, types).sql() if measure.of else ""
    share = _SHARES[measure.kind](of, measure.scale)
    return f"case when {where} then {share} end" if where else share


def fixed_point(of: str, scale: int) -> str:
    """Return a number rounded half up to ``scale`` decimals, as a whole number of units; more than 16 digits are refused."""
    return f"cast(cast(floor({of} * {double(10.0**scale)} + {double(0.5)}) as decimal(16,0)) as bigint)"


_SHARES: Mapping[Kind, Callable[[str, int], str]] = {
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

WHOLE: Mapping[Kind, Callable[[str], str]] = {
    **dict.fromkeys(("records", "hits", "values", "total"), lambda share: f"sum({share})"),
    "squares": lambda share: f"sum(cast({share} as decimal(16,0)) * cast({share} as decimal(16,0)))",
    "low": lambda share: f"min({share})",
    **dict.fromkeys(("high", "at", "last_at"), lambda share: f"max({share})"),
    "last": lambda share: f"struct_extract(max({share}), 'number')",
}
COUNTS = ("records", "hits", "values")
NULLS = {"timestamp[us, tz=UTC]": "timestamptz", "double": "double", "int64": "bigint", "decimal128(38, 0)": "decimal(38,0)"}


def _chosen(own: Sequence[Measure], columns: Sequence[Measure], table: str = "") -> str:
    """Return the table's measures: the family's own, and nulls for those of other families."""
    prefix = f"{table}." if table else ""
    found = []
    for measure in columns:
        value = f"cast(null as {NULLS[str(measure.type)]})"
        if measure in own:
            value = WHOLE[measure.kind](f"{prefix}i_{measure.column}")
            if measure.kind in COUNTS:
                value = f"cast(coalesce({value}, 0) as bigint)"
            elif measure.kind == "total":
                value = f"cast({value} as bigint)"
            elif measure.kind == "squares":
                value = f"cast({value} as decimal(38,0))"
        found.append(f"{value} as {measure.column}")
    return ", ".join(found)
