"""May a candidate take the champion's place? Against the champion it would replace, and against the best champion of the year.

Each training may lose a margin, for no number of nights proves that nothing is lost; so twelve trainings could lose twelve
margins, each within its rule ("biocreep" of non-inferiority trials: D'Agostino, Massaro and Sullivan 2003, Statistics in
Medicine 22). Hence the second comparison: with one fixed anchor, on the same rows, within one budget for the whole year.
"""

from __future__ import annotations

import numpy as np

from nightloop.evidence.evaluation import MINIMUM_NIGHTS, Evaluation
from nightloop.evidence.gates.limits import PerformanceLimits
from nightloop.evidence.intervals import Floats
from nightloop.evidence.metrics import figure
from nightloop.evidence.verdict import Figure, Verdict, is_above, with_interval

LARGEST_ROUNDING = 1e-9  # by which two predictions may differ and still be the same
GATE = "performance"


def succession(evaluation: Evaluation, limits: PerformanceLimits) -> tuple[Verdict, ...]:
    """Return the parts of the performance gate's verdict about earlier champions; each reason is a clause of its sentence."""
    champion = against_champion(evaluation, limits)
    is_champion = evaluation.anchor is not None and evaluation.anchor_version == evaluation.champion_version
    if champion.outcome != "pass" and is_champion:
        return (champion,)  # the same comparison: its fault is named once
    anchor = against_anchor(evaluation, limits)
    return (champion,) if anchor is None else (champion, anchor)


def against_champion(evaluation: Evaluation, limits: PerformanceLimits) -> Verdict:
    """Judge a candidate against the champion it would replace: on all nights, and on the newest, which are its own.

    It never passes where an interval lies wholly below zero, whatever the margin, nor where it gives the same answers.
    """
    if evaluation.champion is None:
        if evaluation.champion_version in evaluation.unable:
            return Verdict(GATE, "pass", f"not compared with the champion, {_unable(evaluation.champion_version)}")
        return Verdict(GATE, "pass", "no champion yet to compare with")
    newest = _answered(evaluation, evaluation.champion)
    assert newest.champion is not None  # noqa: S101 - some rows of one that is there
    if few := _too_few(newest, limits, "the champion"):
        return few
    if np.all(np.abs(newest.candidate - newest.champion) <= LARGEST_ROUNDING):
        reason = f"it answers all {len(newest.label)} rows as the champion does: nothing is gained by replacing it"
        return Verdict(GATE, "fail", reason)
    compared = _answered_of_all(evaluation, "champion")
    assert compared.champion is not None  # noqa: S101 - likewise
    metric = newest.metric_set.metric
    improvement = compared.improvement(f"{metric}_over_champion", compared.champion)
    on_newest = newest.improvement_across(f"{metric}_over_champion_newest", newest.champion)
    fault = _fault(improvement, on_newest, limits)
    rule = "(rule superior)" if limits.rule == "superior" else f"(margin {limits.margin_to_champion})"
    what = fault or "its improvement over the champion"
    reason = f"{what} {with_interval(improvement)}{on_nights(evaluation, compared)} {rule}"
    if on_newest.value != improvement.value:
        reason += f", over all rows of the newest {newest.nights} nights {with_interval(on_newest)}"
    figures = (newest.metric(f"champion_{metric}", newest.champion), improvement, on_newest)
    return Verdict(GATE, "fail" if fault else "pass", reason, figures)


def _fault(improvement: Figure, on_newest: Figure, limits: PerformanceLimits) -> str:
    """Say what is wrong with the improvement over the champion; nothing where the rule allows it."""
    if improvement.high is not None and improvement.high < 0:
        return "it is worse than the champion, wholly below zero:"
    if on_newest.high is not None and on_newest.high < 0:
        return "on its newest nights it is worse than the champion, wholly below zero:"
    if limits.rule == "superior":
        return "" if is_above(improvement.low, 0.0) else "it is not proved better than the champion:"
    is_within = is_above(improvement.low, -limits.margin_to_champion)
    return "" if is_within else "it may be worse than the champion by more than the margin:"


def on_nights(evaluation: Evaluation, compared: Evaluation) -> str:
    """Say on how many nights a figure stands, where they are more than the newest."""
    return f" on {compared.nights} nights" if evaluation.earlier else ""


def against_anchor(evaluation: Evaluation, limits: PerformanceLimits) -> Verdict | None:
    """Judge a candidate against the best champion of the year: within what all trainings of the year may lose together.

    The anchor answers the same rows, so whatever the trainings since have lost is in the difference: spent is the loss to it,
    with the candidate's own. None where there is nothing to compare with, and nothing to say of it.
    """
    left_out = _left_out(evaluation)
    if evaluation.anchor is None:
        return Verdict(GATE, "pass", left_out) if left_out else None
    unseen = _answered_of_all(evaluation, "anchor")
    assert unseen.anchor is not None  # noqa: S101 - some rows of one that is there
    best = f"version {evaluation.anchor_version}, the best of the year"
    if few := _too_few(unseen, limits, best):
        return few
    budget = yearly_budget(limits)
    metric = unseen.metric_set.metric
    improvement = unseen.improvement(f"{metric}_over_anchor", unseen.anchor)
    spent, before = _loss("budget_spent", improvement), _spent_before(unseen)
    figures = (
        unseen.metric(f"anchor_{metric}", unseen.anchor),
        improvement,
        *([before] if before else []),
        spent,
        _left(budget, spent),
    )
    reached = f"over {best}, {with_interval(improvement)}{on_nights(evaluation, unseen)}"
    by_champion = f", the champion {before.value:.3f}" if before else ""
    words = f"of the yearly budget of {budget:g} it spends {spent.value:.3f}{by_champion}; {budget - spent.value:.3f} left"
    clauses = [f"{reached} ({words})", *([left_out] if left_out else [])]
    if not is_above(improvement.low, -budget):
        clauses[0] = f"it may have lost more than the yearly budget: {clauses[0]}"
        return Verdict(GATE, "fail", "; ".join(clauses), figures)
    return Verdict(GATE, "pass", "; ".join(clauses), figures)


def yearly_budget(limits: PerformanceLimits) -> float:
    """Return what all trainings of a year may lose together: left out, as much as one may."""
    return limits.margin_to_champion if limits.yearly_budget is None else limits.yearly_budget


def _answered_of_all(evaluation: Evaluation, rival: str) -> Evaluation:
    """Return the rows of all nights, the newest and those of earlier origins, that a rival answered."""
    everything = evaluation.everything
    return _answered(everything, getattr(everything, rival))


def _answered(evaluation: Evaluation, predictions: Floats) -> Evaluation:
    """Return the rows that a model answered: those it has not seen. A row of several classes: all of them."""
    answered = np.atleast_2d(np.isfinite(predictions.T)).all(axis=0)
    return evaluation.of(np.asarray(answered, dtype=np.bool_))


def _too_few(unseen: Evaluation, limits: PerformanceLimits, whom: str) -> Verdict | None:
    rows, nights = len(unseen.label), unseen.nights
    if rows >= limits.minimum_rows and nights >= MINIMUM_NIGHTS and not unseen.metric_set.constant_label(unseen.label):
        return None
    reason = f"only {rows} rows of {nights} nights that {whom} has not seen"
    return Verdict(GATE, "not_enough_evidence", f"{reason}; {limits.minimum_rows} rows and {MINIMUM_NIGHTS} nights are needed")


def _spent_before(evaluation: Evaluation) -> Figure | None:
    """Return what the champion has lost to the anchor, on the rows that both answered; None where they are the same."""
    if evaluation.champion is None or evaluation.anchor_version == evaluation.champion_version:
        return None
    both = _answered(evaluation, evaluation.champion)
    assert both.champion is not None and both.anchor is not None  # noqa: S101 - some rows of those that are there
    improvement = both.metric_set.improvement(both.label, both.champion, both.anchor, both.night)
    return _loss("budget_spent_before", figure("", improvement, both.night, len(both.label)))


def _loss(name: str, improvement: Figure) -> Figure:
    """Return an improvement as what it spends: its opposite, where that is a loss."""
    low, high = (None if end is None else max(0.0, -end) for end in (improvement.high, improvement.low))
    return Figure(name, max(0.0, -improvement.value), low, high, improvement.n)


def _left(budget: float, spent: Figure) -> Figure:
    low, high = (None if end is None else budget - end for end in (spent.high, spent.low))
    return Figure("budget_left", budget - spent.value, low, high, spent.n)


def _left_out(evaluation: Evaluation) -> str:
    """Say which champions of the year, besides the one to be replaced, could not be compared with."""
    others = [version for version in evaluation.unable if version != evaluation.champion_version]
    return f"for the year's budget not compared with {'; '.join(_unable(version) for version in others)}" if others else ""


def _unable(version: int | None) -> str:
    return f"version {version}, which cannot answer what is asked today"
