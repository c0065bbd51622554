"""The gates: may this candidate become champion? Arrays in, a verdict out, nothing else.

Each gate answers pass, fail, or not enough evidence, and only a pass opens it. Limits come from the use case; a limit that is
compared with an end of a 95 % interval passes a candidate that lies exactly at it in at most one case of forty.
"""

from __future__ import annotations

from collections.abc import Mapping

from nightloop.evidence.evaluation import Evaluation
from nightloop.evidence.fairness.fairness import Assessment, assess, is_ratio, judge, means_of
from nightloop.evidence.fairness.group_counts import Mean, check_by_fairlearn, groupings
from nightloop.evidence.fairness.group_counts import grouping as group_by
from nightloop.evidence.gates.bundle import bundle
from nightloop.evidence.gates.calibration import calibration
from nightloop.evidence.gates.limits import FairnessLimits, PerformanceLimits
from nightloop.evidence.gates.sentences import fail, sentence, unusable
from nightloop.evidence.gates.succession import on_nights, succession, yearly_budget
from nightloop.evidence.verdict import Limit, Verdict, is_above, limited, with_interval

__all__ = ["GATES", "bundle", "calibration", "fairness", "performance"]

GATES = ("data", "performance", "calibration", "fairness", "slices", "stability", "behaviour", "privacy", "bundle")


def performance(evaluation: Evaluation, limits: PerformanceLimits) -> Verdict:
    """Judge the candidate by the task's metric: better than no skill and than the baseline, not worse than the champion
    nor than the best of the year, not too good.

    The comparisons are paired on the same rows; the lower end of their interval counts.
    """
    gate, task = "performance", evaluation.metric_set
    if stop := unusable(gate, evaluation, limits.minimum_rows):
        return stop
    candidate = evaluation.metric(task.metric, evaluation.candidate)
    everything = evaluation.everything
    improvement = everything.improvement(f"{task.metric}_over_baseline", everything.baseline)
    discrimination = task.discrimination(evaluation.label, evaluation.candidate, evaluation.night)
    figures = [
        candidate,
        evaluation.metric(f"baseline_{task.metric}", evaluation.baseline),
        improvement,
        *([discrimination] if discrimination != candidate else []),
    ]
    name = f"{task.title[0].upper()}{task.title[1:]}"
    problems = []
    if excess := task.too_good(candidate.value, limits):
        problems.append(f"{name} {with_interval(candidate)} is {excess}: too good to be true, look for a leak")
    if not is_above(discrimination.low, task.no_skill):
        words = discrimination.metric.replace("_", " ").replace("auc", "AUC")
        problems.append(
            f"{words} {with_interval(discrimination)} may be no better than {'a coin' if task.no_skill else 'none'}"
        )
    if not is_above(improvement.low, limits.over_baseline):
        problems.append(
            f"its improvement over the baseline, {with_interval(improvement)}, may be no more than {limits.over_baseline}"
        )
    comparisons = succession(evaluation, limits)
    figures += [item for comparison in comparisons for item in comparison.figures]
    figures = list(limited(figures, _performance_limits(evaluation, limits, discrimination.metric)))
    problems += [comparison.reason for comparison in comparisons if comparison.outcome == "fail"]
    if problems:
        return fail(gate, problems, figures)
    if missing := [comparison.reason for comparison in comparisons if comparison.outcome == "not_enough_evidence"]:
        return Verdict(gate, "not_enough_evidence", sentence(missing), tuple(figures))
    good = [
        f"{name} {with_interval(candidate)} on {candidate.n} rows of {evaluation.nights} nights",
        f"over the baseline {with_interval(improvement)}{on_nights(evaluation, everything)}",
        *(comparison.reason for comparison in comparisons),
    ]
    return Verdict(gate, "pass", sentence(good), tuple(figures))


def _performance_limits(evaluation: Evaluation, limits: PerformanceLimits, discrimination: str) -> Mapping[str, Limit]:
    """Return metric -> what the gate holds it to."""
    task = evaluation.metric_set
    metric = task.metric
    suspicious = (None, limits.suspicious_above) if task.higher_is_better else (limits.suspicious_below, None)
    return {
        metric: suspicious,
        discrimination: (task.no_skill, suspicious[1] if discrimination == metric else None),
        f"{metric}_over_baseline": (limits.over_baseline, None),
        f"{metric}_over_champion": (0.0 if limits.rule == "superior" else -limits.margin_to_champion, None),
        f"{metric}_over_anchor": (-yearly_budget(limits), None),
    }


def fairness(evaluation: Evaluation, limits: FairnessLimits) -> Verdict:
    """Judge whether groups are treated alike: by every measure that has a limit, in every attribute and crossing.

    Only what is shown to be within all limits passes; what is shown to be beyond one fails; all else is not enough evidence,
    and so is a group with too few rows of the kind that a measure counts. A use case without this gate passes with its reason.
    """
    gate = "fairness"
    if limits.none_because:
        return Verdict(gate, "pass", sentence([f"no fairness gate applies: {limits.none_because.rstrip('.')}"]))
    if stop := unusable(gate, evaluation, limits.minimum_group_rows):
        return stop
    assessment = assessed(evaluation, limits)
    check_by_fairlearn(means_compared(evaluation, limits), group_by(str(limits.group), evaluation.group), assessment.groups)
    outcome, clauses = judge(assessment, limits.bounds, limits.minimum_group_rows)
    bounds = {name: (limit, None) if is_ratio(name) else (None, limit) for name, limit in limits.bounds.items()}
    gaps = limited((comparison.gap for comparison in assessment.comparisons), bounds)
    return Verdict(gate, outcome, sentence(clauses), (*gaps, *assessment.groups))


def assessed(evaluation: Evaluation, limits: FairnessLimits) -> Assessment:
    """Compare the groups of an evaluation by every measure that has a limit."""
    attributes = {str(limits.group): evaluation.group, **evaluation.attributes}
    return assess(
        means_compared(evaluation, limits),
        tuple(limits.bounds),
        groupings(attributes, limits.crossed),
        evaluation.night,
        minimum_rows=limits.minimum_group_rows,
    )


def means_compared(evaluation: Evaluation, limits: FairnessLimits) -> dict[str, Mean]:
    """Return what the measures with a limit compare, by name."""
    label, prediction, decision = evaluation.label, evaluation.candidate, evaluation.decision
    return {
        name: evaluation.metric_set.group_mean(name, label, prediction, decision, costs=limits.error_costs)
        for name in means_of(tuple(limits.bounds))
    }
