"""What gates share: the sentence of a verdict, and the verdicts that are given before any figure is measured."""

from __future__ import annotations

from collections.abc import Sequence

from nightloop.evidence.evaluation import MINIMUM_NIGHTS, Evaluation
from nightloop.evidence.verdict import Figure, Verdict


def unusable(gate: str, evaluation: Evaluation, minimum_rows: int) -> Verdict | None:
    """Return a verdict at once where no figure could be trusted."""
    rows, nights, task = len(evaluation.label), evaluation.nights, evaluation.metric_set
    not_numbers = int(task.is_invalid(evaluation.candidate).sum())
    if not_numbers:
        return fail(gate, [f"{not_numbers} of {rows} answers are no {task.answers}"], ())
    if rows < minimum_rows or nights < MINIMUM_NIGHTS:
        needed = f"{minimum_rows} rows and {MINIMUM_NIGHTS} nights are needed"
        reason = f"only {rows} rows of {nights} nights to judge on; {needed}"
        return Verdict(gate, "not_enough_evidence", sentence([reason]))
    if one := task.constant_label(evaluation.label):
        return Verdict(gate, "not_enough_evidence", f"All {rows} labels are {one}: nothing to tell apart.")
    return None


def several(word: str) -> str:
    """Return a word in the plural."""
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def fail(gate: str, problems: Sequence[str], figures: Sequence[Figure]) -> Verdict:
    """Return the verdict that names the problems."""
    return Verdict(gate, "fail", sentence(problems), tuple(figures))


def sentence(clauses: Sequence[str]) -> str:
    """Join clauses to a sentence."""
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."
