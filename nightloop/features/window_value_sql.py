"""SQL (DuckDB dialect) of a feature's value over windows of tiles: measures totalled, and the value from the totals.

Totals are of whole numbers, extremes and newest values, so no order of adding can show; a double comes only at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nightloop.definitions.features import RateFeature, RatioFeature, RecordFeature, WindowFeature
from nightloop.expressions.to_sql import double
from nightloop.features.sql_fragments import night_literal
from nightloop.features.tiles import Measure, longest_window, measures_of
from nightloop.nights import Nights, cutoff

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


def totals_of(feature: RecordFeature) -> list[Total]:
    """Return the totals that a feature is computed from."""
    spans = [feature.nights, feature.to_nights] if isinstance(feature, RatioFeature) else [longest_window(feature)]
    return [Total(measure, nights) for nights in spans for measure in measures_of(feature)]


def total_sql(total: Total, longest: int, *, distinct: bool) -> str:
    """Return SQL of a measure over the tiles of its window, among those of the longest one."""
    column = total.measure.column
    inside = f"back < {total.nights}" if total.nights < longest else "true"
    if distinct:
        return f"count(distinct case when {inside} and {column} > 0 then value end)"
    in_window = f"case when {inside} then {column} end"
    match total.measure.kind:
        case "records" | "hits" | "values":
            # A tile counts fewer than 2**31 records; sums of 32-bit numbers are quicker than those of 64 bits.
            narrow = f"case when {inside} then cast({column} as integer) end"
            return f"cast(coalesce(sum({narrow}), 0) as bigint)"
        case "low":
            return f"min({in_window})"
        case "last":
            at = Measure("last_at", total.measure.of, total.measure.where).column
            newest = f"case when {inside} and {at} is not null then struct_pack(at := {at}, number := {column}) end"
            return f"struct_extract(max({newest}), 'number')"
        case "high" | "at" | "last_at":
            return f"max({in_window})"
    return f"cast(sum({in_window}) as {'bigint' if total.measure.kind == 'total' else 'decimal(38,0)'})"


# --- a feature's value from its totals -----------------------------------------------------------------------------------


def value_sql(feature: RecordFeature, nights: Nights, time_zone: str, *, prior: str) -> str:
    """Return SQL of a feature's value from its totals.

    Args:
        feature: what to compute.
        nights: that the statement makes.
        time_zone: of the use case; a night's cut-off is the end of its day there.
        prior: SQL of the overall rate.
    """
    if isinstance(feature, RateFeature):
        return _smoothed(feature, prior=prior)
    if isinstance(feature, RatioFeature):
        short, long = (_AGGREGATES[feature.function](feature, span) for span in (feature.nights, feature.to_nights))
        return f"({short}) / nullif({long}, {double(0.0)})"
    if feature.function == "time_since":
        return _time_since(feature, nights, time_zone)
    return _AGGREGATES[feature.function](feature, feature.nights)


def overall_rate_sql(feature: RateFeature) -> str:
    """Return SQL of the rate of all records, not smoothed: the prior of the rates by key."""
    records, hits = (f"cast({Total(measure, feature.nights).column} as double)" for measure in measures_of(feature))
    return f"{hits} / nullif({records}, {double(0.0)})"


def _smoothed(feature: RateFeature, *, prior: str) -> str:
    """Return SQL of the smoothed rate; null where the key has no record, for then the prior itself is meant."""
    records, hits = (f"cast({Total(measure, feature.nights).column} as double)" for measure in measures_of(feature))
    smoothing = double(feature.smoothing)
    value = f"({hits} + {smoothing} * {prior}) / ({records} + {smoothing})"
    return f"case when {records} > {double(0.0)} then {value} end"


def _columns_of(feature: RecordFeature, nights: int) -> list[str]:
    """Return the names of a feature's totals over so many nights, in the order of its measures."""
    return [Total(measure, nights).column for measure in measures_of(feature)]


def _scale_of(feature: RecordFeature) -> str:
    scale = feature.scale if isinstance(feature, WindowFeature | RatioFeature) else 0
    return double(10.0**scale)


def _count(feature: RecordFeature, nights: int) -> str:
    return f"cast({_columns_of(feature, nights)[0]} as double)"


def _sum(feature: RecordFeature, nights: int) -> str:
    _, total = _columns_of(feature, nights)
    return f"cast({total} as double) / {_scale_of(feature)}"


def _mean(feature: RecordFeature, nights: int) -> str:
    values, total = _columns_of(feature, nights)
    return f"cast({total} as double) / {_scale_of(feature)} / nullif(cast({values} as double), {double(0.0)})"


def _std(feature: RecordFeature, nights: int) -> str:
    """From n * sum of squares - square of the sum: exact in whole numbers, rounded once when it becomes a double."""
    values, total, squares = _columns_of(feature, nights)
    exact = (
        f"cast({values} as decimal(10,0)) * cast({squares} as decimal(28,0)) "
        f"- cast({total} as decimal(19,0)) * cast({total} as decimal(19,0))"
    )
    pairs = f"(cast({values} as double) * cast({values} - 1 as double))"
    return f"case when {values} > 1 then sqrt(cast(cast({exact} as varchar) as double) / {pairs}) / {_scale_of(feature)} end"


def _single(feature: RecordFeature, nights: int) -> str:
    return f"cast({_columns_of(feature, nights)[-1]} as double)"


def _time_since(feature: RecordFeature, nights: Nights, time_zone: str) -> str:
    at = _columns_of(feature, longest_window(feature))[0]
    ends = [(night, f"cast('{cutoff(night, time_zone).isoformat()}' as timestamptz)") for night in nights]
    if len(ends) == 1:
        end = ends[0][1]
    else:
        end = f"case w.night {' '.join(f'when {night_literal(night)} then {moment}' for night, moment in ends)} end"
    return f"cast(date_diff('microsecond', {at}, {end}) as double) / {double(MICROSECONDS_AN_HOUR)}"


_AGGREGATES: Mapping[str, Callable[[RecordFeature, int], str]] = {
    "count": _count,
    "distinct": _count,
    "sum": _sum,
    "mean": _mean,
    "std": _std,
    "min": _single,
    "max": _single,
    "last": _single,
}
