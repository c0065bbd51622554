"""How good scores turned out to be, once their labels are known: figures with intervals.

Arrays of n rows as the task of the metric set has them (see ``metric_set``); ``nights`` the night of each row. Intervals over
several nights take the nights as the independent units; within one night (``nights=None``) they take the rows.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Bools, Floats, Nights
from nightloop.evidence.metric_set import Labels, MetricSet
from nightloop.evidence.metric_sets import BINARY
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure

TENTHS = 10
PREDICTED, OBSERVED = "calibration_said", "calibration_seen"  # figures of a tenth: points of the reliability curve


def realised_figures(
    label: Labels, prediction: Floats, decision: Bools | None, nights: Nights = None, metric_set: MetricSet = BINARY
) -> tuple[Figure, ...]:
    """Measure matured scores by every figure of the task; nothing where there are no rows or only one class to order.

    ``base_rate_brier`` is the Brier score of always predicting the base rate of the rows: the score to beat.
    """
    if not len(label):
        return ()
    measured = metric_set.realised(label, prediction, decision, nights)
    return tuple(_bounded(item, metric_set) for item in measured if math.isfinite(item.value))


def group_figures(
    label: Labels,
    prediction: Floats,
    decision: Bools | None,
    nights: Nights,
    *,
    group: NDArray[np.str_],
    column: str,
    metric_set: MetricSet = BINARY,
) -> tuple[Figure, ...]:
    """Measure each group of the rows by itself; a figure's ``group`` is ``column=value``.

    True and false positive rates stand on the rows that came out positive and negative.
    """
    figures: list[Figure] = []
    for value in np.unique(group):
        rows = group == value
        nights_of_group = None if nights is None else nights[rows]
        decided = None if decision is None else decision[rows]
        measured = list(realised_figures(label[rows], prediction[rows], decided, nights_of_group, metric_set))
        for metric, (hits, among) in metric_set.group_rates(label[rows], prediction[rows], decided).items():
            size = int(among.sum())
            if size:
                measured.append(_bounded(figure(metric, intervals.share(hits, among), nights_of_group, size), metric_set))
        figures += [replace(item, group=f"{column}={value}") for item in measured]
    return tuple(figures)


def calibration_figures(
    label: Labels, prediction: Floats, nights: Nights = None, metric_set: MetricSet = BINARY
) -> tuple[Figure, ...]:
    """Compare prediction and observation in ten bins of equal count, ascending; groups ``tenth 1`` to ``tenth 10``."""
    if not len(label):
        return ()
    figures: list[Figure] = []
    predicted, observed = metric_set.predicted_and_observed(label, prediction)
    for i, rows in enumerate(np.array_split(np.argsort(predicted, kind="stable"), TENTHS), start=1):
        if len(rows):
            nights_of_group = None if nights is None else nights[rows]
            observation = figure(OBSERVED, intervals.mean(observed[rows]), nights_of_group, len(rows), f"tenth {i}")
            figures.append(Figure(PREDICTED, float(np.mean(predicted[rows])), None, None, len(rows), f"tenth {i}"))
            figures.append(_bounded(observation, metric_set))
    return tuple(figures)


def _bounded(item: Figure, metric_set: MetricSet) -> Figure:
    least, most = metric_set.bounds(item.metric)
    low = None if item.low is None else max(least, item.low)
    high = None if item.high is None else min(most, item.high)
    return replace(item, low=low, high=high)
