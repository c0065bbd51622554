"""What answers were worth in money, once their outcomes are known: of each row, against having no model at all.

A decision is worth what its cell of the confusion matrix gains, less what the same row gains without a model, when nobody is
decided positively (Elkan 2001, The Foundations of Cost-Sensitive Learning: only differences within a class of outcomes count).
So a negative decision is worth nothing, and doing nothing is worth zero. A number is worth the cost of the error it spares,
against one number that is used where there is no model.

Arrays of n rows; values in the currency of the use case.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Bools, Estimate, Floats, Nights
from nightloop.evidence.verdict import Figure

VALUE, VALUE_OF_ROW, CAPTURED = "value", "value_per_row", "value_captured"


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


def value_figures(values: Floats, perfect: Floats, nights: Nights = None) -> tuple[Figure, ...]:
    """Return the sum over rows, the mean of a row, and the share of what perfect answers would have been worth.

    The share does not move with the rate of events, so it tells a model that got worse from nights with less to gain.

    Args:
        values: (n,) what the answers were worth.
        perfect: (n,) what answers that knew the outcomes would have been.
        nights: of each row, for the 95 % intervals; None: rows are independent.

    Returns:
        Nothing where there are no rows; no share where there was nothing to gain.
    """
    if not len(values):
        return ()
    estimate, rows = intervals.mean(values), len(values)
    low, high = estimate.interval(nights)
    total = [None if end is None else end * rows for end in (low, high)]
    figures = (
        Figure(VALUE, float(estimate.value * rows), total[0], total[1], rows),
        Figure(VALUE_OF_ROW, estimate.value, low, high, rows),
    )
    gainable = float(perfect.sum())
    if gainable <= 0:
        return figures
    share = float(values.sum()) / gainable
    ratio = Estimate(share, (values - share * perfect) / gainable)  # linearised (Cochran 1977, Sampling Techniques, 6.3)
    return (*figures, Figure(CAPTURED, share, *ratio.interval(nights), rows))


def expected_gain(then: Figure, now: Figure, *, gainable: float, cost: float) -> Figure:
    """Return what a training is expected to gain: the share lost since ``then``, of what there is to gain, less its cost.

    Args:
        then, now: ``value_captured`` of the same model, of nights that do not overlap, each with an interval.
        gainable: what perfect answers would be worth over the time that a new champion is to serve.
        cost: of the training.

    Raises:
        ValueError: one of them has no interval.
    """
    if then.low is None or then.high is None or now.low is None or now.high is None:
        raise ValueError("a share without an interval says nothing of what was lost.")
    lost = then.value - now.value
    reach = math.hypot(then.high - then.low, now.high - now.low) / 2  # independent: half-widths add as their squares
    low, high, value = (end * gainable - cost for end in (lost - reach, lost + reach, lost))
    return Figure("expected_gain", value, low, high, now.n)
