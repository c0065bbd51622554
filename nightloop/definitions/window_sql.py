"""SQL (DuckDB dialect) of windows: tiles put together over the last N nights, and each feature's value from them.

Sums are of whole numbers, so no order of adding can show. A tile counts in the nights D - N < its event night <= D, in its
newest version known by D.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nightloop.definitions.expression_sql import double, quoted
from nightloop.definitions.features import RateFeature, RatioFeature, RecordFeature, WindowFeature
from nightloop.definitions.statement_parts import days_before, named, night_literal, within
from nightloop.definitions.tiles import Family, Measure, all_of, families, family_of, longest_window, measures_of
from nightloop.definitions.use_case import UseCase
from nightloop.nights import Night, Nights, cutoff

MICROSECONDS_AN_HOUR = 3_600_000_000.0


@dataclass(frozen=True, order=True)
class Total:
    """A measure over a window of so many nights."""

    measure: Measure
    nights: int

    @property
    def column(self) -> str:
        """Name within the statement."""
        return f"{self.measure.column}_{self.nights}"


def windows_sql(
    use_case: UseCase, family: Family, features: Mapping[str, RecordFeature], nights: Nights, known: Night | None
) -> str:
    """Return SQL with one row per night and key of the family, and one column per feature.

    Args:
        use_case: declares the source.
        family: whose tiles are put together.
        features: of this family, or (of all records together) the rates whose prior is asked for.
        nights: to compute.
        known: the night whose knowledge counts; None: each night's own.
    """
    totals = sorted({total for feature in features.values() for total in _totals(feature)})
    longest = max(longest_window(feature) for feature in features.values())
    live = _live(use_case, family, longest, nights, known)
    prior = family == all_of(family.source)
    values = {f'"{name}"': _value_sql(use_case, feature, nights, prior=prior) for name, feature in features.items()}
    held = named({total.column: _over(total, family) for total in totals})
    return f"select night, key, {named(values)} from (\n  select night, key, {held} from ({live}) t group by night, key\n) w"


def priors_sql(use_case: UseCase, source: str, rates: Mapping[str, RateFeature], nights: Nights, known: Night | None) -> str:
    """Return SQL with the overall rate of each window, one row a night."""
    return windows_sql(use_case, all_of(source), rates, nights, known)


def _live(use_case: UseCase, family: Family, longest: int, nights: Nights, known: Night | None) -> str:
    """Return the tiles that count, once a night they count in, with how many nights back their events are."""
    tiles = f"select * from tiles where tile = {quoted(family.name)}"
    until = ""
    if use_case.sources[family.source].revised_within:
        versions = "partition by key, event_night, value order by night"
        tiles = f"select *, lead(night) over ({versions}) as superseded, night as known_night from ({tiles})"
        until = "and known_night <= {now} and (superseded is null or superseded > {now})"
    else:
        tiles = f"select *, night as known_night from ({tiles})"
    columns = ", ".join(["key", "value", *(measure.column for measure in families(use_case)[family])])
    if len(nights) == 1:
        night = night_literal(nights.first)
        now = until.format(now=night_literal(known) if known else night)
        back = f"date_diff('day', event_night, {night})"
        return (
            f"select {columns}, {night} as night, {back} as back from ({tiles}) "
            f"where event_night > {days_before(nights.first, longest)} and event_night <= {night} {now}"
        )
    # Each tile is sent to the nights that look back at it: the cost follows the windows, not the length of history.
    night = "(event_night + o.back)"
    now = until.format(now=night_literal(known) if known else night)
    offsets = ", ".join(f"({back})" for back in range(longest))
    return (
        f"select {columns}, {night} as night, o.back from ({tiles}) t "
        f"cross join (select * from (values {offsets}) as v(back)) o "
        f"where {within(nights, night)} {now}"
    )


def _totals(feature: RecordFeature) -> list[Total]:
    spans = [feature.nights, feature.to_nights] if isinstance(feature, RatioFeature) else [longest_window(feature)]
    return [Total(measure, nights) for nights in spans for measure in measures_of(feature)]


def _over(total: Total, family: Family) -> str:
    """Put a measure together over the tiles of its window."""
    column = total.measure.column
    inside = f"back < {total.nights}"
    if family.distinct:
        return f"count(distinct case when {inside} and {column} > 0 then value end)"
    held = f"case when {inside} then {column} end"
    match total.measure.kind:
        case "records" | "hits" | "values":
            # A tile counts fewer than 2**31 records; sums of 32-bit numbers are quicker than those of 64 bits.
            held = f"case when {inside} then cast({column} as integer) end"
            return f"cast(coalesce(sum({held}), 0) as bigint)"
        case "low":
            return f"min({held})"
        case "last":
            at = Measure("last_at", total.measure.of, total.measure.where).column
            newest = f"case when {inside} and {at} is not null then struct_pack(at := {at}, number := {column}) end"
            return f"struct_extract(max({newest}), 'number')"
        case "high" | "at" | "last_at":
            return f"max({held})"
    return f"cast(sum({held}) as {'bigint' if total.measure.kind == 'total' else 'decimal(38,0)'})"


# --- a feature's value from its totals -----------------------------------------------------------------------------------


def _value_sql(use_case: UseCase, feature: RecordFeature, nights: Nights, *, prior: bool) -> str:
    if isinstance(feature, RateFeature):
        return _rate(feature, prior=prior)
    if isinstance(feature, RatioFeature):
        short, long = (_AGGREGATES[feature.function](feature, span) for span in (feature.nights, feature.to_nights))
        return f"({short}) / nullif({long}, {double(0.0)})"
    if feature.function == "time_since":
        return _time_since(use_case, feature, nights)
    return _AGGREGATES[feature.function](feature, feature.nights)


def _rate(feature: RateFeature, *, prior: bool) -> str:
    """Of all records: the rate. Of a key: (hits, records) to be smoothed where the prior is at hand."""
    records, hits = (f"cast({Total(measure, feature.nights).column} as double)" for measure in measures_of(feature))
    if prior:
        return f"{hits} / nullif({records}, {double(0.0)})"
    return f"case when {records} > {double(0.0)} then struct_pack(records := {records}, hits := {hits}) end"


def smoothed(feature: RateFeature, found: str, overall: str) -> str:
    """Return SQL of the smoothed rate from a key's (records, hits) and the overall rate; null where the key has no record."""
    smoothing = double(feature.smoothing)
    hits, records = f"struct_extract({found}, 'hits')", f"struct_extract({found}, 'records')"
    return f"({hits} + {smoothing} * {overall}) / ({records} + {smoothing})"


def _totals_of(feature: RecordFeature, nights: int) -> list[str]:
    return [Total(measure, nights).column for measure in measures_of(feature)]


def _scale_of(feature: RecordFeature) -> str:
    scale = feature.scale if isinstance(feature, WindowFeature | RatioFeature) else 0
    return double(10.0**scale)


def _count(feature: RecordFeature, nights: int) -> str:
    return f"cast({_totals_of(feature, nights)[0]} as double)"


def _sum(feature: RecordFeature, nights: int) -> str:
    _, total = _totals_of(feature, nights)
    return f"cast({total} as double) / {_scale_of(feature)}"


def _mean(feature: RecordFeature, nights: int) -> str:
    values, total = _totals_of(feature, nights)
    return f"cast({total} as double) / {_scale_of(feature)} / nullif(cast({values} as double), {double(0.0)})"


def _std(feature: RecordFeature, nights: int) -> str:
    """From n * sum of squares - square of the sum: exact in whole numbers, rounded once when it becomes a double."""
    values, total, squares = _totals_of(feature, nights)
    exact = (
        f"cast({values} as decimal(10,0)) * cast({squares} as decimal(28,0)) "
        f"- cast({total} as decimal(19,0)) * cast({total} as decimal(19,0))"
    )
    pairs = f"(cast({values} as double) * cast({values} - 1 as double))"
    return f"case when {values} > 1 then sqrt(cast(cast({exact} as varchar) as double) / {pairs}) / {_scale_of(feature)} end"


def _alone(feature: RecordFeature, nights: int) -> str:
    return f"cast({_totals_of(feature, nights)[-1]} as double)"


def _time_since(use_case: UseCase, feature: RecordFeature, nights: Nights) -> str:
    at = _totals_of(feature, longest_window(feature))[0]
    ends = [(night, f"cast('{cutoff(night, use_case.time_zone).isoformat()}' as timestamptz)") for night in nights]
    if len(ends) == 1:
        end = ends[0][1]
    else:
        end = f"case night {' '.join(f'when {night_literal(night)} then {moment}' for night, moment in ends)} end"
    return f"cast(date_diff('microsecond', {at}, {end}) as double) / {double(MICROSECONDS_AN_HOUR)}"


_AGGREGATES: Mapping[str, Callable[[RecordFeature, int], str]] = {
    "count": _count,
    "distinct": _count,
    "sum": _sum,
    "mean": _mean,
    "std": _std,
    "min": _alone,
    "max": _alone,
    "last": _alone,
}


def by_family(features: Mapping[str, RecordFeature]) -> dict[Family, dict[str, RecordFeature]]:
    """Return the features of each family, families sorted."""
    found: dict[Family, dict[str, RecordFeature]] = {}
    for name, feature in features.items():
        found.setdefault(family_of(feature), {})[name] = feature
    return {family: found[family] for family in sorted(found)}
