"""Compare how groups are treated: several measures, attributes and crossings at once, with intervals that hold for nights.

Definitions are Fairlearn's: the difference of a mean is its largest minus its smallest group, the ratio its smallest over its
largest, equalised odds the larger of the differences of true and of false positive rates. Rows of one night are not
independent, so nights are resampled: sums and counts by night and group are taken once, and a draw is a weight for each night
(the bootstrap of clusters; Davison and Hinkley 1997, section 3.8).

Two ends, for two claims. *All is within the limits* needs every pair of every comparison to be within: an intersection-union
test (Berger 1982), so each upper end is that of one pair, and the chance to pass a difference at the limit is at most 2.5 %.
*Something is beyond its limit* is claimed if a single pair is, and there may be hundreds: the lower ends hold for all at once,
by the distribution of the largest standardised deviation (max-T; Westfall and Young 1993). It is resampled, not bounded as
by Holm: pairs that share a group, and attributes that are nearly the same, cost next to nothing. Errors are those of sums by
night, and quantiles Student's, as in ``intervals``: percentiles of a bootstrap of fourteen nights are too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.fairness.contrasts import DRAWS, Contrasts, Scale, contrasts, night_weights, reaches
from nightloop.evidence.fairness.group_counts import GROUP_NIGHTS, Counts, Grouping, Mean, count, pool_small, small_groups
from nightloop.evidence.intervals import Floats
from nightloop.evidence.verdict import Figure, Outcome, with_interval


@dataclass(frozen=True)
class Measure:
    """Which means of groups are compared, and how: the widest pair's difference or ratio, or the largest distance from 0."""

    means: tuple[str, ...]
    scale: Scale = "difference"


MEASURES: Mapping[str, Measure] = {
    "selection_rate_difference": Measure(("selection_rate",)),
    "selection_rate_ratio": Measure(("selection_rate",), "ratio"),
    "true_positive_rate_difference": Measure(("true_positive_rate",)),  # equal opportunity
    "false_positive_rate_difference": Measure(("false_positive_rate",)),
    "equalised_odds_difference": Measure(("true_positive_rate", "false_positive_rate")),
    "calibration_bias": Measure(("calibration_bias",), "level"),
    "error_cost_difference": Measure(("error_cost",)),
    "mae_difference": Measure(("mae",)),
    "mean_prediction_difference": Measure(("mean_prediction",)),
    "accuracy_difference": Measure(("accuracy",)),
}


@dataclass(frozen=True)
class Comparison:
    """A measure over the groups of one grouping.

    Attributes:
        measure, by: names of the measure and of the grouping.
        gap: the figure that has a limit; NaN with fewer than two groups that are large enough. Of its ends, the one towards
            equality holds for all comparisons at once, the other for this pair.
        widest: the two groups that lie farthest apart, the larger first; of a level one group.
        small: groups that were not compared, each with its rows: fewer than the least size.
        pooled: groups of a crossing that were compared as one, being too small each.
        is_crossing: whether the groups are combinations of attributes.
    """

    measure: str
    by: str
    gap: Figure
    widest: tuple[str, ...] = ()
    small: tuple[str, ...] = ()
    pooled: tuple[str, ...] = ()
    is_crossing: bool = False

    @property
    def is_ratio(self) -> bool:
        """Whether less is worse, and a limit a least value."""
        return is_ratio(self.measure)


@dataclass(frozen=True)
class Assessment:
    """All comparisons, and a figure for each mean of each group; a figure's ``n`` counts the rows its mean stands on."""

    comparisons: tuple[Comparison, ...]
    groups: tuple[Figure, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The gaps, then the groups."""
        return (*(comparison.gap for comparison in self.comparisons), *self.groups)


def is_ratio(measure: str) -> bool:
    """Whether less is worse, and a limit a least value."""
    return MEASURES[measure].scale == "ratio"


def means_of(measures: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the means that the measures compare, each once."""
    return tuple(dict.fromkeys(name for measure in measures for name in MEASURES[measure].means))


def assess(
    means: Mapping[str, Mean],
    measures: Sequence[str],
    groupings: Sequence[Grouping],
    nights: NDArray[Any],
    *,
    minimum_rows: int = 1,
    minimum_nights: int = GROUP_NIGHTS,
    draws: int = DRAWS,
) -> Assessment:
    """Compare groups by every measure in every grouping.

    Args:
        means: each mean of ``means_of(measures)``, of n rows.
        measures: names out of ``MEASURES``.
        groupings: of the same n rows; gaps of the first are of the group ``all``, those of another of its name.
        nights: (n,) the night of each row.
        minimum_rows: least rows of a group, of the kind that a mean counts; smaller groups of a crossing are compared as one.
        minimum_nights: least nights with such rows.
        draws: how often nights are resampled; by a fixed seed, so the same rows give the same figures.
    """
    distinct, night = np.unique(nights, return_inverse=True)
    weights, least = night_weights(len(distinct), draws), (minimum_rows, minimum_nights)
    comparisons, figures, opened = list[Comparison](), list[Figure](), list[list[Contrasts]]()
    for position, grouping in enumerate(groupings):
        counted = {name: count(means[name], grouping, night, len(distinct)) for name in means_of(measures)}
        counts, pooled = pool_small(counted, *least) if grouping.is_crossing else (counted, ())
        for name, each in counts.items():
            figures += [*each.figures(name), *(each.shrunken(name) if grouping.is_crossing else ())]
        for measure in measures:
            compared = [counts[name] for name in MEASURES[measure].means]
            place = "all" if position == 0 else grouping.name
            gap = Figure(measure, math.nan, None, None, len(nights), place)
            small = small_groups(compared, *least)
            comparisons.append(Comparison(measure, grouping.name, gap, (), small, pooled, grouping.is_crossing))
            opened.append(_contrasts(compared, MEASURES[measure].scale, least, weights))
    return Assessment(_with_gaps(comparisons, opened, len(distinct)), tuple(figures))


def _contrasts(compared: Sequence[Counts], scale: Scale, least: tuple[int, int], weights: Floats) -> list[Contrasts]:
    """Contrast the groups that are large enough, by each mean; nothing where there are too few groups."""
    large = ~np.any([each.is_small(*least) for each in compared], axis=0)
    if large.sum() < (1 if scale == "level" else 2):
        return []
    return [contrasts(each.of(large), scale, weights) for each in compared]


def _with_gaps(comparisons: Sequence[Comparison], opened: Sequence[list[Contrasts]], nights: int) -> tuple[Comparison, ...]:
    every = [each for part in opened for each in part]
    one, at_once = reaches(every, nights) if every and nights > 1 else (math.nan, math.nan)
    return tuple(
        _with_gap(comparison, part, one, at_once) if part else comparison
        for comparison, part in zip(comparisons, opened, strict=True)
    )


def _with_gap(comparison: Comparison, parts: Sequence[Contrasts], one: float, at_once: float) -> Comparison:
    """Fill in the figure of the widest pair, and both ends over all pairs."""
    widest = max(
        ((apart, pair) for part in parts for apart, pair in zip(part.apart, part.pairs, strict=True)), key=itemgetter(0)
    )
    value = min(part.gap for part in parts) if comparison.is_ratio else max(part.gap for part in parts)
    low, high = None, None
    if math.isfinite(one):
        low = max(0.0, *(float(np.max(part.apart - at_once * part.error)) for part in parts))
        high = max(float(np.max(part.apart + one * part.error)) for part in parts)
        if comparison.is_ratio:  # the ends are of shares with half a row more: they hold the share itself too
            low, high = min(math.exp(-high), value), max(math.exp(-low), value)
    return replace(comparison, gap=replace(comparison.gap, value=value, low=low, high=high), widest=widest[1])


def judge(assessment: Assessment, limits: Mapping[str, float], minimum_rows: int) -> tuple[Outcome, list[str]]:
    """Return the outcome of the fairness gate and the clauses of its reason.

    Args:
        assessment: of every measure that has a limit.
        limits: measure -> largest value; of a ratio the least.
        minimum_rows: the least size of a group, for the reason.
    """
    by_outcome: dict[Outcome, list[Comparison]] = {"fail": [], "not_enough_evidence": [], "pass": []}
    for comparison in assessment.comparisons:
        by_outcome[outcome_of(comparison, limits[comparison.measure])].append(comparison)
    unjudged = _unjudged(assessment.comparisons)
    if beyond := by_outcome["fail"]:
        return "fail", [*(_beyond(item, "is", limits[item.measure]) for item in beyond), *unjudged]
    if unclear := by_outcome["not_enough_evidence"]:
        return "not_enough_evidence", [*(_unclear(item, limits[item.measure], minimum_rows) for item in unclear), *unjudged]
    if not by_outcome["pass"]:
        return "not_enough_evidence", ["nothing was compared"]
    return "pass", [*_within(by_outcome["pass"], limits), *unjudged]


def outcome_of(comparison: Comparison, limit: float) -> Outcome:
    """Return what one comparison shows: within the limit, beyond it, or neither.

    A group too small in a column of its own leaves open how it is treated; in a crossing its members are judged by the columns.
    """
    gap = comparison.gap
    if gap.low is None or gap.high is None or math.isnan(gap.value):
        return "not_enough_evidence"
    if gap.high < limit if comparison.is_ratio else gap.low > limit:
        return "fail"
    is_within = gap.low >= limit if comparison.is_ratio else gap.high <= limit
    return "pass" if is_within and (comparison.is_crossing or not comparison.small) else "not_enough_evidence"


def _unclear(comparison: Comparison, limit: float, minimum_rows: int) -> str:
    by, small = comparison.by, comparison.small
    if not comparison.widest or (small and not comparison.is_crossing):
        return f"too few rows to judge by {by}: {', '.join(small) or f'only one {by}'}; {minimum_rows} are needed in each"
    if math.isnan(comparison.gap.value):
        return f"the {_name(comparison)} is of nothing: every group has 0"
    return _beyond(comparison, "may be", limit)


def _beyond(comparison: Comparison, verb: str, limit: float) -> str:
    return f"{_measured(comparison)}, {verb} {'below' if comparison.is_ratio else 'above'} {limit:g}"


def _within(comparisons: Sequence[Comparison], limits: Mapping[str, float]) -> list[str]:
    """Return a clause a measure: the grouping that comes nearest to the limit, and which others are within it too."""
    clauses = []
    for measure in dict.fromkeys(item.measure for item in comparisons):
        same = [item for item in comparisons if item.measure == measure]
        nearest = min(same, key=lambda item: (item.gap.low or 0.0) if item.is_ratio else -(item.gap.high or 0.0))
        others = ", ".join(item.by for item in same if item is not nearest)
        clauses.append(f"{_measured(nearest)}, stays within {limits[measure]:g}{f'; so it does by {others}' if others else ''}")
    return clauses


def _measured(comparison: Comparison) -> str:
    return f"the {_name(comparison)}, {with_interval(comparison.gap)} ({' over '.join(comparison.widest)})"


def _name(comparison: Comparison) -> str:
    return f"{comparison.measure.replace('_', ' ')} by {comparison.by}"


def _unjudged(comparisons: Sequence[Comparison]) -> list[str]:
    """Name the groups of crossings that were compared as one, and those that were not compared."""
    crossed = {item.by: item for item in comparisons if item.is_crossing}
    pools = [
        f"too small each and compared as one by {by}: {', '.join(item.pooled)}" for by, item in crossed.items() if item.pooled
    ]
    rest = [f"too small to compare by {by}: {', '.join(item.small)}" for by, item in crossed.items() if item.small]
    return [*pools, *rest]
