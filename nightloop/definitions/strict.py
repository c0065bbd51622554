"""What all declared objects share: names, models that refuse unknown keys, and what a label is by the model's task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Task = Literal["binary", "regression", "multiclass"]
LabelType = Literal["boolean", "number", "string"]
LABEL_TYPES: Mapping[Task, LabelType] = {"binary": "boolean", "regression": "number", "multiclass": "string"}
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class Strict(BaseModel):
    """Unknown keys are mistakes, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


# What is left out of what is dumped (``exclude_if``): the digests of definitions without it stay as they are.


def is_absent(value: object) -> bool:
    """Whether an optional part is not declared."""
    return value is None


def is_empty(value: object) -> bool:
    """Whether nothing is listed, or a number or a switch is at nothing."""
    return not value


def same_as(default: object) -> Callable[[object], bool]:
    """Return whether a value is the default."""
    return lambda value: value == default
