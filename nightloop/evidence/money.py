"""What answers were worth in money, once their outcomes are known: of each row, against having no model at all.

A decision is worth what its cell of the confusion matrix gains, less what the same row gains without a model, when nobody is
decided positively (Elkan 2001, The Foundations of Cost-Sensitive Learning: only differences within a class of outcomes count).
So a negative decision is worth nothing, and doing nothing is worth zero. A number is worth the cost of the error it spares,
against one number that is used where there is no model.

Arrays of n rows; values in the currency of the use case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Bools, Floats, Nights
from nightloop.evidence.verdict import Figure

VALUE, VALUE_OF_ROW = "value", "value_per_row"


@dataclass(frozen=True)
class Cells:
    """What one row of each cell gains; a cost is negative."""

    true_positive: float
    false_positive: float
    true_negative: float = 0.0
    false_negative: float = 0.0


def value_of_decisions(label: Bools, decision: Bools, cells: Cells) -> Floats:
    """Return what each decision (n,) was worth over not deciding so; 0 where it is negative."""
    gain = np.where(label, cells.true_positive - cells.false_negative, cells.false_positive - cells.true_negative)
    return np.where(decision, gain, 0.0)


def value_of_predictions(label: Floats, prediction: Floats, *, unit_error: float, without_model: float) -> Floats:
    """Return the cost of the error that each prediction (n,) spared; negative where it was further off.

    Args:
        label: what came, in its unit.
        prediction: the predicted mean.
        unit_error: cost of one unit of absolute error.
        without_model: the number that is used where there is no model.
    """
    return np.asarray(unit_error * (np.abs(without_model - label) - np.abs(prediction - label)), dtype=np.float64)


def value_figures(values: Floats, nights: Nights = None) -> tuple[Figure, ...]:
    """Return the sum over rows (n,) and the mean of a row, each with its 95 % interval; nothing where there are no rows."""
    if not len(values):
        return ()
    estimate, rows = intervals.mean(values), len(values)
    low, high = estimate.interval(nights)
    total = [None if end is None else end * rows for end in (low, high)]
    return (
        Figure(VALUE, float(estimate.value * rows), total[0], total[1], rows),
        Figure(VALUE_OF_ROW, estimate.value, low, high, rows),
    )
