"""Features of rows that are not in the lake yet, from stored aggregates: the same numbers as the batch makes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nightloop.definitions.features import ComputedFeature, CrossFeature, Feature, RateFeature, WindowFeature
from nightloop.definitions.use_case import UseCase
from nightloop.errors import UsageError, suggest
from nightloop.expressions import Expression, compile_expression
from nightloop.expressions.to_numpy import Column
from nightloop.expressions.types import ColumnType
from nightloop.features.feature_sql import CROSS_DIGITS, ZERO_WHEN_UNSEEN
from nightloop.features.keys import ALL, key_text
from nightloop.features.tables import groupings, key_columns, keyed

Row = Mapping[str, Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grouping:
    """The aggregates of one grouping: a row of values a key.

    Attributes:
        row_of: key text -> row.
        values: (rows + 1, features of the grouping); the last row is what a key without a row gets: NaN.
    """

    row_of: Mapping[str, int]
    values: Floats

    @classmethod
    def of(cls, table: pa.Table, features: Sequence[str]) -> Grouping:
        """Take the rows of one grouping from the table aggregates; a feature the table lacks is missing."""
        columns = [_values(table, name) for name in features]
        values = np.column_stack(columns) if columns else np.empty((len(table), 0))
        missing = np.full((1, len(features)), np.nan)
        return cls({key: i for i, key in enumerate(table["key"].to_pylist())}, np.vstack([values, missing]))

    def find(self, keys: Sequence[str | None]) -> Floats:
        """Return the values (n, features) of these keys, NaN where there is none."""
        unseen = len(self.values) - 1
        return self.values[[unseen if key is None else self.row_of.get(key, unseen) for key in keys]]


@dataclass(frozen=True)
class Aggregates:
    """The table aggregates of one night, ready to be looked up."""

    groupings: Mapping[str, Grouping]
    prior: Mapping[str, float]

    @classmethod
    def of(cls, use_case: UseCase, table: pa.Table, stored: Mapping[str, str] | None = None) -> Aggregates:
        """Take one night's rows of the table aggregates; ``stored`` gives groupings that the night has under another name."""
        names = stored or {}
        by_grouping = {
            grouping: Grouping.of(table.filter(pc.equal(table["by"], names.get(grouping, grouping))), list(features))
            for grouping, features in groupings(use_case).items()
        }
        overall = table.filter(pc.equal(table["by"], ALL)).to_pylist()
        row = overall[0] if overall else {}
        return cls(by_grouping, {name: np.nan if row.get(name) is None else row[name] for name in keyed(use_case)})


def _values(table: pa.Table, name: str) -> Floats:
    if name not in table.column_names:
        return np.full(len(table), np.nan)
    return np.asarray(table[name].cast(pa.float64()).to_numpy(), dtype=np.float64)


NUMERIC = ("number", "integer")


class OnlineFeatures:
    """Computes a use case's features in NumPy, in the order of its file.

    Attributes:
        names: the features, one per column of the result.
        columns: the entity's columns that a row must carry (None for missing), and their types.
    """

    def __init__(self, use_case: UseCase) -> None:
        types = use_case.sources[use_case.entity.source].types
        self.names = tuple(use_case.features)
        self._features = use_case.features
        self._expressions: dict[str, tuple[Expression, Callable[[Mapping[str, Column], int], Column]]] = {}
        self._plain: dict[str, str] = {}  # feature -> the column of numbers that it is
        for name, feature in use_case.features.items():
            if isinstance(feature, ComputedFeature):
                expression = compile_expression(feature.expression, types)
                if expression.node.op in ("column", "integer_column") and types[expression.columns[0]] in NUMERIC:
                    self._plain[name] = expression.columns[0]
                else:
                    self._expressions[name] = (expression, expression.numpy())
        self._groupings = {
            grouping: (key_columns(use_case, next(iter(features.values()))), list(features))
            for grouping, features in groupings(use_case).items()
        }
        self._position = {name: i for i, name in enumerate(self.names)}
        self._plain_positions = [self._position[name] for name in self._plain]
        self._inputs = sorted({column for expression, _ in self._expressions.values() for column in expression.columns})
        crossed = {c for feature in self._features.values() if isinstance(feature, CrossFeature) for c in feature.columns}
        needed = {column for keys, _ in self._groupings.values() for column in keys} | set(self._inputs) | crossed
        needed |= set(self._plain.values())
        self.columns: dict[str, ColumnType] = {name: kind for name, kind in types.items() if name in needed}

    def compute(self, rows: Sequence[Row], aggregates: Aggregates) -> Floats:
        """Return the features of ``rows``, shape (n, k), NaN where a value is missing.

        Args:
            rows: entity columns by name; a date may be a text YYYY-MM-DD, a timestamp a text in ISO form. More columns
                than needed do no harm.
            aggregates: of one night.

        Raises:
            UsageError: a needed column is absent, or a value is not of its type; the message names both.
        """
        typed = {name: [_typed(row, name, kind, i) for i, row in enumerate(rows)] for name, kind in self.columns.items()}
        columns = {name: Column.of(typed[name], self.columns[name]) for name in self._inputs}
        result = np.empty((len(rows), len(self.names)), dtype=np.float64)
        if self._plain:  # all at once: to evaluate each costs most of a single row's time
            doubles = np.array([typed[name] for name in self._plain.values()], dtype=np.float64)  # None: NaN
            result[:, self._plain_positions] = np.where(np.isfinite(doubles), doubles, np.nan).T
        for name, (_, evaluate) in self._expressions.items():
            result[:, self._position[name]] = evaluate(columns, len(rows)).as_floats()
        for grouping, (columns_of_key, names) in self._groupings.items():
            keys = self._keys(columns_of_key, typed, len(rows))
            values = aggregates.groupings[grouping].find(keys)
            for i, name in enumerate(names):
                filled = _fill_unseen(self._features[name], values[:, i], keys, aggregates.prior[name])
                result[:, self._position[name]] = filled
        for name, feature in self._features.items():
            if isinstance(feature, CrossFeature):
                texts = self._keys(tuple(feature.columns), typed, len(rows))
                result[:, self._position[name]] = [np.nan if text is None else bucket(text, feature.buckets) for text in texts]
            if feature.default is not None:
                column = result[:, self._position[name]]
                column[np.isnan(column)] = feature.default
        return result

    def _keys(self, columns: tuple[str, ...], typed: Mapping[str, list[Any]], n: int) -> list[str | None]:
        kinds = [self.columns[name] for name in columns]
        return [key_text([typed[name][i] for name in columns], kinds) for i in range(n)]


def evaluate(text: str, types: Mapping[str, ColumnType], rows: Sequence[Row]) -> Floats:
    """Return the value of an expression over the entity's columns for each row (n,), NaN where it is null.

    Raises:
        UsageError: see ``OnlineFeatures.compute``.
    """
    expression = compile_expression(text, types)
    typed = {name: [_typed(row, name, types[name], i) for i, row in enumerate(rows)] for name in expression.columns}
    columns = {name: Column.of(values, types[name]) for name, values in typed.items()}
    return expression.numpy()(columns, len(rows)).as_floats()


def _fill_unseen(feature: Feature, values: Floats, keys: Sequence[str | None], prior: float) -> Floats:
    """Fill what a key never seen gets by the feature's meaning: the overall rate, or none at all."""
    if isinstance(feature, RateFeature):
        return np.where(np.isnan(values), prior, values)
    if isinstance(feature, WindowFeature) and feature.function in ZERO_WHEN_UNSEEN:
        unseen = np.isnan(values) & np.array([key is not None for key in keys], dtype=np.bool_)
        return np.where(unseen, 0.0, values)
    return values


@lru_cache(maxsize=65536)
def bucket(text: str, buckets: int) -> float:
    """Return the bucket of a key text: the first 32 bits of its MD5, modulo ``buckets``."""
    return float(int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:CROSS_DIGITS], 16) % buckets)


def _typed(row: Row, name: str, kind: ColumnType, index: int) -> Any:
    if name not in row:
        raise UsageError(f"row {index} lacks '{name}'.", do=f"Give it, or null. {suggest(name, row, 'Columns given')}")
    value = row[name]
    if value is None:
        return None
    typed = _READERS[kind](value)
    if typed is None:
        raise UsageError(f"row {index}: '{name}' reads {value!r}.", do=f"Give a value of type {kind}, or null.")
    return typed


def _integer(value: Any) -> int | None:
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float | np.number) and not isinstance(value, bool) else None


def _date(value: Any) -> date | None:
    if isinstance(value, datetime):
        return None
    return value if isinstance(value, date) else _from_iso(value, date.fromisoformat)


def _timestamp(value: Any) -> datetime | None:
    moment = value if isinstance(value, datetime) else _from_iso(value, datetime.fromisoformat)
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)


def _from_iso(value: Any, read: Callable[[str], Any]) -> Any:
    try:
        return read(value)
    except (TypeError, ValueError):
        return None


_READERS: dict[ColumnType, Callable[[Any], Any]] = {
    "string": lambda value: value if isinstance(value, str) else None,
    "integer": _integer,
    "number": _number,
    "boolean": lambda value: value if isinstance(value, bool) else None,
    "date": _date,
    "timestamp": _timestamp,
}
