"""SQL (DuckDB dialect) of windows: the tiles that count in each night, put together by key over the last N nights.

A tile counts in the nights D - N < its event night <= D, in its newest version known by D.
"""
# ruff: noqa: S608 - every name matches the pattern of names, every text is quoted, every expression was parsed and rebuilt

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nightloop.definitions.features import RateFeature, RecordFeature
from nightloop.definitions.use_case import UseCase
from nightloop.expressions.to_sql import identifier, quoted
from nightloop.features.keys import ALL
from nightloop.features.sql_fragments import days_before, named, night_literal, within
from nightloop.features.tiles import Family, all_of, family_of, longest_window
from nightloop.features.window_value_sql import overall_rate_sql, total_sql, totals_of, value_sql
from nightloop.nights import Night, Nights


@dataclass(frozen=True)
class Windows:
    """The windows over one source's tiles: those of all families without distinct values at once, or those of one with.

    One pass over the tiles serves all groupings: what a small night costs is the number of steps, not of rows.
    """

    use_case: UseCase
    source: str
    features: Mapping[str, RecordFeature]
    nights: Nights
    as_known_at: Night | None

    @property
    def groupings(self) -> list[str]:
        """The groupings that the rows are of."""
        by_key = ["+".join(family.by) for family in by_family(self.features)]
        return [*by_key, ALL] if self._rates else by_key

    @property
    def _rates(self) -> dict[str, RateFeature]:
        return {name: feature for name, feature in self.features.items() if isinstance(feature, RateFeature)}

    def sql(self) -> str:
        """Return SQL with one row per night, grouping and key, and one column per feature."""
        families = by_family(self.features)
        tiles = [family.name for family in families]
        all_records = all_of(self.source).name
        by = " ".join(f"when {quoted(family.name)} then {quoted('+'.join(family.by))}" for family in families)
        distinct = next(iter(families)).distinct != ""
        totals = self._totals([*tiles, *([all_records] if self._rates else [])], self.features, distinct=distinct)
        values = named({identifier(name): self._value(name, feature, all_records) for name, feature in self.features.items()})
        # A rate may have no record in its window where a longer window of the source has some: those rows stay.
        join = f" left join ({self._prior_rates(all_records)}) p on p.night = w.night" if self._rates else ""
        return (
            f"select w.night, case w.tile {by} else {quoted(ALL)} end as {identifier('by')}, w.key, {values}\n"
            f"from (\n{totals}\n) w{join}"
        )

    def _totals(self, tiles: Sequence[str], features: Mapping[str, RecordFeature], *, distinct: bool) -> str:
        """Return SQL of the features' totals: one row per night, tile name and key."""
        totals = sorted({total for feature in features.values() for total in totals_of(feature)})
        longest = max(longest_window(feature) for feature in features.values())
        measures = sorted({total.measure.column for total in totals})
        columns = named({total.column: total_sql(total, longest, distinct=distinct) for total in totals})
        # What is one and the same is no part of the groups: fewer columns to hash, to sort and to send.
        night = night_literal(self.nights.first) if len(self.nights) == 1 else "night"
        tile = quoted(tiles[0]) if len(tiles) == 1 else "tile"
        groups = ", ".join(column for column in (night, tile, "key") if column in ("night", "tile", "key"))
        rows = self._counting_tiles(tiles, measures, longest)
        return f"select {night} as night, {tile} as tile, key, {columns} from ({rows}) t group by {groups}"

    def _prior_rates(self, all_records: str) -> str:
        """Return SQL of the overall rates: one row a night."""
        rates = named({identifier(name): overall_rate_sql(feature) for name, feature in self._rates.items()})
        return f"select night, {rates} from ({self._totals([all_records], self._rates, distinct=False)})"

    def _value(self, name: str, feature: RecordFeature, all_records: str) -> str:
        """Return the feature's value in the rows of its family; in the row of all records, a rate's prior."""
        value = value_sql(feature, self.nights, self.use_case.time_zone, prior=identifier(name, "p"))
        branches = f"when {quoted(family_of(feature).name)} then {value}"
        if isinstance(feature, RateFeature):
            branches += f" when {quoted(all_records)} then {identifier(name, 'p')}"
        return f"case w.tile {branches} end"

    def _counting_tiles(self, tiles: Sequence[str], columns: Sequence[str], longest: int) -> str:
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
        return until.format(now=night_literal(self.as_known_at) if self.as_known_at else night)


def windows_of(
    use_case: UseCase, features: Mapping[str, RecordFeature], nights: Nights, as_known_at: Night | None
) -> Iterator[Windows]:
    """Yield the windows of a use case: one for each source, and one for each family with distinct values."""
    groups: dict[tuple[str, str], dict[str, RecordFeature]] = {}
    for name, feature in features.items():
        family = family_of(feature)
        groups.setdefault((family.source, family.name if family.distinct else ""), {})[name] = feature
    for (source, _), features_of_group in sorted(groups.items()):
        yield Windows(use_case, source, features_of_group, nights, as_known_at)


def by_family(features: Mapping[str, RecordFeature]) -> dict[Family, dict[str, RecordFeature]]:
    """Return the features of each family, families sorted."""
    features_of: dict[Family, dict[str, RecordFeature]] = {}
    for name, feature in features.items():
        features_of.setdefault(family_of(feature), {})[name] = feature
    return {family: features_of[family] for family in sorted(features_of)}
