"""Tiles: the daily partial aggregates that every window is put together from, and which of them a use case needs.

A tile is one row per family, event night and key. A family is one grouping of a source's records: by some columns, or by
some columns and the values of one more (for exact distinct counts). Its measures are whole numbers, extremes and newest values:
nothing whose total depends on the order of adding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from nightloop.definitions.features import RateFeature, RatioFeature, RecordFeature, WindowFeature
from nightloop.definitions.use_case import UseCase

Kind = Literal["records", "hits", "values", "total", "squares", "low", "high", "at", "last_at", "last"]
_TYPES: Mapping[Kind, pa.DataType] = {
    **dict.fromkeys(("records", "hits", "values", "total"), pa.int64()),
    "squares": pa.decimal128(38, 0),
    **dict.fromkeys(("low", "high", "last"), pa.float64()),
    **dict.fromkeys(("at", "last_at"), pa.timestamp("us", "UTC")),
}


@dataclass(frozen=True, order=True)
class Measure:
    """One column of the tiles.

    ``records`` counts records, ``hits`` those for which ``of`` holds, ``values`` those in which ``of`` is not missing;
    ``total`` and ``squares`` sum ``of`` and its square in units of 10**-scale; ``low`` and ``high`` are its extremes; ``at``
    is the newest event, ``last_at`` and ``last`` the newest event with a value and that value. All of records with ``where``.
    """

    kind: Kind
    of: str = ""
    where: str = ""
    scale: int = 0

    @property
    def column(self) -> str:
        """Name in the table: another expression is another column."""
        return f"{self.kind}_{hashlib.sha256(json.dumps([self.of, self.where, self.scale]).encode()).hexdigest()[:8]}"

    @property
    def type(self) -> pa.DataType:
        """Type of the column."""
        return _TYPES[self.kind]


@dataclass(frozen=True, order=True)
class Family:
    """One grouping of the records of a source; no columns: all records together."""

    source: str
    by: tuple[str, ...]
    distinct: str = ""  # the column whose values are counted
    where: str = ""  # of distinct counts, whose rows hold nothing else

    @property
    def name(self) -> str:
        """Name in the table, for example outcomes/carrier or outcomes/carrier/origin/5feceb66."""
        tail = f"/{self.distinct}/{hashlib.sha256(self.where.encode()).hexdigest()[:8]}" if self.distinct else ""
        return f"{self.source}/{'+'.join(self.by)}{tail}"


def over_records(use_case: UseCase) -> dict[str, RecordFeature]:
    """Return the features that are made from tiles, in order."""
    return {name: feature for name, feature in use_case.features.items() if isinstance(feature, RecordFeature)}


def family_of(feature: RecordFeature) -> Family:
    """Return the family that a feature is made from."""
    if isinstance(feature, WindowFeature) and feature.function == "distinct":
        return Family(feature.source, tuple(feature.by), feature.of or "", feature.where or "")
    return Family(feature.source, tuple(feature.by))


def all_of(source: str) -> Family:
    """Return the family of all records of a source together: what a key never seen falls back to."""
    return Family(source, ())


def longest_window(feature: RecordFeature) -> int:
    """Return how many nights of tiles a feature looks at."""
    return feature.to_nights if isinstance(feature, RatioFeature) else feature.nights


def measures_of(feature: RecordFeature) -> tuple[Measure, ...]:
    """Return the columns that a feature is computed from."""
    where = feature.where or ""
    if isinstance(feature, RateFeature):
        return Measure("records", where=where), Measure("hits", feature.of, where)
    of, scale = feature.of or "", feature.scale
    values, total = Measure("values", of, where), Measure("total", of, where, scale)
    by_function: dict[str, tuple[Measure, ...]] = {
        "count": (Measure("records", where=where),),
        "distinct": (Measure("records", where=where),),
        "sum": (values, total),
        "mean": (values, total),
        "std": (values, total, Measure("squares", of, where, scale)),
        "min": (Measure("low", of, where),),
        "max": (Measure("high", of, where),),
        "last": (Measure("last_at", of, where), Measure("last", of, where)),
        "time_since": (Measure("at", where=where),),
    }
    return by_function[feature.function]


def families_of(use_case: UseCase) -> dict[Family, tuple[Measure, ...]]:
    """Return every family with its measures, each once, sorted; features over the same records share them."""
    measures_by_family: dict[Family, set[Measure]] = {}
    for feature in over_records(use_case).values():
        measures_by_family.setdefault(family_of(feature), set()).update(measures_of(feature))
        if isinstance(feature, RateFeature):
            measures_by_family.setdefault(all_of(feature.source), set()).update(measures_of(feature))
    return {family: tuple(sorted(measures_by_family[family])) for family in sorted(measures_by_family)}


def measures(use_case: UseCase) -> list[Measure]:
    """Return every measure of every family, each once."""
    return sorted({measure for family_measures in families_of(use_case).values() for measure in family_measures})


def tile_schema(use_case: UseCase) -> pa.Schema:
    """Return the columns of the table tiles, without the night: the night the rows became known."""
    fixed = [("tile", pa.string()), ("event_night", pa.date32()), ("key", pa.string()), ("value", pa.string())]
    return pa.schema([*fixed, *((measure.column, measure.type) for measure in measures(use_case))])
