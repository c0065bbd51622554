"""How good scores turned out to be, once their labels are known: figures with intervals, and the monitor's verdict on them.

Arrays of n rows: ``label`` and ``decision`` bool, ``probability`` float64, ``nights`` the night of each row. Intervals over
several nights take the nights as the independent units; within one night (``nights=None``) they take the rows.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Bools, Floats, Nights
from nightloop.evidence.metrics import all_figures, figure
from nightloop.evidence.verdict import Figure, Verdict

TENTHS = 10
# Student's t on few nights reaches beyond what the figure can be: the ends stop there.
BOUNDS = {"calibration_bias": (-1.0, 1.0), "log_loss": (0.0, math.inf)}


def realised_figures(label: Bools, probability: Floats, decision: Bools, nights: Nights = None) -> tuple[Figure, ...]:
    """Measure matured scores: order, error, calibration, rates; nothing where there are no rows or only one class to order.

    ``base_rate_brier`` is the Brier score of always saying the rows' own base rate: the score to be under.
    """
    if not len(label):
        return ()
    rows, rate = len(label), float(np.mean(label))
    measured = (
        *all_figures(label, probability, nights),
        Figure("base_rate_brier", rate * (1 - rate), None, None, rows),
        figure("selection_rate", intervals.mean(decision.astype(np.float64)), nights, rows),
        figure("mean_probability", intervals.mean(probability), nights, rows),
    )
    return tuple(_bounded(item) for item in measured if math.isfinite(item.value))


def group_figures(
    label: Bools, probability: Floats, decision: Bools, nights: Nights, *, group: NDArray[np.str_], column: str
) -> tuple[Figure, ...]:
    """Measure each group of the rows by itself; a figure's ``group`` is ``column=value``.

    True and false positive rates stand on the rows that came out positive and negative.
    """
    figures: list[Figure] = []
    for value in np.unique(group):
        rows = group == value
        held = None if nights is None else nights[rows]
        measured = list(realised_figures(label[rows], probability[rows], decision[rows], held))
        for metric, among in (("true_positive_rate", label), ("false_positive_rate", ~label)):
            size = int((rows & among).sum())
            if size:
                rate = intervals.share(decision[rows], among[rows])
                measured.append(_bounded(figure(metric, rate, held, size)))
        figures += [replace(item, group=f"{column}={value}") for item in measured]
    return tuple(figures)


def calibration_figures(label: Bools, probability: Floats, nights: Nights = None) -> tuple[Figure, ...]:
    """Compare said and seen in ten bins of equal count, ascending in probability; groups ``tenth 1`` to ``tenth 10``."""
    figures: list[Figure] = []
    for i, rows in enumerate(np.array_split(np.argsort(probability, kind="stable"), TENTHS), start=1):
        if len(rows):
            held = None if nights is None else nights[rows]
            seen = figure("calibration_seen", intervals.mean(label[rows].astype(np.float64)), held, len(rows), f"tenth {i}")
            figures.append(Figure("calibration_said", float(np.mean(probability[rows])), None, None, len(rows), f"tenth {i}"))
            figures.append(_bounded(seen))
    return tuple(figures)


def performance_verdict(figures: tuple[Figure, ...], rows: int, nights: int, *, auc_floor: float, minimum_rows: int) -> Verdict:
    """Judge the AUC over several nights: fail when even the upper end of its interval is under the floor."""

    def unknown(reason: str) -> Verdict:
        return Verdict("performance", "not_enough_evidence", reason, figures)

    if not rows:
        return unknown("No label of a scored night is known yet.")
    if rows < minimum_rows:
        return unknown(f"{rows} matured labels are too few to judge realised performance; {minimum_rows} are asked for.")
    area = next((item for item in figures if item.metric == "auc" and item.group == "all"), None)
    if area is None:
        return unknown(f"All {rows:,} matured labels are alike; there is no order to judge.")
    if area.high is None or area.low is None:
        return unknown(
            f"Realised AUC {area.value:.3f} stands on one scored night ({rows:,} labels); one night tells nothing of others."
        )
    over = f"{rows:,} matured labels of {nights} scored nights"
    said = f"Realised AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f}) over {over}; the floor is {auc_floor:g}."
    return Verdict("performance", "fail" if area.high < auc_floor else "pass", said, figures)


def _bounded(item: Figure) -> Figure:
    if item.low is None or item.high is None:
        return item
    least, most = BOUNDS.get(item.metric, (0.0, 1.0))
    return replace(item, low=max(least, item.low), high=min(most, item.high))
