"""Build again what another definition than today's has made, table by table, newest nights first.

It can be stopped at any time: what is built is built, and the next call goes on with what is left.
"""

from __future__ import annotations

from collections.abc import Sequence

from jobs import features, ingest
from jobs.published import Progress, Published, silent
from jobs.upkeep.plan import Build, make_plan
from nightloop.definitions import UseCase
from nightloop.errors import UsageError
from nightloop.lake.missing import runs
from nightloop.nights import Night, Nights
from nightloop.workspace import Workspace

AT_ONCE = 31  # nights of one call of a stage: what is lost when it is stopped


def apply(
    use_case: UseCase, workspace: Workspace, *, at_most: int | None = None, progress: Progress = silent
) -> list[Published]:
    """Build the nights that a plan names, and return what was published.

    Args:
        use_case: as it is declared today.
        workspace: its stores.
        at_most: nights (counted once a table) to build in this call; None: all.
        progress: called as nights are published.

    Raises:
        UsageError: ``at_most`` is not positive, or something of the plan cannot be had back.
        NightloopError: what ingest and features raise; what was built until then stays.
    """
    if at_most is not None and at_most < 1:
        raise UsageError(f"--at-most {at_most} builds nothing.", do="Give a number of nights from 1 on.")
    plan = make_plan(use_case, workspace)
    plan.must_be_possible()
    published: list[Published] = []
    left = at_most
    for stage, nights in _work(plan.builds):
        for some in _chunks(nights if left is None else nights[-left:] if left else ()):
            published += _build(use_case, stage, some, workspace, progress)
        left = None if left is None else max(0, left - len(nights))
    return published


def _work(builds: Sequence[Build]) -> list[tuple[str, tuple[Night, ...]]]:
    """Return the nights to build by stage: those of all raw tables together, for a night is taken in as a whole."""
    raw = sorted({night for build in builds if build.table.startswith("raw_") for night in build.nights})
    steps = [(build.table, build.nights) for build in builds if not build.table.startswith("raw_")]
    return [("ingest", tuple(raw)), *steps]


def _chunks(nights: Sequence[Night]) -> list[Nights]:
    """Return unbroken runs of at most so many nights, the newest first."""
    chunks = [
        Nights(run_nights[start], run_nights[min(start + AT_ONCE, len(run_nights)) - 1])
        for run_nights in (list(run) for run in runs(nights))
        for start in range(0, len(run_nights), AT_ONCE)
    ]
    return chunks[::-1]


def _build(use_case: UseCase, stage: str, nights: Nights, workspace: Workspace, progress: Progress) -> list[Published]:
    if stage == "ingest":
        return ingest.run(use_case, nights, workspace, progress=progress)
    step = next(step for step in features.STEPS if step == stage)
    return features.run(use_case, nights, workspace, step=step, progress=progress)
