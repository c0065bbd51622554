"""Say of compared groups whether all is within the limits, something is beyond, or neither is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nightloop.evidence.fairness import Assessment, Comparison
from nightloop.evidence.verdict import Outcome, with_interval


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
