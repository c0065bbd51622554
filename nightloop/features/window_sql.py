"""SQL (DuckDB dialect) of windows: tiles put together over the last N nights, and each feature's value from them.

Sums are of whole numbers, so no order of adding can show. A tile counts in the nights D - N < its event night <= D, in its
newest version known by D.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightloop.definitions.features import RateFeature, RatioFeature, RecordFeature, WindowFeature
from nightloop.definitions.use_case import UseCase
from nightloop.expressions.to_sql import double, identifier, quoted
from nightloop.features.keys import ALL
from nightloop.features.sql_fragments import days_before, named, night_literal, within
from nightloop.features.tiles import Family, Measure, all_of, family_of, longest_window, measures_of
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


@dataclass(frozen=True)
class Windows:
    """The windows over one source's tiles: those of all families without distinct values at once, or those of one with.

    One pass over the tiles serves all ways to a key: what a small night costs is the number of steps, not of rows.
    """

    use_case: UseCase
    source: str
    features: Mapping[str, RecordFeature]
    nights: Nights
    known: Night | None

    @property
    def ways(self) -> list[str]:
        """The ways to a key that the rows are of."""
        found = ["+".join(family.by) for family in by_family(self.features)]
        return [*found, ALL] if self._rates else found

    @property
    def _rates(self) -> dict[str, RateFeature]:
        return {name: feature for name, feature in self.features.items() if isinstance(feature, RateFeature)}

    def sql(self) -> str:
        """Return SQL with one row per night, way and key, and one column per feature."""
        families_ = by_family(self.features)
        tiles = [family.name for family in families_]
        everything = all_of(self.source).name
        way = " ".join(f"when {quoted(family.name)} then {quoted('+'.join(family.by))}" for family in families_)
        distinct = next(iter(families_)).distinct != ""
        held = self._held([*tiles, *([everything] if self._rates else [])], self.features, distinct=distinct)
        values = named({identifier(name): self._value(name, feature, everything) for name, feature in self.features.items()})
        # A rate may have no record in its window where a longer window of the source has some: those rows stay.
        join = f" left join ({self._priors(everything)}) p on p.night = w.night" if self._rates else ""
        return (
            f"select w.night, case w.tile {way} else {quoted(ALL)} end as {identifier('by')}, w.key, {values}\n"
            f"from (\n{held}\n) w{join}"
        )

    def _held(self, tiles: Sequence[str], features: Mapping[str, RecordFeature], *, distinct: bool) -> str:
        totals = sorted({total for feature in features.values() for total in _totals(feature)})
        longest = max(longest_window(feature) for feature in features.values())
        columns = sorted({total.measure.column for total in totals})
        held = named({total.column: _over(total, longest, distinct=distinct) for total in totals})
        # What is one and the same is no part of the groups: fewer columns to hash, to sort and to send.
        night = night_literal(self.nights.first) if len(self.nights) == 1 else "night"
        tile = quoted(tiles[0]) if len(tiles) == 1 else "tile"
        groups = ", ".join(column for column in (night, tile, "key") if column in ("night", "tile", "key"))
        rows = self._live(tiles, columns, longest)
        return f"select {night} as night, {tile} as tile, key, {held} from ({rows}) t group by {groups}"

    def _priors(self, everything: str) -> str:
        """The overall rates, one row a night."""
        values = named({identifier(name): _overall(feature) for name, feature in self._rates.items()})
        return f"select night, {values} from ({self._held([everything], self._rates, distinct=False)})"

    def _value(self, name: str, feature: RecordFeature, everything: str) -> str:
        """Return the feature's value in the rows of its family; in the row of all records, a rate's prior."""
        value = _value_sql(self.use_case, feature, self.nights, prior=identifier(name, "p"))
        branches = f"when {quoted(family_of(feature).name)} then {value}"
        if isinstance(feature, RateFeature):
            branches += f" when {quoted(everything)} then {identifier(name, 'p')}"
        return f"case w.tile {branches} end"

    def _live(self, tiles: Sequence[str], columns: Sequence[str], longest: int) -> str:
        """Return the tiles that count, once a night they count in, with how many nights back their events are."""
        rows = f"select * from tiles where tile in ({', '.join(map(quoted, tiles))})"
        event, until = "night", ""
        if self.use_case.sources[self.source].revised_within:
            versions = "partition by tile, key, event_night, value order by night"
            rows = f"select *, lead(night) over ({versions}) as superseded, night as known_night from ({rows})"
            event, until = "event_night", "and known_night <= {now} and (superseded is null or superseded > {now})"
        chosen = ", ".join(["tile", "key", "value", *columns])
        first = self.nights.first
        if len(self.nights) == 1:
            night = night_literal(first)
            return (
                f"select {chosen}, date_diff('day', {event}, {night}) as back from ({rows}) "
                f"where {event} > {days_before(first, longest)} and {event} <= {night} {self._now(until, night)}"
            )
        # Each tile is sent to the nights that look back at it: the cost follows the windows, not the length of history.
        night = f"(t.{event} + o.back)"
        offsets = ", ".join(f"({back})" for back in range(longest))
        return (
            f"select {chosen}, {night} as night, o.back from ({rows}) t "
            f"cross join (select * from (values {offsets}) as v(back)) o "
            f"where {within(self.nights, night)} {self._now(until, night)}"
        )

    def _now(self, until: str, night: str) -> str:
        return until.format(now=night_literal(self.known) if self.known else night)


def _totals(feature: RecordFeature) -> list[Total]:
    spans = [feature.nights, feature.to_nights] if isinstance(feature, RatioFeature) else [longest_window(feature)]
    return [Total(measure, nights) for nights in spans for measure in measures_of(feature)]


def _over(total: Total, longest: int, *, distinct: bool) -> str:
    """Put a measure together over the tiles of its window, among those of the longest one."""
    column = total.measure.column
    inside = f"back < {total.nights}" if total.nights < longest else "true"
    if distinct:
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


def _value_sql(use_case: UseCase, feature: RecordFeature, nights: Nights, *, prior: str) -> str:
    if isinstance(feature, RateFeature):
        return _smoothed(feature, prior)
    if isinstance(feature, RatioFeature):
        short, long = (_AGGREGATES[feature.function](feature, span) for span in (feature.nights, feature.to_nights))
        return f"({short}) / nullif({long}, {double(0.0)})"
    if feature.function == "time_since":
        return _time_since(use_case, feature, nights)
    return _AGGREGATES[feature.function](feature, feature.nights)


def _overall(feature: RateFeature) -> str:
    records, hits = (f"cast({Total(measure, feature.nights).column} as double)" for measure in measures_of(feature))
    return f"{hits} / nullif({records}, {double(0.0)})"


def _smoothed(feature: RateFeature, overall: str) -> str:
    """Return SQL of the smoothed rate; null where the key has no record, for then the prior itself is meant."""
    records, hits = (f"cast({Total(measure, feature.nights).column} as double)" for measure in measures_of(feature))
    smoothing = double(feature.smoothing)
    value = f"({hits} + {smoothing} * {overall}) / ({records} + {smoothing})"
    return f"case when {records} > {double(0.0)} then {value} end"


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
        end = f"case w.night {' '.join(f'when {night_literal(night)} then {moment}' for night, moment in ends)} end"
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


def windows_of(
    use_case: UseCase, features: Mapping[str, RecordFeature], nights: Nights, known: Night | None
) -> Iterator[Windows]:
    """Yield the windows of a use case: one for each source, and one for each family with distinct values."""
    groups: dict[tuple[str, str], dict[str, RecordFeature]] = {}
    for name, feature in features.items():
        family = family_of(feature)
        groups.setdefault((family.source, family.name if family.distinct else ""), {})[name] = feature
    for (source, _), own in sorted(groups.items()):
        yield Windows(use_case, source, own, nights, known)


def by_family(features: Mapping[str, RecordFeature]) -> dict[Family, dict[str, RecordFeature]]:
    """Return the features of each family, families sorted."""
    found: dict[Family, dict[str, RecordFeature]] = {}
    for name, feature in features.items():
        found.setdefault(family_of(feature), {})[name] = feature
    return {family: found[family] for family in sorted(found)}
