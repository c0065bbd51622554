"""The calibration gate: does an answer mean what it says, for all rows and for each group?

Ends of intervals count. Shown to be within every limit passes; shown to be beyond one fails; all else is not enough evidence.
Nights differ too much for a fortnight to show that a bias is small: that is shown of the recipe, on the nights of all origins.
The candidate itself, on its newest nights, must not be off by more than a limit there, nor be shown to be beyond one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nightloop.evidence import intervals
from nightloop.evidence.calibration import expected_error
from nightloop.evidence.coverage import broken_promise, coverage_by_class
from nightloop.evidence.evaluation import MINIMUM_NIGHTS, Evaluation
from nightloop.evidence.gates.limits import CalibrationLimits
from nightloop.evidence.gates.sentences import fail, sentence, several, unusable
from nightloop.evidence.intervals import CONFIDENCE, Floats
from nightloop.evidence.metrics import figure
from nightloop.evidence.realised import calibration_figures
from nightloop.evidence.verdict import Figure, Verdict, with_interval

GATE = "calibration"
BIAS = "calibration_bias"


@dataclass(frozen=True)
class Claim:
    """A figure that must lie within its limits, how a sentence names it, and whether it is shown to be beyond.

    Within is its interval, or ``by_value`` the figure alone: of the newest nights, where all nights show the rest.
    """

    figure: Figure
    words: str
    is_beyond: bool
    by_value: bool = False

    @property
    def is_within(self) -> bool:
        """Whether the figure is within the limits; at a limit is within, and no interval is not."""
        item = self.figure
        if item.low is None or item.high is None or item.most is None:
            return False
        low, high = (item.value, item.value) if self.by_value else (item.low, item.high)
        return high <= item.most and (item.least is None or low >= item.least)

    @property
    def clause(self) -> str:
        """The figure for a sentence."""
        return f"{self.words} {with_interval(self.figure)}"

    @property
    def unclear_clause(self) -> str:
        """The figure for a sentence, where it is not within its limits."""
        return f"{self.clause}: {'more than' if self.by_value else 'not shown to be within'} {_limit(self.figure)}"

    @property
    def on_newest(self) -> Claim:
        """The claim of the candidate's newest nights by themselves, beside that of all nights."""
        item = replace(self.figure, metric=f"{self.figure.metric}_newest")
        return replace(self, figure=item, words=f"on its newest nights {self.words}", by_value=True)


def calibration(evaluation: Evaluation, limits: CalibrationLimits) -> Verdict:
    """Judge whether an answer means what it says: error over ten bins, bias, and the bias of each group.

    Each end is at 97.5 %, and passing needs all of them, so no correction (Berger 1982). Of the groups only one need be beyond
    for a fail: the ends for that are Bonferroni's.
    """
    if stop := unusable(GATE, evaluation, limits.minimum_rows):
        return stop
    everything = evaluation.everything
    raw, bias, *others = _measured(evaluation)
    of_newest = _claims(evaluation, bias, limits)
    claims = _claims(everything, _measured(everything)[1], limits) if evaluation.earlier else of_newest
    newest = [claim.on_newest for claim in of_newest] if evaluation.earlier else []
    without = replace(raw, low=None, high=None)  # its interval takes the signs of the gaps as given
    curve = calibration_figures(evaluation.label, evaluation.candidate, evaluation.night, evaluation.metric_set)
    figures = (*(claim.figure for claim in (*claims, *newest)), without, *others, *curve)
    return with_promise(judge(claims, newest, figures, everything.nights), evaluation)


def _measured(evaluation: Evaluation) -> tuple[Figure, ...]:
    """Return the task's figures of calibration: the error, the bias, and others."""
    return evaluation.metric_set.calibration(evaluation.label, evaluation.candidate, evaluation.night)


def _claims(evaluation: Evaluation, bias: Figure, limits: CalibrationLimits) -> list[Claim]:
    """Return the claims about the error, the bias, and each group's bias, in this order."""
    predicted, observed = evaluation.metric_set.predicted_and_observed(evaluation.label, evaluation.candidate)
    gap, answers = predicted - observed, several(evaluation.metric_set.answers)
    error = replace(expected_error(predicted, gap, evaluation.night), most=limits.maximum_error)
    bias = replace(bias, least=-limits.maximum_bias, most=limits.maximum_bias)
    return [
        Claim(error, "its calibration error", error.low is not None and error.low > limits.maximum_error),
        Claim(bias, f"its {answers} are off by", _is_beyond(bias, limits.maximum_bias)),
        *_groups(evaluation, gap, limits),
    ]


def with_promise(verdict: Verdict, evaluation: Evaluation) -> Verdict:
    """Add what is promised of answers to a verdict: a promise that is shown to be broken fails."""
    if evaluation.covered is None or evaluation.promised is None:
        return verdict
    coverage = coverage_by_class(evaluation.covered, evaluation.night, evaluation.label, evaluation.promised_classes)
    figures = (*verdict.figures, *coverage)
    if broken := [words for item in coverage if (words := broken_promise(item, evaluation.promised))]:
        return fail(GATE, [*([] if verdict.passed else [verdict.reason.rstrip(".")]), *broken], figures)
    held = f"coverage {with_interval(coverage[0])} ({evaluation.promised:.0%} promised)"
    return replace(verdict, reason=f"{verdict.reason.rstrip('.')}; {held}.", figures=figures)


def judge(claims: list[Claim], newest: list[Claim], figures: tuple[Figure, ...], nights: int) -> Verdict:
    """Return the verdict on the claims about the error, the bias, and each group's bias, in this order.

    Args:
        claims: of all nights, so many.
        newest: the same of the candidate's newest nights by themselves; empty where there are no others.
        figures: what was measured.
        nights: how many the claims stand on.
    """
    if beyond := [claim for claim in (*claims, *newest) if claim.is_beyond]:
        return fail(GATE, [f"{claim.clause}, beyond {_limit(claim.figure)}" for claim in beyond], figures)
    if unclear := [claim for claim in (*claims, *newest) if not claim.is_within]:
        return Verdict(GATE, "not_enough_evidence", sentence([claim.unclear_clause for claim in unclear]), figures)
    error, bias, *groups = (claim.figure for claim in claims)
    within = (
        f"calibration error {with_interval(error)} (limit {error.most:g}), bias {with_interval(bias)} (limit {bias.most:g})"
    )
    stands = f"{within} on {error.n} rows" + (f" of {nights} nights" if newest else "")
    each = [f"of {len(groups)} groups within {groups[0].most:g}"] if groups else []
    apart = [f"on its newest nights bias {with_interval(newest[1].figure)}"] if newest else []
    return Verdict(GATE, "pass", sentence(["; ".join([", ".join([stands, *each]), *apart])]), figures)


def _groups(evaluation: Evaluation, gap: Floats, limits: CalibrationLimits) -> Iterator[Claim]:
    """Yield the bias of each group; nothing where the use case divides nobody."""
    names = np.unique(evaluation.group)
    limit = limits.maximum_bias if limits.maximum_group_bias is None else limits.maximum_group_bias
    for name in names if len(names) > 1 else ():
        rows = evaluation.group == name
        night, estimate = evaluation.night[rows], intervals.mean(gap[rows])
        item = replace(figure(BIAS, estimate, night, int(rows.sum()), str(name)), least=-limit, most=limit)
        if len(np.unique(night)) < MINIMUM_NIGHTS:
            item = replace(item, low=None, high=None)
        low, high = estimate.interval(night, 1 - (1 - CONFIDENCE) / len(names))
        yield Claim(
            item,
            f"{several(evaluation.metric_set.answers)} of {name} are off by",
            _is_beyond(replace(item, low=low, high=high), limit),
        )


def _is_beyond(item: Figure, limit: float) -> bool:
    return item.low is not None and item.high is not None and (item.low > limit or item.high < -limit)


def _limit(item: Figure) -> str:
    return f"{item.most:g}"
