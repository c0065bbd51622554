"""The types of columns and of values, one set for definitions, expressions, keys and tables."""

from __future__ import annotations

from typing import Literal

ColumnType = Literal["string", "integer", "number", "boolean", "date", "timestamp"]
ValueType = Literal["number", "boolean", "string", "date", "timestamp", "null"]
KEY_TYPES: tuple[ColumnType, ...] = ("string", "integer", "date", "boolean")
