"""Do what the nights of a use case lack, oldest first: each night from the first stage that it lacks on."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from jobs.published import Progress, Published, silent
from nightloop.definitions import UseCase
from nightloop.errors import NightloopError
from nightloop.nights import one
from nightloop.upkeep.owed import STAGES, Owed, Owing, is_to_be_scored, owing
from nightloop.workspace import Workspace

AT_MOST = 32  # nights in a round


@dataclass(frozen=True)
class Outcome:
    """What came of a night: what was published, and why it stopped where it did."""

    item: Owed
    published: tuple[Published, ...] = ()
    error: NightloopError | None = None


def keep_up(
    use_case: UseCase, workspace: Workspace, *, at_most: int = AT_MOST, progress: Progress = silent
) -> tuple[Owing, list[Outcome]]:
    """Do what is owed now, and return what was owed and what came of each night.

    A night that fails does not stop the nights after it that do not need it.

    Args:
        use_case: whose nights.
        workspace: its stores, and the clock.
        at_most: nights to take up, oldest first.
        progress: called before each night.
    """
    owed = owing(use_case, workspace, workspace.clock())
    outcomes: list[Outcome] = []
    for done, item in enumerate(owed.owed[:at_most]):
        progress(f"keeping up {item.night}", done, min(at_most, len(owed.owed)))
        outcomes.append(_do(use_case, item, workspace))
    return owed, outcomes


def _do(use_case: UseCase, item: Owed, workspace: Workspace) -> Outcome:
    published: list[Published] = []
    try:
        for stage in STAGES[STAGES.index(item.stage) :]:
            if stage == "score" and not is_to_be_scored(use_case, item.night, workspace):
                break
            published += importlib.import_module(f"jobs.{stage}").run(use_case, one(item.night), workspace)
    except NightloopError as error:
        return Outcome(item, tuple(published), error)
    return Outcome(item, tuple(published))
