"""What a label is, by the model's task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

LabelType = Literal["boolean", "number", "string"]
LABEL_TYPES: Mapping[str, LabelType] = {"binary": "boolean", "regression": "number", "multiclass": "string"}
