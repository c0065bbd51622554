"""Make a model treat groups more alike: weights to fit by, a threshold for each group, and which of several models to take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.intervals import Bools, Floats
from nightloop.evidence.verdict import Figure, with_interval

UNMITIGATED = "unmitigated"
GROUP_RATES = {
    "selection_rate_difference": "selection_rate",
    "true_positive_rate_difference": "true_positive_rate",
    "false_positive_rate_difference": "false_positive_rate",
}
"""The rate that each measure compares: what a threshold for each group makes equal."""


def reweighing(group: NDArray[Any], label: Bools) -> Floats:
    """Return weights (n,) of rows under which group and label are independent; their mean is 1.

    ``P(group) P(label) / P(group, label)`` (Kamiran and Calders 2012, Data preprocessing techniques for classification without
    discrimination).
    """
    _, place = np.unique(group, return_inverse=True)
    cell = place * 2 + label
    rows = np.bincount(cell, minlength=2 * (int(place.max(initial=0)) + 1)).reshape(-1, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = rows.sum(axis=1, keepdims=True) * rows.sum(axis=0) / (rows * len(label))
    return np.asarray(weight.ravel()[cell], dtype=np.float64)


def counted_rows(measure: str, label: Bools) -> Bools:
    """Return the rows (n,) that the rate of a measure counts: all, those that came out positive, or negative."""
    rate = GROUP_RATES[measure]
    if rate == "selection_rate":
        return np.ones(len(label), dtype=np.bool_)
    return label if rate == "true_positive_rate" else ~label


def equal_rates(
    prediction: Floats, counted: Bools, group: NDArray[Any], *, threshold: float, minimum_rows: int
) -> dict[str, float]:
    """Return a threshold for each group, so that each selects the share of counted rows that ``threshold`` selects of all.

    Each lies midway between the last prediction that is selected and the first that is not (Hardt, Price and Srebro 2016,
    Equality of opportunity in supervised learning, without their randomisation). A group with fewer than ``minimum_rows``
    counted rows gets none.
    """
    if not counted.any():
        return {}
    rate = float(np.mean(prediction[counted] >= threshold))
    of_groups = {str(name): np.sort(prediction[counted & (group == name)])[::-1] for name in np.unique(group)}
    return {name: _cut(ordered, rate) for name, ordered in of_groups.items() if len(ordered) >= max(minimum_rows, 1)}


def _cut(descending: Floats, rate: float) -> float:
    """Return the threshold that selects this share of predictions in descending order."""
    selected = round(rate * len(descending))
    if selected == 0:
        return float(np.nextafter(descending[0], math.inf))
    if selected == len(descending):
        return float(descending[-1])
    return float((descending[selected - 1] + descending[selected]) / 2)


@dataclass(frozen=True)
class Option:
    """One model that could be taken.

    Attributes:
        name: the method, or ``UNMITIGATED``.
        metric: the task's metric of what its decisions are made by.
        loss: by how much the unmitigated model is better in it, paired on the same rows.
        gap: the declared measure between groups.
    """

    name: str
    metric: Figure
    loss: Figure
    gap: Figure


def choose(options: Sequence[Option], maximum_loss: float) -> tuple[str, str]:
    """Return the option of the least gap among those that lose at most ``maximum_loss``, and why in words.

    The unmitigated model comes first and loses nothing; of equal gaps the first is taken. The figures themselves count. An
    option whose gap could not be measured is never taken for another.
    """
    affordable = [option for option in options if option.loss.value <= maximum_loss and math.isfinite(option.gap.value)]
    if not affordable:
        return UNMITIGATED, f"No {options[0].gap.metric.replace('_', ' ')} could be measured."
    best = min(affordable, key=lambda option: option.gap.value)
    dear = [option.name for option in options if not option.loss.value <= maximum_loss]
    metric = best.metric.metric.replace("_", " ").replace("auc", "AUC")
    reason = f"the least {best.gap.metric.replace('_', ' ')}, {with_interval(best.gap)}"
    lost = f"for {with_interval(best.loss)} of {metric}, of which {maximum_loss:g} may be lost"
    beyond = f"; more is lost by {', '.join(dear)}" if dear else ""
    return best.name, f"{best.name.replace('_', ' ').capitalize()} has {reason}, {lost}{beyond}."
