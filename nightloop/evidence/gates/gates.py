"""The gates: may this candidate become champion? Arrays in, a verdict out, nothing else.

Each gate answers pass, fail, or not enough evidence, and only a pass opens it. Limits come from the use case; a limit that is
compared with an end of a 95 % interval passes a candidate that lies exactly at it in at most one case of forty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nightloop.evidence.evaluation import MINIMUM_NIGHTS, Evaluation
from nightloop.evidence.fairness.fairness import Assessment, assess, judge, means_of
from nightloop.evidence.fairness.group_counts import Mean, check_by_fairlearn, groupings
from nightloop.evidence.fairness.group_counts import grouping as group_by
from nightloop.evidence.gates.limits import CalibrationLimits, FairnessLimits, PerformanceLimits
from nightloop.evidence.gates.succession import LARGEST_ROUNDING, on_nights, succession
from nightloop.evidence.intervals import Floats
from nightloop.evidence.verdict import Figure, Verdict, is_above, with_interval

GATES = ("data", "performance", "calibration", "fairness", "bundle")


def performance(evaluation: Evaluation, limits: PerformanceLimits) -> Verdict:
    """Judge the candidate by the task's metric: better than no skill and than the baseline, not worse than the champion
    nor than the best of the year, not too good.

    The comparisons are paired on the same rows; the lower end of their interval counts.
    """
    gate, task = "performance", evaluation.metric_set
    if stop := _unusable(gate, evaluation, limits.minimum_rows):
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
    problems += [comparison.reason for comparison in comparisons if comparison.outcome == "fail"]
    if problems:
        return _fail(gate, problems, figures)
    if missing := [comparison.reason for comparison in comparisons if comparison.outcome == "not_enough_evidence"]:
        return Verdict(gate, "not_enough_evidence", _sentence(missing), tuple(figures))
    good = [
        f"{name} {with_interval(candidate)} on {candidate.n} rows of {evaluation.nights} nights",
        f"over the baseline {with_interval(improvement)}{on_nights(evaluation, everything)}",
        *(comparison.reason for comparison in comparisons),
    ]
    return Verdict(gate, "pass", _sentence(good), tuple(figures))


def calibration(evaluation: Evaluation, limits: CalibrationLimits) -> Verdict:
    """Judge whether an answer means what it says: error over ten bins, and bias; the figures themselves count.

    Not an end of their intervals: nights differ so much that two weeks could never prove a small bias.
    """
    gate = "calibration"
    if stop := _unusable(gate, evaluation, limits.minimum_rows):
        return stop
    figures = evaluation.metric_set.calibration(evaluation.label, evaluation.candidate, evaluation.night)
    error, bias = figures[:2]
    answers = _several(evaluation.metric_set.answers)
    problems = []
    if not error.value <= limits.maximum_error:
        problems.append(f"its calibration error {with_interval(error)} is above {limits.maximum_error}")
    if not abs(bias.value) <= limits.maximum_bias:
        problems.append(f"its {answers} are off by {with_interval(bias)} on average, more than {limits.maximum_bias}")
    if problems:
        return _fail(gate, problems, figures)
    within = (
        f"calibration error {with_interval(error)} (limit {limits.maximum_error}), "
        f"bias {with_interval(bias)} (limit {limits.maximum_bias})"
    )
    return Verdict(gate, "pass", _sentence([f"{within} on {error.n} rows"]), figures)


def fairness(evaluation: Evaluation, limits: FairnessLimits) -> Verdict:
    """Judge whether groups are treated alike: by every measure that has a limit, in every attribute and crossing.

    Only what is shown to be within all limits passes; what is shown to be beyond one fails; all else is not enough evidence,
    and so is a group with too few rows of the kind that a measure counts. A use case without this gate passes with its reason.
    """
    gate = "fairness"
    if limits.none_because:
        return Verdict(gate, "pass", _sentence([f"no fairness gate applies: {limits.none_because.rstrip('.')}"]))
    if stop := _unusable(gate, evaluation, limits.minimum_group_rows):
        return stop
    assessment = assessed(evaluation, limits)
    check_by_fairlearn(means_compared(evaluation, limits), group_by(str(limits.group), evaluation.group), assessment.groups)
    outcome, clauses = judge(assessment, limits.bounds, limits.minimum_group_rows)
    return Verdict(gate, outcome, _sentence(clauses), assessment.figures)


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


def bundle(expected: Floats, answered: Floats, *, answers: str = "probability") -> Verdict:
    """Judge whether the registered model, loaded in a clean process, says what was judged: both (n,) or (n, c) answers."""
    gate = "bundle"
    if not len(expected):
        return Verdict(gate, "not_enough_evidence", "There were no rows to score in the clean process.")
    if answered.shape != expected.shape:
        return _fail(gate, [f"the clean process answered {answered.shape} for {len(expected)} rows"], ())
    gap = float(np.max(np.abs(answered - expected)))
    figures = (Figure("largest_gap", gap, None, None, len(expected)),)
    if not gap <= LARGEST_ROUNDING:
        return _fail(gate, [f"the registered model answers up to {gap:.3g} away from what was judged"], figures)
    text = f"loaded and scored in a clean process; {len(expected)} {_several(answers)} equal those judged"
    return Verdict(gate, "pass", _sentence([text]), figures)


def _unusable(gate: str, evaluation: Evaluation, minimum_rows: int) -> Verdict | None:
    """Return a verdict at once where no figure could be trusted."""
    rows, nights, task = len(evaluation.label), evaluation.nights, evaluation.metric_set
    not_numbers = int(task.is_invalid(evaluation.candidate).sum())
    if not_numbers:
        return _fail(gate, [f"{not_numbers} of {rows} answers are no {task.answers}"], ())
    if rows < minimum_rows or nights < MINIMUM_NIGHTS:
        needed = f"{minimum_rows} rows and {MINIMUM_NIGHTS} nights are needed"
        reason = f"only {rows} rows of {nights} nights to judge on; {needed}"
        return Verdict(gate, "not_enough_evidence", _sentence([reason]))
    if one := task.constant_label(evaluation.label):
        return Verdict(gate, "not_enough_evidence", f"All {rows} labels are {one}: nothing to tell apart.")
    return None


def _several(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _fail(gate: str, problems: Sequence[str], figures: Sequence[Figure]) -> Verdict:
    return Verdict(gate, "fail", _sentence(problems), tuple(figures))


def _sentence(clauses: Sequence[str]) -> str:
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."
