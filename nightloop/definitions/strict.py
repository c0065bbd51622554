"""What all declared objects share: names, models that refuse unknown keys, and what a label is by the model's task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Task = Literal["binary", "regression", "multiclass"]
LabelType = Literal["boolean", "number", "string"]
LABEL_TYPES: Mapping[Task, LabelType] = {"binary": "boolean", "regression": "number", "multiclass": "string"}
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class Strict(BaseModel):
    """Unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
