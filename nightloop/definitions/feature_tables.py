"""The tables between raw records and a model: their columns, and which nights of which table each night is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa

from nightloop.definitions.features import LookupFeature, PeersFeature, RateFeature
from nightloop.definitions.use_case import UseCase
from nightloop.nights import Night, Nights

ARROW_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}


@dataclass(frozen=True, order=True)
class Tile:
    """Counts of one source's records by key and night: what every window over that condition is summed from."""

    source: str
    by: tuple[str, ...]
    of: str

    @property
    def name(self) -> str:
        """Name in the table, for example outcomes/carrier/1f0c2a9b; a changed condition is another tile."""
        return f"{self.source}/{'+'.join(self.by)}/{hashlib.sha256(self.of.encode()).hexdigest()[:8]}"


def tile_of(feature: RateFeature) -> Tile:
    """Return the tile that a rate is summed from."""
    return Tile(feature.source, tuple(feature.by), feature.of)


def rates(use_case: UseCase) -> dict[str, RateFeature]:
    """Return the features of kind rate, in order."""
    return {name: feature for name, feature in use_case.features.items() if isinstance(feature, RateFeature)}


def peers(use_case: UseCase) -> dict[str, PeersFeature]:
    """Return the features of kind peers, in order."""
    return {name: feature for name, feature in use_case.features.items() if isinstance(feature, PeersFeature)}


def lookups(use_case: UseCase) -> dict[str, LookupFeature]:
    """Return the features of kind lookup, in order."""
    return {name: feature for name, feature in use_case.features.items() if isinstance(feature, LookupFeature)}


def tiles(use_case: UseCase) -> list[Tile]:
    """Return every tile, each once; features over the same condition and key share one."""
    return sorted({tile_of(feature) for feature in rates(use_case).values()})


def tables(use_case: UseCase) -> dict[str, pa.Schema]:
    """Return the columns (without the night) of the tables tiles, aggregates, features and labels."""
    entity = use_case.sources[use_case.entity.source].types
    key = [pa.field(name, ARROW_TYPES[entity[name]]) for name in use_case.entity.key]
    text, whole, number = pa.string(), pa.int64(), pa.float64()
    return {
        "tiles": pa.schema([("tile", text), ("key", text), ("n", whole), ("total", whole)]),
        "aggregates": pa.schema([("feature", text), ("key", text), ("value", number)]),
        "features": pa.schema([*key, *(pa.field(name, number) for name in use_case.features)]),
        "labels": pa.schema(
            [("scored_night", pa.date32()), *key, ("label", pa.bool_()), ("known_at", ARROW_TYPES["timestamp"])]
        ),
    }


def inputs(use_case: UseCase, table: str, nights: Nights) -> dict[str, Nights | None]:
    """Return the input tables of ``table`` and the nights of each that must be published.

    None means that no night of the input can exist (labels before the first night has matured).
    """
    entity = f"raw_{use_case.entity.source}"
    match table:
        case "tiles":
            return {f"raw_{tile.source}": nights for tile in tiles(use_case)}
        case "aggregates":
            found: dict[str, Nights | None] = {f"raw_{f.source}": nights for f in lookups(use_case).values()}
            if peers(use_case):
                found[entity] = nights
            if windows := [feature.nights for feature in rates(use_case).values()]:
                found["tiles"] = _from_first(use_case, nights.first - timedelta(days=max(windows) - 1), nights.last)
            return found
        case "features":
            return {entity: nights, "aggregates": nights}
    delay = timedelta(days=use_case.label.matures_after)
    span = timedelta(days=outcome_nights(use_case) - 1)
    return {
        entity: _from_first(use_case, nights.first - delay, nights.last - delay),
        f"raw_{use_case.label.source}": _from_first(use_case, nights.first - span, nights.last),
    }


def outcome_nights(use_case: UseCase) -> int:
    """Return how many nights an outcome can arrive in: those after the scored night, up to its maturity."""
    return max(use_case.label.matures_after, 1)


def _from_first(use_case: UseCase, first: Night, last: Night) -> Nights | None:
    return Nights(max(first, use_case.first_night), last) if last >= use_case.first_night else None
