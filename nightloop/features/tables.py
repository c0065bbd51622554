"""The tables between raw records and a model: their columns, and which nights of which table each night is made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pyarrow as pa

from nightloop.definitions.features import (
    CategoryFeature,
    ComputedFeature,
    CrossFeature,
    ExpressionFeature,
    Feature,
    LagFeature,
    LookupFeature,
    PeersFeature,
)
from nightloop.definitions.strict import LABEL_TYPES
from nightloop.definitions.use_case import UseCase
from nightloop.expressions.types import ColumnType
from nightloop.features.tiles import longest_window, over_records, tile_schema
from nightloop.nights import Night, Nights

ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def keyed(use_case: UseCase) -> dict[str, Feature]:
    """Return the features whose values are found by a key in the table aggregates, in order."""
    return {
        name: feature for name, feature in use_case.features.items() if not isinstance(feature, ComputedFeature | CrossFeature)
    }


def key_columns(use_case: UseCase, feature: Feature) -> tuple[str, ...]:
    """Return the entity's columns whose key text finds a feature's value."""
    match feature:
        case LookupFeature():
            return tuple(feature.by.values())
        case LagFeature():
            return tuple(use_case.entity.key)
        case ExpressionFeature() | CategoryFeature() | CrossFeature():
            return ()
    return tuple(feature.by)


def grouping_of(use_case: UseCase, feature: Feature) -> str:
    """Return the grouping whose rows of the table aggregates hold a feature's value: its key columns, joined by ``+``."""
    return "+".join(key_columns(use_case, feature))


def groupings(use_case: UseCase) -> dict[str, dict[str, Feature]]:
    """Return the keyed features by their grouping, in order."""
    by_grouping: dict[str, dict[str, Feature]] = {}
    for name, feature in keyed(use_case).items():
        by_grouping.setdefault(grouping_of(use_case, feature), {})[name] = feature
    return by_grouping


def tables(use_case: UseCase) -> dict[str, pa.Schema]:
    """Return the columns (without the night) of the tables tiles, aggregates, features and labels."""
    entity = use_case.sources[use_case.entity.source].types
    key = [pa.field(name, ARROW_TYPES[entity[name]]) for name in use_case.entity.key]
    text, number = pa.string(), pa.float64()
    label = ARROW_TYPES[LABEL_TYPES[use_case.model.task]]
    return {
        "tiles": tile_schema(use_case),
        "aggregates": pa.schema([("by", text), ("key", text), *((name, number) for name in keyed(use_case))]),
        "features": pa.schema([*key, *(pa.field(name, number) for name in use_case.features)]),
        "labels": pa.schema([("scored_night", pa.date32()), *key, ("label", label), ("known_at", ARROW_TYPES["timestamp"])]),
    }


def inputs(use_case: UseCase, table: str, nights: Nights, as_known_at: Night | None = None) -> dict[str, Nights | None]:
    """Return the input tables of ``table`` and the nights of each that must be published.

    Args:
        use_case: whose tables.
        table: tiles, aggregates, features or labels.
        nights: to be made.
        as_known_at: the night whose knowledge counts; None: each night's own.

    Returns:
        The nights by table. None means that no night of the input can exist (labels before the first night has matured).
    """
    nights_of: dict[str, Nights | None] = {}
    for name, first, last in _INPUTS[table](use_case, nights, as_known_at or nights.last):
        span = _from_first(use_case, first, last)
        other = nights_of.get(name)
        nights_of[name] = Nights(min(span.first, other.first), max(span.last, other.last)) if span and other else span
    return nights_of


def first_read(use_case: UseCase, nights: Nights) -> Night:
    """Return the first night that features of these nights look back on, through aggregates and tiles."""
    first = nights.first
    for table in ("features", "aggregates", "tiles"):
        spans = inputs(use_case, table, Nights(first, nights.last)).values()
        first = min([first, *(span.first for span in spans if span is not None)])
    return first


Spans = Iterator[tuple[str, Night, Night]]


def _of_tiles(use_case: UseCase, nights: Nights, _last_known: Night) -> Spans:
    for source in sorted({feature.source for feature in over_records(use_case).values()}):
        yield f"raw_{source}", _before(nights.first, use_case.sources[source].revised_within), nights.last


def _of_aggregates(use_case: UseCase, nights: Nights, last_known: Night) -> Spans:
    entity = f"raw_{use_case.entity.source}"
    for feature in use_case.features.values():
        match feature:
            case LookupFeature():
                last = last_known if use_case.sources[feature.source].revised_within else nights.last
                yield f"raw_{feature.source}", _before(nights.first, feature.within - 1), last
            case PeersFeature():
                yield entity, nights.first, nights.last
            case LagFeature():
                yield entity, _before(nights.first, feature.nights), nights.last
    if windows := [longest_window(feature) for feature in over_records(use_case).values()]:
        yield "tiles", _before(nights.first, max(windows) - 1), last_known


def _of_features(use_case: UseCase, nights: Nights, _last_known: Night) -> Spans:
    yield f"raw_{use_case.entity.source}", nights.first, nights.last
    if keyed(use_case):
        yield "aggregates", nights.first, nights.last


def _of_labels(use_case: UseCase, nights: Nights, last_known: Night) -> Spans:
    delay, reach = use_case.label.matures_after, label_revised_within(use_case)
    yield f"raw_{use_case.entity.source}", _before(nights.first, delay + reach), _before(nights.last, delay)
    yield f"raw_{use_case.label.source}", _before(nights.first, outcome_nights(use_case) - 1 + reach), last_known


TABLES = ("tiles", "aggregates", "features", "labels")
"""The tables that the stage features makes, each after those it is made from."""
_INPUTS = {"tiles": _of_tiles, "aggregates": _of_aggregates, "features": _of_features, "labels": _of_labels}


def outcome_nights(use_case: UseCase) -> int:
    """Return how many nights an outcome can arrive in: those after the scored night, up to its maturity."""
    return max(use_case.label.matures_after, 1)


def label_revised_within(use_case: UseCase) -> int:
    """Return for how many nights after it matured a label may change: as long as its source's records may be revised."""
    return use_case.sources[use_case.label.source].revised_within


def _before(night: Night, days: int) -> Night:
    return night - timedelta(days=days)


def _from_first(use_case: UseCase, first: Night, last: Night) -> Nights | None:
    return Nights(max(first, use_case.first_night), last) if last >= use_case.first_night else None
