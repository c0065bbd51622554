"""The gate of stability: is the recipe worth its cost from every origin, or only on the newest nights?

A recipe that beat the baseline on average may have failed for a month: what it makes next month may too.
"""

from __future__ import annotations

from dataclasses import replace

from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.gates.limits import StabilityLimits
from nightloop.evidence.gates.sentences import fail, sentence, unusable
from nightloop.evidence.intervals import CONFIDENCE
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure, Verdict, is_above, with_interval

GATE = "stability"


def judge_stability(evaluation: Evaluation, limits: StabilityLimits | None) -> Verdict:
    """Judge the improvement over the baseline from each origin, the newest nights among them.

    Passing needs each of them to be shown, so no correction (Berger 1982); that some origin is beyond is claimed among several,
    so the ends for a fail are Bonferroni's.
    """
    if limits is None:
        return Verdict(GATE, "pass", "No stability is declared.")
    parts = (*evaluation.earlier, evaluation)
    for part in parts:
        if stop := unusable(GATE, part, 1):
            return stop
    figures, beyond = [], []
    for part in parts:
        item, high = _improvement(part, len(parts))
        item = replace(item, least=-limits.maximum_loss)
        figures.append(item)
        if high is not None and high < -limits.maximum_loss:
            beyond.append(f"on {item.group} its recipe is worse than the baseline: {with_interval(item)}")
    if beyond:
        return fail(GATE, [*beyond, f"the limit is {-limits.maximum_loss:g}"], figures)
    if len(evaluation.earlier) < limits.minimum_origins:
        few = f"{len(evaluation.earlier)} earlier origins; {limits.minimum_origins} are needed"
        return Verdict(GATE, "not_enough_evidence", sentence([few]), tuple(figures))
    if unclear := [item for item in figures if not is_above(item.low, -limits.maximum_loss)]:
        clauses = [f"on {item.group} {with_interval(item)}: not shown to be above {-limits.maximum_loss:g}" for item in unclear]
        return Verdict(GATE, "not_enough_evidence", sentence(clauses), tuple(figures))
    least = min(figures, key=lambda item: item.value)
    words = f"over the baseline by at least {least.value:.3f} on each of {len(figures)} windows"
    return Verdict(GATE, "pass", sentence([f"{words}; least on {least.group}, {with_interval(least)}"]), tuple(figures))


def _improvement(part: Evaluation, windows: int) -> tuple[Figure, float | None]:
    """Return the improvement over the baseline, named by its nights, and its upper end among so many windows."""
    metric_set = part.metric_set
    estimate = metric_set.improvement(part.label, part.candidate, part.baseline, part.night)
    name = f"{part.night.min()} to {part.night.max()}"
    _, high = estimate.interval(part.night, 1 - (1 - CONFIDENCE) / windows)
    return figure(f"{metric_set.metric}_over_baseline", estimate, part.night, len(part.label), name), high
