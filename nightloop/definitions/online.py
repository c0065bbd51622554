"""Features of rows that are not in the lake yet, from stored aggregates: the same numbers as the batch makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.expression_numpy import Column
from nightloop.definitions.expressions import Expression, compile_expression
from nightloop.definitions.feature_sql import entity_columns
from nightloop.definitions.features import ExpressionFeature, Feature, RateFeature
from nightloop.definitions.keys import ALL, key_text
from nightloop.definitions.near_names import suggest
from nightloop.definitions.use_case import ColumnType, UseCase
from nightloop.errors import UsageError

Row = Mapping[str, Any]
Aggregates = Mapping[tuple[str, str], float]


class OnlineFeatures:
    """Computes a use case's features in NumPy, in the order of its file.

    Attributes:
        names: the features, one per column of the result.
        columns: the entity's columns that a row must carry (None for missing), and their types.
    """

    def __init__(self, use_case: UseCase) -> None:
        types = use_case.sources[use_case.entity.source].types
        self.names = tuple(use_case.features)
        self._own: dict[str, tuple[Expression, Callable[[Mapping[str, Column], int], Column]]] = {}
        self._keyed: dict[str, tuple[str, ...]] = {}
        self._falls_back = {name for name, feature in use_case.features.items() if isinstance(feature, RateFeature)}
        for name, feature in use_case.features.items():
            self._prepare(name, feature, types)
        needed = {column for keys in self._keyed.values() for column in keys}
        needed |= {column for expression, _ in self._own.values() for column in expression.columns}
        self.columns: dict[str, ColumnType] = {name: kind for name, kind in types.items() if name in needed}

    def _prepare(self, name: str, feature: Feature, types: Mapping[str, ColumnType]) -> None:
        if isinstance(feature, ExpressionFeature):
            expression = compile_expression(feature.expression, types)
            self._own[name] = (expression, expression.numpy())
        else:
            self._keyed[name] = entity_columns(feature)

    def compute(self, rows: Sequence[Row], aggregates: Aggregates) -> NDArray[np.float64]:
        """Return the features of ``rows``, shape (n, k), NaN where a value is missing.

        Args:
            rows: entity columns by name; a date may be a text YYYY-MM-DD, a timestamp a text in ISO form. More columns
                than needed do no harm.
            aggregates: the table aggregates of one night, value by (feature, key).

        Raises:
            UsageError: a needed column is absent, or a value is not of its type; the message names both.
        """
        typed = {name: [_typed(row, name, kind, i) for i, row in enumerate(rows)] for name, kind in self.columns.items()}
        columns = {
            name: Column.of(typed[name], self.columns[name])
            for name in sorted({column for expression, _ in self._own.values() for column in expression.columns})
        }
        keys = {group: self._keys(group, typed, len(rows)) for group in set(self._keyed.values())}
        result = np.empty((len(rows), len(self.names)), dtype=np.float64)
        for i, name in enumerate(self.names):
            if name in self._own:
                result[:, i] = self._own[name][1](columns, len(rows)).as_floats()
            else:
                result[:, i] = self._found(name, keys[self._keyed[name]], aggregates)
        return result

    def _keys(self, group: tuple[str, ...], typed: Mapping[str, list[Any]], n: int) -> list[str | None]:
        kinds = [self.columns[name] for name in group]
        return [key_text([typed[name][i] for name in group], kinds) for i in range(n)]

    def _found(self, name: str, keys: Sequence[str | None], aggregates: Aggregates) -> list[float]:
        absent = aggregates.get((name, ALL), np.nan) if name in self._falls_back else np.nan
        return [absent if key is None else aggregates.get((name, key), absent) for key in keys]


def _typed(row: Row, name: str, kind: ColumnType, index: int) -> Any:
    if name not in row:
        raise UsageError(f"row {index} lacks '{name}'.", do=f"Give it, or null. {suggest(name, row, 'Columns given')}")
    value = row[name]
    if value is None:
        return None
    read = _READERS[kind](value)
    if read is None:
        raise UsageError(f"row {index}: '{name}' reads {value!r}.", do=f"Give a value of type {kind}, or null.")
    return read


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
