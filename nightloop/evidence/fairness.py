"""Compare how groups are treated, with intervals that hold for nights.

Values by Fairlearn's ``MetricFrame``; intervals by ``intervals``. The difference of a metric is its largest minus its
smallest group; it is within the limit only if every pair of groups is (an intersection-union test, Berger 1982: no
correction for many pairs is needed, the chance of passing a difference at the limit is at most 2.5 %).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Bools, Estimate, Floats, Nights
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure

RateMetric = Literal["selection_rate_difference", "true_positive_rate_difference", "false_positive_rate_difference"]
MeanMetric = Literal["mae_difference", "mean_prediction_difference", "accuracy_difference"]


@dataclass(frozen=True)
class Comparison:
    """A metric by group, and its largest difference.

    Attributes:
        groups: one figure a group; its ``n`` counts the rows the metric stands on (all, the positive, or the negative ones).
        difference: largest minus smallest group; ``low`` and ``high`` are the outermost ends over all pairs.
        widest: the two groups that lie farthest apart, the larger first.
    """

    groups: tuple[Figure, ...]
    difference: Figure
    widest: tuple[str, str]


def compare(metric: RateMetric, label: Bools, decision: Bools, *, group: NDArray[Any], nights: Nights = None) -> Comparison:
    """Measure a metric for each group and compare them all.

    Args:
        metric: which rate: of positive decisions among all rows (selection), among positive, or among negative rows.
        label: (n,) what happened.
        decision: (n,) what was decided.
        group: (n,) the group of each row, as text.
        nights: (n,) the night of each row.

    A group without any row of the kind has the value NaN, and so has the difference.

    Raises:
        ArithmeticError: Fairlearn finds another difference, so neither may be believed.
    """
    comparison = compare_rates(metric, label, decision, group=group, nights=nights)
    if not math.isnan(comparison.difference.value):
        _agree(metric, label, decision, group, comparison.difference.value)
    return comparison


def compare_rates(
    metric: RateMetric, label: Bools, decision: Bools, *, group: NDArray[Any], nights: Nights = None
) -> Comparison:
    """Measure as ``compare`` does, without asking Fairlearn, whose import takes seconds: for figures that decide nothing."""
    counted = _rows_counted(metric, label)
    among = {str(name): (group == name) & counted for name in np.unique(group)}
    return _compared(metric, {name: intervals.share(decision, rows) for name, rows in among.items()}, among, nights)


def compare_means(metric: MeanMetric, values: Floats, *, group: NDArray[Any], nights: Nights = None) -> Comparison:
    """Compare the mean of values (n,) by group: absolute errors (mae), predictions, or 1 where it was right (accuracy).

    A mean by group needs no second route: it is one line.
    """
    among = {str(name): np.asarray(group == name, dtype=np.bool_) for name in np.unique(group)}
    return _compared(metric, {name: intervals.mean_among(values, rows) for name, rows in among.items()}, among, nights)


def _compared(metric: str, means: dict[str, Estimate], among: dict[str, Bools], nights: Nights) -> Comparison:
    names = list(means)
    rows = len(next(iter(among.values()))) if among else 0
    measured = metric.removesuffix("_difference")
    figures = tuple(figure(measured, means[name], nights, int(among[name].sum()), name) for name in names)
    if len(names) < 2 or any(math.isnan(item.value) for item in figures):  # noqa: PLR2004 - a difference needs two
        return Comparison(figures, Figure(metric, math.nan, None, None, rows), (names[0], names[-1]) if names else ("", ""))
    difference, widest = _largest(metric, means, nights, rows)
    return Comparison(figures, difference, widest)


def _rows_counted(metric: RateMetric, label: Bools) -> Bools:
    if metric == "selection_rate_difference":
        return np.ones(len(label), dtype=np.bool_)
    return label if metric == "true_positive_rate_difference" else ~label


def _largest(metric: str, rates: dict[str, Estimate], nights: Nights, rows: int) -> tuple[Figure, tuple[str, str]]:
    pairs: list[tuple[float, tuple[float | None, float | None], tuple[str, str]]] = []
    for one, other in combinations(rates, 2):
        larger, smaller = (one, other) if rates[one].value >= rates[other].value else (other, one)
        gap = rates[larger].minus(rates[smaller])
        pairs.append((gap.value, gap.interval(nights), (larger, smaller)))
    value, (low, _), widest = max(pairs, key=lambda pair: pair[0])
    ends = [high for _, (_, high), _ in pairs]
    high = None if None in ends else max(end for end in ends if end is not None)
    return Figure(metric, value, low, high, rows), widest


def _agree(metric: RateMetric, label: Bools, decision: Bools, group: NDArray[Any], value: float) -> None:
    """Hold our value against Fairlearn's: two routes to one number."""
    from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate

    rates = {
        "selection_rate_difference": selection_rate,
        "true_positive_rate_difference": true_positive_rate,
        "false_positive_rate_difference": false_positive_rate,
    }
    frame = MetricFrame(metrics=rates[metric], y_true=label, y_pred=decision, sensitive_features=group.astype(str))
    by_fairlearn = float(frame.difference(method="between_groups"))
    if not math.isclose(by_fairlearn, value, abs_tol=1e-9):
        raise ArithmeticError(f"{metric} is {value} by our count and {by_fairlearn} by Fairlearn's.")
