"""A digest for each thing of a use case that has a meaning, made from its definition and the digests of what it is made from.

Two definitions give a thing the same digest when every value of it is the same by both: names, comments, spaces, descriptions,
units, owners, ranges and alert addresses do not count; an expression, a type, a window, a default, a time zone, a join does.
So a thing that is only renamed has the digest it had.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from nightloop.definitions.connectors import PLAIN, Connector, FilesConnector, PackageConnector, SqlConnector
from nightloop.definitions.features import (
    CategoryFeature,
    CrossFeature,
    ExpressionFeature,
    Feature,
    LagFeature,
    LookupFeature,
    OverRecords,
    PeersFeature,
)
from nightloop.definitions.strict import LABEL_TYPES
from nightloop.definitions.use_case import Source, UseCase
from nightloop.expressions import compile_expression
from nightloop.expressions.tree import Node
from nightloop.expressions.types import ColumnType
from nightloop.features.tables import groupings, key_columns, keyed, label_revised_within
from nightloop.features.tiles import Family, Measure, families_of

SEMANTICS = 1
"""Version of what functions mean on the engines. Raised when a function is mended: its values are then other ones."""

LENGTH = 16  # hexadecimal digits of a digest: 64 bits tell apart more definitions than anybody writes
ROWS = "*"  # in a commit's meanings: which records or entities the rows are
TILE = ":"  # in those of tiles, between a family and its measure
KEY = "key "  # in those of aggregates, before a grouping: what the key of its rows is made from

Digests = Mapping[str, str]


@dataclass(frozen=True)
class Meanings:
    """The digest of each thing of a use case.

    Attributes:
        columns: source -> column -> digest.
        rows: source -> digest of which records are its rows, and on which night: keys, clocks, withdrawals, origin.
        entity: which rows are scored, and their key.
        features: feature -> digest.
        tiles: family and measure -> digest, see ``tile_name``.
        label: what is predicted, and when it is known.
    """

    columns: Mapping[str, Digests]
    rows: Digests
    entity: str
    features: Digests
    tiles: Digests
    label: str

    def of_table(self, table: str, use_case: UseCase) -> dict[str, str]:
        """Return what a commit of a table records: the digest of each column, and of its rows and keys where they have one.

        Args:
            table: ``raw_<source>``, tiles, aggregates, features or labels.
            use_case: the one these are the meanings of.
        """
        source = table.removeprefix("raw_")
        if source in self.columns and table != source:
            return {**self.columns[source], ROWS: self.rows[source]}
        key = {name: self.columns[use_case.entity.source][name] for name in use_case.entity.key}
        return {
            "tiles": dict(self.tiles),
            "aggregates": {**{name: self.features[name] for name in keyed(use_case)}, **dict(self._keys(use_case))},
            "features": {**key, **self.features, ROWS: self.entity},
            "labels": {**key, "label": self.label, ROWS: self.entity},
        }.get(table, {})

    def _keys(self, use_case: UseCase) -> Iterator[tuple[str, str]]:
        columns = self.columns[use_case.entity.source]
        for grouping, features in groupings(use_case).items():
            of_key = key_columns(use_case, next(iter(features.values())))
            yield KEY + grouping, digest_of("key", [columns[name] for name in of_key])


def meanings_of(use_case: UseCase) -> Meanings:
    """Return the digest of each thing that the use case declares."""
    return _Digester(use_case).all()


def tile_name(family: Family, measure: Measure) -> str:
    """Return the name that a family's measure has among the meanings of tiles."""
    return f"{family.name}{TILE}{measure.column}"


def digest_of(*parts: object) -> str:
    """Return the digest of plain values."""
    text = json.dumps([SEMANTICS, *parts], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


class _Digester:
    def __init__(self, use_case: UseCase) -> None:
        self.use_case = use_case
        self.columns = {name: _columns(source) for name, source in use_case.sources.items()}
        self.rows = {name: self._rows(source, self.columns[name]) for name, source in use_case.sources.items()}
        self.entity_columns = self.columns[use_case.entity.source]
        self.entity = digest_of(self.rows[use_case.entity.source], [self.entity_columns[name] for name in use_case.entity.key])

    def all(self) -> Meanings:
        features = {name: self._feature(feature) for name, feature in self.use_case.features.items()}
        return Meanings(self.columns, self.rows, self.entity, features, dict(self._tiles()), self._label())

    def _rows(self, source: Source, columns: Digests) -> str:
        clocks = [_text(text) if text else None for text in (source.event_at, source.known_at, source.night, source.withdrawn)]
        key = [columns[name] for name in source.key]
        return digest_of(key, clocks, source.revised_within, self.use_case.time_zone, _origin(source.connector))

    def _feature(self, feature: Feature) -> str:
        default = feature.default
        entity = self.entity_columns
        match feature:
            case ExpressionFeature() | CategoryFeature():
                return digest_of("expression", self._entity_expression(feature.expression), default)
            case CrossFeature():
                return digest_of("cross", [entity[name] for name in feature.columns], feature.buckets, default)
            case PeersFeature():
                return digest_of("peers", self.entity, [entity[name] for name in feature.by], default)
            case LagFeature():
                return digest_of("lag", self.entity, self._entity_expression(feature.expression), feature.nights, default)
            case LookupFeature():
                return self._lookup(feature)
        return self._over_records(feature)

    def _entity_expression(self, text: str) -> object:
        return self._expression(self.use_case.entity.source, text)

    def _expression(self, source: str, text: str, **more: ColumnType) -> object:
        """Return the parsed expression as plain values, its columns as their digests."""
        node = compile_expression(text, {**self.use_case.sources[source].types, **more}).node
        return _plain(node, {**self.columns[source], **{name: f"the {name}" for name in more}})

    def _lookup(self, feature: LookupFeature) -> str:
        columns = self.columns[feature.source]
        by = [[columns[theirs], self.entity_columns[ours]] for theirs, ours in feature.by.items()]
        latest = columns[feature.latest_by] if feature.latest_by else None
        value = self._expression(feature.source, feature.expression, night="date")
        return digest_of("lookup", self.rows[feature.source], by, value, latest, feature.within, feature.default)

    def _over_records(self, feature: OverRecords) -> str:
        columns = self.columns[feature.source]
        by = [[columns[name], self.entity_columns[name]] for name in feature.by]
        of = getattr(feature, "of", None)
        if of is not None:
            # The values that are counted apart are a column's, which need not be a number.
            of = columns[of] if getattr(feature, "function", "") == "distinct" else self._expression(feature.source, of)
        where = self._expression(feature.source, feature.where) if feature.where else None
        rest = feature.model_dump(include={"kind", "function", "nights", "to_nights", "smoothing", "scale", "default"})
        return digest_of(self.rows[feature.source], by, of, where, rest)

    def _tiles(self) -> Iterator[tuple[str, str]]:
        for family, measures in families_of(self.use_case).items():
            columns = self.columns[family.source]
            group: list[object] = [self.rows[family.source], [columns[name] for name in family.by]]
            if family.distinct:
                group += [columns[family.distinct], self._if_any(family.source, family.where)]
            for measure in measures:
                read = [self._if_any(family.source, text) for text in (measure.of, measure.where)]
                yield tile_name(family, measure), digest_of("tile", group, measure.kind, read, measure.scale)

    def _if_any(self, source: str, text: str) -> object:
        return self._expression(source, text) if text else None

    def _label(self) -> str:
        label = self.use_case.label
        columns = self.columns[label.source]
        join = sorted([columns[theirs], self.entity_columns[ours]] for theirs, ours in label.join.items())
        value = self._expression(label.source, label.expression)
        kind = LABEL_TYPES[self.use_case.model.task]
        # Where outcomes are revised, a label has versions; those of an unrevised source mean what they always did.
        versions = ["versions"] if label_revised_within(self.use_case) else []
        return digest_of("label", self.entity, self.rows[label.source], join, value, kind, label.matures_after, *versions)


def _columns(source: Source) -> dict[str, str]:
    written = [getattr(source.connector, "null", None), *_dialect(source.connector)]
    return {name: digest_of("column", column.type, _text(column.sql), *written) for name, column in source.columns.items()}


def _dialect(connector: Connector) -> list[object]:
    """Return how a CSV is declared to be written; nothing where it is as they all were."""
    if not isinstance(connector, FilesConnector) or connector.csv == PLAIN:
        return []
    return [connector.csv.model_dump(mode="json")]


def _origin(connector: Connector) -> object:
    """Return what of a connector says which records come: another place of the same files says nothing new."""
    match connector:
        case FilesConnector():
            return ["files"]
        case PackageConnector():
            return ["package", connector.distribution, connector.file]
        case SqlConnector():
            return ["sql", connector.schema_, connector.table, connector.incremental]
    return connector.model_dump(mode="json")


def _plain(node: Node, digests: Digests) -> object:
    if node.op in ("column", "integer_column"):
        return [node.op, digests[str(node.value)]]
    value = None if node.value is None else [type(node.value).__name__, str(node.value)]
    return [node.op, node.type, value, *(_plain(arg, digests) for arg in node.args)]


# Texts and quoted names as they are; comments; words; numbers; every other sign on its own.
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|[\w.]+|[^\s\w]", re.DOTALL)


@lru_cache(maxsize=4096)
def _text(sql: str) -> str:
    """Return DuckDB SQL without comments, with one space between tokens; outside of quotes it does not tell capitals apart.

    Not by a SQL library: another version of it may write the same text differently, and every night would seem stale.
    """
    tokens = (token for token in _TOKEN.findall(sql) if not token.startswith(("--", "/*")))
    return " ".join(token if token[0] in "'\"" else token.lower() for token in tokens)
