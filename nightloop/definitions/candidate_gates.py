"""What further gates hold a candidate to: parts of its rows, its answers to rows that are made up, and its size and speed."""

from __future__ import annotations

from pydantic import Field

from nightloop.definitions.strict import Name, Strict


class SlicesGate(Strict):
    """In no part of the rows may the candidate be shown to be worse than the champion, or the baseline where there is none."""

    by: tuple[Name, ...] = Field(
        min_length=1,
        description="Features, or columns of the fairness gate. A feature of more than eight values is cut into quarters.",
    )
    maximum_loss: float = Field(
        gt=0, description="By how much it may be worse in a slice, in the unit of the metric; shown to be worse fails."
    )
    minimum_rows: int = Field(300, ge=1, description="Rows of a slice; those with fewer are named, not judged.")


class StabilityGate(Strict):
    """On the newest nights and on the window of each earlier origin the recipe must be shown to be worth the baseline."""

    maximum_loss: float = Field(
        gt=0, description="Lower bound of the improvement over the baseline must exceed minus this, on every window."
    )
    minimum_origins: int = Field(0, ge=0, description="Earlier origins below which there is not enough evidence.")


class BehaviourGate(Strict):
    """Directions and invariances that hold for every row, whatever the other features are. Extremes are always tried."""

    increasing: tuple[str, ...] = Field(
        (), description="Features, or patterns as *_rate, with which no answer may fall. Not of a multiclass model."
    )
    decreasing: tuple[str, ...] = Field((), description="The same, with which no answer may rise.")
    maximum_reversal: float = Field(
        1e-6, ge=0, description="By how much an answer may go against a direction, in the unit of the answer."
    )
    invariant_to: tuple[str, ...] = Field((), description="Features whose value may change few decisions.")
    maximum_change: float = Field(
        0.0, ge=0, le=1, description="Share of rows whose decision another value of such a feature may change."
    )


class BundleGate(Strict):
    """How large and how slow the registered model may be."""

    maximum_megabytes: float = Field(500, gt=0, description="Size of the model as it is downloaded.")
    maximum_milliseconds_a_row: float = Field(
        100, gt=0, description="Time of an answer with its reasons in a clean process: the median of five batches."
    )
