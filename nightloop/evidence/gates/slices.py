"""The gate of slices: is the candidate worse in a part of the rows, while it is better on the whole?

Each slice is a claim of its own, and among twenty a bad one turns up by chance: only what stands after Holm's step-down
correction (Holm 1979) is shown to be worse, so that a candidate without any loss fails in at most 2.5 % of trainings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.evaluation import MINIMUM_NIGHTS, Evaluation
from nightloop.evidence.gates.limits import SlicesLimits
from nightloop.evidence.gates.sentences import fail, sentence, unusable
from nightloop.evidence.intervals import CONFIDENCE, Floats
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure, Verdict, with_interval

GATE = "slices"
LEVEL = (1 - CONFIDENCE) / 2
MOST_VALUES = 8
"""Distinct values up to which a feature is divided by value."""
MISSING = "missing"


def parts_of(values: Floats, reference: Floats) -> NDArray[np.str_]:
    """Name the part that each value (n,) of a feature is in: its value, or the quarter of the reference's values."""
    known = reference[np.isfinite(reference)]
    distinct = np.unique(known)
    if len(distinct) <= MOST_VALUES:
        names = np.array([f"{value:g}" for value in values])
    else:
        edges = np.unique(np.quantile(known, (0.25, 0.5, 0.75)))
        words = [f"up to {edges[0]:.4g}", *(f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges))]
        names = np.array([*words, f"above {edges[-1]:.4g}"])[np.searchsorted(edges, values)]
    return np.where(np.isnan(values), MISSING, names)


@dataclass(frozen=True)
class _Slice:
    figure: Figure
    p_value: float


def judge_slices(evaluation: Evaluation, columns: Mapping[str, NDArray[np.str_]], limits: SlicesLimits | None) -> Verdict:
    """Judge a candidate in each slice by the task's metric, against the champion, or the baseline where there is none.

    Args:
        evaluation: of n rows.
        columns: name -> (n,) the slice of each row.
        limits: None: no slices are declared.
    """
    if limits is None:
        return Verdict(GATE, "pass", "No slices are declared.")
    if stop := unusable(GATE, evaluation, limits.minimum_rows):
        return stop
    rival, whom = evaluation.baseline, "the baseline"
    if evaluation.champion is not None:
        rival, whom = evaluation.champion, "the champion"
    judged, small = list[_Slice](), list[str]()
    for name, of_rows in columns.items():
        for part in sorted(set(of_rows.tolist())):
            rows = (of_rows == part) & np.atleast_2d(np.isfinite(rival.T)).all(axis=0)
            item = _measured(evaluation, rival, rows, f"{name}={part}", limits)
            judged += [item] if item else []
            small += [] if item else [f"{name}={part} ({int(rows.sum())})"]
    figures = [item.figure for item in judged]
    few = [f"too few rows, nights or outcomes to judge {', '.join(small)}"] if small else []
    if not judged:
        return Verdict(GATE, "not_enough_evidence", sentence(few))
    if worse := list(_shown_worse(judged)):
        lost = [
            f"in {item.group} it is worse than {whom}: {with_interval(item)}, limit {-limits.maximum_loss:g}" for item in worse
        ]
        return fail(GATE, [*lost, *few], figures)
    least = min(figures, key=lambda item: item.value)
    nothing = f"none of {len(figures)} slices is shown to be worse than {whom} by more than {limits.maximum_loss:g}"
    return Verdict(GATE, "pass", sentence([f"{nothing}; least {least.group}, {with_interval(least)}", *few]), tuple(figures))


def _measured(evaluation: Evaluation, rival: Floats, rows: NDArray[np.bool_], name: str, limits: SlicesLimits) -> _Slice | None:
    """Measure one slice; nothing where too little is known of it."""
    part, other = evaluation.of(rows), rival[rows]
    size, task = len(part.label), evaluation.metric_set
    if size < limits.minimum_rows or part.nights < MINIMUM_NIGHTS or task.constant_label(part.label):
        return None
    estimate = task.improvement(part.label, part.candidate, other)
    item = figure(f"{task.metric}_improvement", estimate, part.night, size, name)
    return _Slice(replace(item, least=-limits.maximum_loss), _p_value(estimate.value + limits.maximum_loss, item, part.nights))


def _p_value(above: float, item: Figure, nights: int) -> float:
    """Return the chance of a figure so far below the limit, were it at the limit."""
    from scipy.special import stdtr, stdtrit

    if item.low is None or item.high is None or not math.isfinite(above):
        return 1.0
    error = (item.high - item.low) / 2 / float(stdtrit(nights - 1, 1 - LEVEL))
    if error <= 0:
        return 0.0 if above < 0 else 1.0
    return float(stdtr(nights - 1, above / error))


def _shown_worse(slices: Sequence[_Slice]) -> Iterator[Figure]:
    """Yield the slices that stand after Holm's correction, the clearest first."""
    for place, item in enumerate(sorted(slices, key=lambda item: item.p_value)):
        if item.p_value > LEVEL / (len(slices) - place):
            return
        yield item.figure
