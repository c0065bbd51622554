"""The gates: may this candidate become champion? Arrays in, a verdict out, nothing else.

Each gate answers pass, fail, or not enough evidence, and only a pass opens it. Limits come from the use case; a limit that is
compared with an end of a 95 % interval passes a candidate that lies exactly at it in at most one case of forty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence import fairness as groups
from nightloop.evidence import metrics
from nightloop.evidence.intervals import Bools, Floats
from nightloop.evidence.verdict import Figure, Outcome, Verdict

GATES = ("performance", "calibration", "fairness", "bundle")
MINIMUM_NIGHTS = 5  # fewer tell too little about other nights
COIN = 0.5
LARGEST_ROUNDING = 1e-9  # by which the registered model may differ from what was judged


class PerformanceLimits(Protocol):
    """See PerformanceGate of the use case."""

    @property
    def over_baseline(self) -> float: ...  # noqa: D102
    @property
    def margin_to_champion(self) -> float: ...  # noqa: D102
    @property
    def minimum_rows(self) -> int: ...  # noqa: D102
    @property
    def suspicious_above(self) -> float: ...  # noqa: D102


class CalibrationLimits(Protocol):
    """See CalibrationGate of the use case."""

    @property
    def maximum_error(self) -> float: ...  # noqa: D102
    @property
    def maximum_bias(self) -> float: ...  # noqa: D102
    @property
    def minimum_rows(self) -> int: ...  # noqa: D102


class FairnessLimits(Protocol):
    """See FairnessGate of the use case."""

    @property
    def group(self) -> str: ...  # noqa: D102
    @property
    def metric(self) -> groups.Metric: ...  # noqa: D102
    @property
    def maximum(self) -> float: ...  # noqa: D102
    @property
    def minimum_group_rows(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class Evaluation:
    """What candidate, baseline and champion said of the same rows, which none of them was fitted on.

    Attributes:
        night: (n,) the night each row was scored.
        label: (n,) bool, what happened.
        candidate, baseline: (n,) probabilities.
        champion: (n,) probabilities, NaN on rows the champion has seen; None when there is no champion.
        group: (n,) text, the group of the fairness gate.
        decision: (n,) bool, the candidate's.
    """

    night: NDArray[Any]
    label: Bools
    candidate: Floats
    baseline: Floats
    champion: Floats | None
    group: NDArray[Any]
    decision: Bools


def performance(seen: Evaluation, limits: PerformanceLimits) -> Verdict:
    """Judge the candidate's order of rows: better than a coin and the baseline, not worse than the champion, not too good.

    The two comparisons are paired on the same rows; the lower end of their interval counts.
    """
    gate = "performance"
    if stop := _unusable(gate, seen, limits.minimum_rows):
        return stop
    measured = [
        metrics.auc(seen.label, seen.candidate, seen.night),
        _named("baseline_auc", metrics.auc(seen.label, seen.baseline, seen.night)),
        metrics.auc_difference(seen.label, seen.candidate, seen.baseline, seen.night, name="auc_over_baseline"),
    ]
    own, _, over = measured
    problems = []
    if own.value > limits.suspicious_above:
        problems.append(f"AUC {_said(own)} is above {limits.suspicious_above}: too good to be true, look for a leak")
    if not _above(own.low, COIN):
        problems.append(f"AUC {_said(own)} may be no better than a coin")
    if not _above(over.low, limits.over_baseline):
        problems.append(f"its lead over the baseline, {_said(over)}, may be no more than {limits.over_baseline}")
    against = _against_champion(seen, limits)
    measured += against.figures
    if against.outcome == "fail":
        problems.append(against.reason)
    if problems:
        return _fail(gate, problems, measured)
    if against.outcome == "not_enough_evidence":
        return Verdict(gate, "not_enough_evidence", _sentence([against.reason]), tuple(measured))
    good = [
        f"AUC {_said(own)} on {own.n} rows of {_nights(seen.night)} nights",
        f"over the baseline {_said(over)}",
        against.reason,
    ]
    return Verdict(gate, "pass", _sentence(good), tuple(measured))


def calibration(seen: Evaluation, limits: CalibrationLimits) -> Verdict:
    """Judge whether a probability means what it says: error over ten bins, and bias; the figures themselves count.

    Not an end of their intervals: nights differ so much that two weeks could never prove a small bias.
    """
    gate = "calibration"
    if stop := _unusable(gate, seen, limits.minimum_rows):
        return stop
    error = metrics.calibration_error(seen.label, seen.candidate, seen.night)
    bias = metrics.calibration_bias(seen.label, seen.candidate, seen.night)
    measured = (error, bias, metrics.brier(seen.label, seen.candidate, seen.night), metrics.base_rate(seen.label, seen.night))
    problems = []
    if not error.value <= limits.maximum_error:
        problems.append(f"its calibration error {_said(error)} is above {limits.maximum_error}")
    if not abs(bias.value) <= limits.maximum_bias:
        problems.append(f"its probabilities are off by {_said(bias)} on average, more than {limits.maximum_bias}")
    if problems:
        return _fail(gate, problems, measured)
    within = (
        f"calibration error {_said(error)} (limit {limits.maximum_error}), bias {_said(bias)} (limit {limits.maximum_bias})"
    )
    return Verdict(gate, "pass", _sentence([f"{within} on {error.n} rows"]), measured)


def fairness(seen: Evaluation, limits: FairnessLimits) -> Verdict:
    """Judge whether groups are treated alike: the upper end of the largest difference must stay within the limit.

    A group with too few rows of the kind that the metric counts is no pass: nothing is known of how it is treated.
    """
    gate = "fairness"
    if stop := _unusable(gate, seen, limits.minimum_group_rows):
        return stop
    found = groups.compare(limits.metric, seen.label, seen.decision, group=seen.group, nights=seen.night)
    measured = (found.difference, *found.groups)
    small = [item for item in found.groups if item.n < limits.minimum_group_rows]
    if small or len(found.groups) < 2:  # noqa: PLR2004 - one group cannot be compared
        listed = ", ".join(f"{item.group} ({item.n})" for item in small) or f"only one {limits.group}"
        reason = f"too few rows to judge by {limits.group}: {listed}; {limits.minimum_group_rows} are needed in each"
        return Verdict(gate, "not_enough_evidence", _sentence([reason]), measured)
    words = limits.metric.replace("_", " ")
    between = f"the {words} by {limits.group}, {_said(found.difference)} ({' over '.join(found.widest)})"
    if found.difference.high is None or not found.difference.high <= limits.maximum:
        return _fail(gate, [f"{between}, may be above {limits.maximum}"], measured)
    return Verdict(gate, "pass", _sentence([f"{between}, stays within {limits.maximum}"]), measured)


def bundle(expected: Floats, answered: Floats) -> Verdict:
    """Judge whether the registered model, loaded in a clean process, says what was judged: both (n,) probabilities."""
    gate = "bundle"
    if not len(expected):
        return Verdict(gate, "not_enough_evidence", "There were no rows to score in the clean process.")
    if answered.shape != expected.shape:
        return _fail(gate, [f"the clean process answered {answered.shape} for {len(expected)} rows"], ())
    gap = float(np.max(np.abs(answered - expected)))
    measured = (Figure("largest_gap", gap, None, None, len(expected)),)
    if not gap <= LARGEST_ROUNDING:
        return _fail(gate, [f"the registered model answers up to {gap:.3g} away from what was judged"], measured)
    text = f"loaded and scored in a clean process; {len(expected)} probabilities equal those judged"
    return Verdict(gate, "pass", _sentence([text]), measured)


def _unusable(gate: str, seen: Evaluation, minimum_rows: int) -> Verdict | None:
    """Return a verdict at once where no figure could be trusted."""
    rows, positive, nights = len(seen.label), int(seen.label.sum()), _nights(seen.night)
    not_numbers = int((~np.isfinite(seen.candidate) | (seen.candidate < 0) | (seen.candidate > 1)).sum())
    if not_numbers:
        return _fail(gate, [f"{not_numbers} of {rows} answers are no probability"], ())
    if rows < minimum_rows or nights < MINIMUM_NIGHTS:
        needed = f"{minimum_rows} rows and {MINIMUM_NIGHTS} nights are needed"
        reason = f"only {rows} rows of {nights} nights to judge on; {needed}"
        return Verdict(gate, "not_enough_evidence", _sentence([reason]))
    if positive in (0, rows):
        return Verdict(
            gate, "not_enough_evidence", f"All {rows} labels are {'true' if positive else 'false'}: nothing to tell apart."
        )
    return None


def _against_champion(seen: Evaluation, limits: PerformanceLimits) -> Verdict:
    """Return the part of the verdict about the champion; its reason is a clause of the whole sentence."""
    gate = "performance"
    if seen.champion is None:
        return Verdict(gate, "pass", "no champion yet to compare with")
    fresh = ~np.isnan(seen.champion)
    label, nights = seen.label[fresh], seen.night[fresh]
    enough = len(label) >= limits.minimum_rows and _nights(nights) >= MINIMUM_NIGHTS and len(np.unique(label)) == 2  # noqa: PLR2004
    if not enough:
        reason = f"only {len(label)} rows of {_nights(nights)} nights that the champion has not seen"
        return Verdict(
            gate, "not_enough_evidence", f"{reason}; {limits.minimum_rows} rows and {MINIMUM_NIGHTS} nights are needed"
        )
    champion = _named("champion_auc", metrics.auc(label, seen.champion[fresh], nights))
    lead = metrics.auc_difference(label, seen.candidate[fresh], seen.champion[fresh], nights, name="auc_over_champion")
    outcome: Outcome = "pass" if _above(lead.low, -limits.margin_to_champion) else "fail"
    words = "its lead over the champion" if outcome == "pass" else "it may be worse than the champion by more than the margin:"
    reason = f"{words} {_said(lead)} (margin {limits.margin_to_champion})"
    return Verdict(gate, outcome, reason, (champion, lead))


def _nights(night: NDArray[Any]) -> int:
    return len(np.unique(night))


def _above(end: float | None, limit: float) -> bool:
    return end is not None and end > limit


def _named(name: str, item: Figure) -> Figure:
    return Figure(name, item.value, item.low, item.high, item.n, item.group)


def _said(item: Figure) -> str:
    ends = "no interval" if item.low is None or item.high is None else f"{item.low:.3f} to {item.high:.3f}"
    return f"{item.value:.3f} [{ends}]"


def _fail(gate: str, problems: Sequence[str], figures: Sequence[Figure]) -> Verdict:
    return Verdict(gate, "fail", _sentence(problems), tuple(figures))


def _sentence(clauses: Sequence[str]) -> str:
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."
