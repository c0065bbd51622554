"""The kinds of feature a use case may declare. Each class is a part of the schema: feature_defs/schema.json comes from them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from nightloop.definitions.strict import Name, Strict, is_absent

Expression = Annotated[str, Field(min_length=1, description="SQL expression in the documented subset.")]
WindowFunction = Literal["count", "sum", "mean", "min", "max", "std", "distinct", "last", "time_since"]
Window = Annotated[int, Field(ge=1, le=3660, description="Length of the window in nights; it ends with the night itself.")]
Scale = Annotated[
    int, Field(ge=0, le=6, description="Decimals kept of each value before it is summed: sums of whole numbers have no order.")
]


class ReasonWords(Strict):
    """What a feature's part in an answer is called, where people read reasons."""

    up: str = Field(
        min_length=1, description="Where it raises the answer: 'many late flights of this carrier in the last week'."
    )
    down: str = Field(min_length=1, description="Where it lowers the answer.")


class FeatureBase(Strict):
    """What every feature says of itself."""

    description: str
    unit: str | None = None
    owner: str | None = Field(None, description="Who answers for it; absent: the use case's owner.")
    range: tuple[float, float] | None = Field(None, description="Smallest and largest value that can be true.")
    default: float | None = Field(None, description="Value in place of a missing one; absent: missing stays missing.")
    personal: bool = Field(False, description="Made of data about a person.")
    sensitive: bool = Field(False, description="Made of specially protected data (health, belief, origin, …).")
    reason: ReasonWords | None = Field(None, exclude_if=is_absent, description="Words of its reasons; absent: the description.")
    calendar: bool = Field(False, description="Moves with the calendar by construction: left out of drift verdicts.")


class ExpressionFeature(FeatureBase):
    """A value computed from the entity's own row."""

    kind: Literal["expression"]
    expression: Expression


class CrossFeature(FeatureBase):
    """Columns of the entity taken together as one category, hashed into buckets.

    The value is the first 32 bits of MD5 of the key text, modulo ``buckets``: the same number in every engine and for good.
    """

    kind: Literal["cross"]
    columns: list[Name] = Field(min_length=1, max_length=4)
    buckets: int = Field(ge=2, le=65536)


class CategoryFeature(FeatureBase):
    """A column of the entity as one of its declared levels: 0 for the first, 1 for the next; missing where it is none of them.

    Trees split its levels in any two groups, a linear model gives each level an effect. A level that a training did not see is
    missing to its model.
    """

    kind: Literal["category"]
    column: Name
    levels: list[Annotated[str, Field(max_length=200)] | int] = Field(min_length=2, max_length=200)

    @property
    def expression(self) -> str:
        """The code of the level, as an expression over the entity's row."""
        quoted = (str(level) if isinstance(level, int) else "'" + level.replace("'", "''") + "'" for level in self.levels)
        cases = " ".join(f"when {self.column} = {level} then {code}" for code, level in enumerate(quoted))
        return f"case {cases} else null end"


class PeersFeature(FeatureBase):
    """How many entities of the night share these keys."""

    kind: Literal["peers"]
    by: list[Name] = Field(min_length=1)


class LagFeature(FeatureBase):
    """A value of the entity's own row some nights ago, found by the entity's key; missing when it was not there."""

    kind: Literal["lag"]
    expression: Expression
    nights: int = Field(ge=1, le=3660, description="How many nights ago.")


class LookupFeature(FeatureBase):
    """A value of another source's newest record for the key, as known at the cut-off.

    ``expression`` is over the source's columns; the night itself is available as the date column ``night``.
    """

    kind: Literal["lookup"]
    source: Name
    by: dict[Name, Name] = Field(min_length=1, max_length=3, description="Source column -> entity column.")
    expression: Expression
    latest_by: Name | None = Field(None, description="Column that orders records of one key; absent when unique in a night.")
    within: int = Field(
        1,
        ge=1,
        le=3660,
        description="Nights in which to look for the key: 1 for a table that is delivered whole every night, "
        "more for one of which only changes are delivered.",
    )


class OverRecords(FeatureBase):
    """What features over a source's records share: which records, by which key."""

    source: Name
    by: list[Name] = Field(min_length=1, description="Columns that source and entity share.")
    where: Expression | None = Field(None, description="Only records for which this holds count.")


class RateFeature(OverRecords):
    """Share of the source's records that satisfy a condition, over the last N nights, by key, smoothed.

    ``(positives + smoothing * overall) / (records + smoothing)``, where ``overall`` is the rate of all keys in the same window;
    a key never seen gets ``overall``.
    """

    kind: Literal["rate"]
    of: Expression
    nights: Window
    smoothing: float = Field(ge=0)


class WindowFeature(OverRecords):
    """An aggregate of the source's records over the last N nights, by key.

    - ``count``: records (0 for a key never seen); ``distinct``: different values of the column ``of`` (likewise 0)
    - ``sum``, ``mean``, ``std`` (of the sample, n - 1): of the numbers ``of``, rounded half up to ``scale`` decimals first
    - ``min``, ``max``: of the numbers ``of``
    - ``last``: ``of`` in the newest record by event time (of several at one time, the largest value)
    - ``time_since``: hours from the newest record's event to the cut-off
    """

    kind: Literal["window"]
    function: WindowFunction
    of: Expression | None = Field(None, description="Number to aggregate; a column for distinct; absent for count, time_since.")
    nights: Window
    scale: Scale = 2


class RatioFeature(OverRecords):
    """An aggregate over a short window divided by the same over a long one; missing when the long one is zero or missing."""

    kind: Literal["ratio"]
    function: Literal["count", "sum", "mean"]
    of: Expression | None = Field(None, description="Number to aggregate; absent for count.")
    nights: Window
    to_nights: Window
    scale: Scale = 2


ComputedFeature = ExpressionFeature | CategoryFeature
RecordFeature = RateFeature | WindowFeature | RatioFeature
Feature = Annotated[
    ExpressionFeature
    | CrossFeature
    | CategoryFeature
    | PeersFeature
    | LagFeature
    | LookupFeature
    | RateFeature
    | WindowFeature
    | RatioFeature,
    Field(discriminator="kind"),
]
