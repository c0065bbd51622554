"""The gate of behaviour: does a candidate answer as it must where no row of the validation nights shows it?

Figures on past rows say nothing of rows that did not come. So rows are changed: one feature is moved over what it may be, the
others stay (partial dependence of single rows; Goldstein et al. 2015), a feature gets another row's value, or is at its
extremes, missing, or infinite.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nightloop.evidence.gates.limits import BehaviourLimits
from nightloop.evidence.gates.sentences import fail, sentence, several
from nightloop.evidence.intervals import Bools, Floats
from nightloop.evidence.metric_set import MetricSet
from nightloop.evidence.verdict import Figure, Verdict

GATE = "behaviour"
MOST_NAMED = 3


@dataclass(frozen=True)
class Answers:
    """What a candidate answered to changed rows.

    Attributes:
        increasing, decreasing: feature -> (n, g) answers to n rows as it moves up.
        changed: feature -> (n,) whether another value of it changed the decision.
        cases: (m,) what was asked at the extremes, in words.
        extremes: (m,) or (m, c) the answers.
        broken: what an infinite number led to, where it was neither refused nor answered.
    """

    cases: Sequence[str]
    extremes: Floats
    increasing: Mapping[str, Floats] = field(default_factory=dict)
    decreasing: Mapping[str, Floats] = field(default_factory=dict)
    changed: Mapping[str, Bools] = field(default_factory=dict)
    broken: str = ""


def judge_behaviour(answers: Answers, limits: BehaviourLimits, metric_set: MetricSet) -> Verdict:
    """Judge directions, invariances and extremes; these figures are facts about a model, and have no interval."""
    figures, problems = list[Figure](), list[str]()
    for word, sweeps, sign in (("falls", answers.increasing, 1.0), ("rises", answers.decreasing, -1.0)):
        for name, sweep in sweeps.items():
            reversal = largest_fall(sign * sweep)
            figures.append(Figure("largest_reversal", reversal, None, None, len(sweep), name, most=limits.maximum_reversal))
            if not reversal <= limits.maximum_reversal:
                problems.append(f"an answer {word} by {reversal:.3g} as {name} rises")
    for name, changed in answers.changed.items():
        share = float(np.mean(changed)) if len(changed) else float("nan")
        figures.append(Figure("changed_decisions", share, None, None, len(changed), name, most=limits.maximum_change))
        if not share <= limits.maximum_change:
            problems.append(f"another value of {name} changes {share:.1%} of the decisions (limit {limits.maximum_change:.1%})")
    invalid = metric_set.is_invalid(answers.extremes)
    figures.append(Figure("invalid_at_extremes", float(invalid.sum()), None, None, len(answers.cases), most=0.0))
    wrong = [case for case, is_wrong in zip(answers.cases, invalid, strict=True) if is_wrong]
    if wrong:
        named = [*wrong[:MOST_NAMED], *([f"{len(wrong) - MOST_NAMED} more"] if len(wrong) > MOST_NAMED else [])]
        problems.append(f"no {metric_set.answers} is answered where {', '.join(named)}")
    if answers.broken:
        problems.append(answers.broken)
    if problems:
        return fail(GATE, problems, figures)
    extremes = f"{len(answers.cases)} rows at extremes have {several(metric_set.answers)} for answers"
    return Verdict(GATE, "pass", sentence([*_declared(answers), extremes]), tuple(figures))


def largest_fall(sweep: Floats) -> float:
    """Return by how much an answer is at most below an earlier one of its row, in (n, g) answers; NaN where one is none."""
    return float(np.max(np.maximum.accumulate(sweep, axis=1) - sweep)) if sweep.size else 0.0


def _declared(answers: Answers) -> list[str]:
    directions = len(answers.increasing) + len(answers.decreasing)
    if not directions and not answers.changed:
        return ["no direction and no invariance is declared"]
    directions_held = [f"{directions} declared directions hold"] if directions else []
    return directions_held + ([f"decisions do not hang on {', '.join(answers.changed)}"] if answers.changed else [])
