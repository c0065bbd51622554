"""The bundle gate: is what was registered what was judged, wherever it is loaded, and is it small and quick enough?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightloop.evidence.gates.limits import BundleLimits
from nightloop.evidence.gates.sentences import fail, sentence, several
from nightloop.evidence.gates.succession import LARGEST_ROUNDING
from nightloop.evidence.intervals import Floats
from nightloop.evidence.verdict import Figure, Verdict

GATE = "bundle"
MILLISECONDS = "milliseconds_a_row"


@dataclass(frozen=True)
class Package:
    """What the registered model is like, as it was downloaded.

    Attributes:
        served: (m,) or (m, c) answers to the first m rows, asked one by one as the service asks.
        megabytes: of all its files.
        milliseconds: of an answer with its reasons, in a clean process.
    """

    served: Floats
    megabytes: float
    milliseconds: float


def bundle(
    expected: Floats,
    answered: Floats,
    *,
    answers: str = "probability",
    package: Package | None = None,
    limits: BundleLimits | None = None,
) -> Verdict:
    """Judge whether the registered model, loaded in a clean process, says what was judged: both (n,) or (n, c) answers.

    The reason of a pass names no time: judged again, the verdict is the same.

    Args:
        expected: what was judged.
        answered: by the clean process.
        answers: what an answer is called.
        package: size, speed, and what a service would answer; None: not looked at.
        limits: of the package.
    """
    if not len(expected):
        return Verdict(GATE, "not_enough_evidence", "There were no rows to score in the clean process.")
    if answered.shape != expected.shape:
        return fail(GATE, [f"the clean process answered {answered.shape} for {len(expected)} rows"], ())
    gap = float(np.max(np.abs(answered - expected)))
    figures = [Figure("largest_gap", gap, None, None, len(expected), most=LARGEST_ROUNDING)]
    problems = []
    if not gap <= LARGEST_ROUNDING:
        problems.append(f"the registered model answers up to {gap:.3g} away from what was judged")
    if package is not None and limits is not None:
        of_package, more = _package(expected, package, limits)
        figures, problems = [*figures, *of_package], [*problems, *more]
    if problems:
        return fail(GATE, problems, figures)
    clauses = [f"loaded and scored in a clean process; {len(expected)} {several(answers)} equal those judged"]
    if package is not None:
        clauses.append(f"{len(package.served)} of them asked one by one too; {package.megabytes:.1f} MB")
    return Verdict(GATE, "pass", sentence(clauses), tuple(figures))


def _package(expected: Floats, package: Package, limits: BundleLimits) -> tuple[list[Figure], list[str]]:
    size, time = limits.maximum_megabytes, limits.maximum_milliseconds_a_row
    rows = len(package.served)
    gap = float(np.max(np.abs(package.served - expected[:rows]))) if rows else float("nan")
    figures = [
        Figure("largest_gap_one_by_one", gap, None, None, rows, most=LARGEST_ROUNDING),
        Figure("megabytes", package.megabytes, None, None, 1, most=size),
        Figure(MILLISECONDS, package.milliseconds, None, None, len(expected), most=time),
    ]
    problems = []
    if not gap <= LARGEST_ROUNDING:
        problems.append(f"asked row by row, as the service asks, it answers up to {gap:.3g} away from what was judged")
    if not package.megabytes <= size:
        problems.append(f"it has {package.megabytes:.1f} MB, and may have {size:g}")
    if not package.milliseconds <= time:
        problems.append(f"a row takes it {package.milliseconds:.3g} ms, and may take {time:g}")
    return figures, problems
