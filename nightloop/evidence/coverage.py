"""How far answers must reach so that a promised share of outcomes lies within, and whether it did.

Split-conformal prediction (Papadopoulos et al. 2002; Lei et al. 2018): the quantile of how far off answers were on rows the
model was not fitted on. Its guarantee needs rows that could be exchanged for one another, and rows of one night share a level.
So nights are what is exchanged: each weighs the same, and the level of the quantile is the one at which a night is covered, on
average, by the quantile of the others (pooled distributions: Dunn, Wasserman and Ramdas 2022; see docs/decisions/0127). What no
exchange holds, a drift from the calibrate nights to those after them (Barber et al. 2023), the measured coverage shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence import intervals
from nightloop.evidence.intervals import Floats
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure, with_interval

_ROUNDING = 1e-12  # of sums of weights


def night_quantile(scores: Floats, nights: NDArray[Any], share: float) -> float:
    """Return the score that a share of the rows of another night stays within.

    Args:
        scores: (n,) how far off each answer was.
        nights: (n,) the night of each row.
        share: what is promised, as a share.
    """
    _, night, rows = np.unique(nights, return_inverse=True, return_counts=True)
    weight = 1.0 / rows[night]
    covered_from = np.empty(len(scores))
    for each in range(len(rows)):
        mine = night == each
        # A row lies within the others' quantile at every level above the share of them that is below it.
        covered_from[mine] = _share_below(scores[mine], scores[~mine], weight[~mine])
    level = _quantile(covered_from, weight, share)
    return _quantile(scores, weight, min(1.0, level + 2 * _ROUNDING))


def _share_below(scores: Floats, others: Floats, weight: Floats) -> Floats:
    if not len(others):
        return np.ones(len(scores))
    order = np.argsort(others, kind="stable")
    share = np.append(0.0, np.cumsum(weight[order])) / np.sum(weight)
    return np.asarray(share[np.searchsorted(others[order], scores, side="left")])


def _quantile(values: Floats, weight: Floats, share: float) -> float:
    """Return the least value that has this share of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    share_up_to = np.cumsum(weight[order]) / np.sum(weight)
    place = int(np.searchsorted(share_up_to, share - _ROUNDING, side="left"))
    return float(values[order[min(place, len(values) - 1)]])


def coverage_by_class(covered: Floats, nights: NDArray[Any], label: NDArray[Any], classes: Sequence[str]) -> tuple[Figure, ...]:
    """Return ``realised_coverage`` of all rows, and of those of each class that came: group ``class=name``.

    Args:
        covered, nights: as of ``realised_coverage``.
        label: (n,) the place of the class that came.
        classes: their names; none: all rows only.
    """
    place = label.astype(np.int64) if classes else label
    of_class = ((name, place == each) for each, name in enumerate(classes))
    by_class = (replace(realised_coverage(covered[rows], nights[rows]), group=f"class={name}") for name, rows in of_class)
    return (realised_coverage(covered, nights), *(item for item in by_class if item.n))


def realised_coverage(covered: Floats, nights: NDArray[Any]) -> Figure:
    """Return the mean over nights of the share of rows whose outcome lay within: each night weighs the same, as promised.

    Args:
        covered: (n,) 1 or 0; NaN where a row was promised nothing, which does not count.
        nights: (n,) the night of each row.
    """
    promised = ~np.isnan(covered)
    unique_nights, night, rows = np.unique(nights[promised], return_inverse=True, return_counts=True)
    if len(unique_nights) == 1:
        measured = figure("coverage", intervals.mean(covered[promised]), None, int(rows[0]))
    else:
        shares = np.bincount(night, weights=covered[promised], minlength=len(rows)) / rows
        measured = figure("coverage", intervals.mean(shares), None, int(rows.sum()))
    low, high = measured.low, measured.high
    low, high = (None if low is None else max(0.0, low)), (None if high is None else min(1.0, high))
    return Figure("coverage", measured.value, low, high, measured.n)


def broken_promise(measured: Figure, promised: float) -> str | None:
    """Say that coverage is shown to be less than was promised: the upper end of its interval is below; or None.

    Coverage that was not measured, or is of one night, is shown by nothing: it breaks the promise too.
    """
    words = f"its coverage {'' if measured.group == 'all' else f'of {measured.group} '}{with_interval(measured)}"
    if measured.high is None:
        return f"{words} tells nothing of the {promised:.0%} that are promised"
    return f"{words} is below the {promised:.0%} that are promised" if measured.high < promised else None
