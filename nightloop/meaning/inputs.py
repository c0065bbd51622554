"""Which columns of which input, in which meaning, each table is made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nightloop.definitions.features import ComputedFeature, CrossFeature, LagFeature, LookupFeature, PeersFeature
from nightloop.definitions.use_case import UseCase
from nightloop.expressions import compile_expression
from nightloop.features.tables import key_columns, keyed
from nightloop.features.tiles import families_of, over_records
from nightloop.meaning.digests import ROWS, Meanings

Read = tuple[str, Iterable[str]]  # a source, and columns of it


def read_meanings(use_case: UseCase, meanings: Meanings, table: str) -> dict[str, dict[str, str]]:
    """Return the input tables of a table, and the digest that each column it reads must have.

    Args:
        use_case: whose tables.
        meanings: of the use case.
        table: tiles, aggregates, features or labels.
    """
    required: dict[str, dict[str, str]] = {}
    for source, columns in _COLUMNS_READ[table](use_case):
        digests = {column: meanings.columns[source][column] for column in columns if column in meanings.columns[source]}
        required.setdefault(f"raw_{source}", {ROWS: meanings.rows[source]}).update(digests)
    if table == "aggregates" and over_records(use_case):
        required["tiles"] = dict(meanings.tiles)
    if table == "features" and keyed(use_case):
        required["aggregates"] = meanings.of_table("aggregates", use_case)
    return required


def _by_tiles(use_case: UseCase) -> Iterator[Read]:
    for family, measures in families_of(use_case).items():
        texts = [family.where, *(text for measure in measures for text in (measure.of, measure.where))]
        distinct = [family.distinct] if family.distinct else []
        yield family.source, [*family.by, *distinct, *_named(use_case, family.source, texts), *_key_of(use_case, family.source)]


def _by_aggregates(use_case: UseCase) -> Iterator[Read]:
    entity = use_case.entity
    for feature in use_case.features.values():
        match feature:
            case LookupFeature():
                latest = [feature.latest_by] if feature.latest_by else []
                value = _named(use_case, feature.source, [feature.expression])
                yield feature.source, [*feature.by, *latest, *value, *_key_of(use_case, feature.source)]
            case PeersFeature():
                yield entity.source, feature.by
            case LagFeature():
                yield entity.source, [*entity.key, *_named(use_case, entity.source, [feature.expression])]


def _by_features(use_case: UseCase) -> Iterator[Read]:
    entity = use_case.entity
    yield entity.source, entity.key
    for feature in use_case.features.values():
        yield entity.source, key_columns(use_case, feature)
        if isinstance(feature, ComputedFeature):
            yield entity.source, _named(use_case, entity.source, [feature.expression])
        elif isinstance(feature, CrossFeature):
            yield entity.source, feature.columns


def _by_labels(use_case: UseCase) -> Iterator[Read]:
    label, entity = use_case.label, use_case.entity
    yield entity.source, [*entity.key, *label.join.values()]
    value = _named(use_case, label.source, [label.expression])
    yield label.source, [*label.join, *value, *_key_of(use_case, label.source)]


_COLUMNS_READ = {"tiles": _by_tiles, "aggregates": _by_aggregates, "features": _by_features, "labels": _by_labels}


def _key_of(use_case: UseCase, source: str) -> list[str]:
    """Return the columns by which the versions of a record are told apart."""
    return use_case.sources[source].key if use_case.sources[source].revised_within else []


def _named(use_case: UseCase, source: str, texts: Iterable[str]) -> list[str]:
    """Return the columns that expressions over a source read."""
    types = {**use_case.sources[source].types, "night": "date"}
    return [column for text in texts if text for column in compile_expression(text, types).columns]
