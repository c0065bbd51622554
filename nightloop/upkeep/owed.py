"""What is to be done so that every night of a calendar is there: for each night the first stage that it lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from nightloop.definitions import UseCase
from nightloop.features.tables import TABLES, first_read
from nightloop.ledger import Ledger
from nightloop.meaning.staleness import ANOTHER, MENDED, stale
from nightloop.model import champions
from nightloop.nights import Night, cutoff, one
from nightloop.upkeep.calendar import States, calendar, raw_states, states_of
from nightloop.workspace import Workspace

Stage = Literal["ingest", "features", "score", "monitor"]
STAGES: tuple[Stage, ...] = ("ingest", "features", "score", "monitor")
SKIPPED = "night_skipped"


@dataclass(frozen=True)
class Owed:
    """A stage that a night lacks; those after it follow from it."""

    stage: Stage
    night: Night
    why: str

    def __str__(self) -> str:
        return f"{self.stage} of {self.night}: {self.why}"


@dataclass(frozen=True)
class Owing:
    """What a use case lacks.

    Attributes:
        owed: one entry a night, oldest first.
        stale: scored nights whose inputs were published anew since, with what changed: a person decides whether they count.
    """

    owed: tuple[Owed, ...]
    stale: Mapping[Night, str]


def owing(use_case: UseCase, workspace: Workspace, now: datetime) -> Owing:
    """Return what a use case lacks at an instant; each table is opened once."""
    workspace = workspace.steady()
    lake = workspace.lake
    nights = calendar(use_case, lake, now)
    if not nights:
        return Owing((), {})
    restated = {
        night: why
        for night, reasons in stale(use_case, lake).items()
        if (why := next((why for table, why in reasons.items() if table in TABLES and _is_of_input(why)), ""))
    }
    published = _Published(use_case, workspace, now, restated)
    owed = [item for night in nights if (item := published.owed(night)) is not None]
    scored = published.later["scores"]
    return Owing(tuple(owed), {night: why for night, why in restated.items() if night in scored})


def waits_for(use_case: UseCase, item: Owed, owed: Sequence[Owed]) -> Night | None:
    """Return the earlier night that a stage would wait for in vain, where there is one: it is owed itself."""
    if item.stage == "ingest":
        return None
    first = first_read(use_case, one(item.night)) if item.stage == "features" else item.night
    if item.stage == "monitor":
        first -= timedelta(days=1)
    stages = STAGES[: STAGES.index(item.stage) + 1] if item.stage == "monitor" else ("ingest", "features")
    earlier = (other.night for other in owed if first <= other.night < item.night and other.stage in stages)
    return min(earlier, default=None)


def skipped(ledger: Ledger, use_case: str) -> dict[Night, str]:
    """Return the nights that people gave up, each with the reason."""
    return {event.night: str(event.payload["reason"]) for event in ledger.events(use_case, kind=SKIPPED) if event.night}


def given_up(use_case: UseCase, workspace: Workspace) -> dict[Night, str]:
    """Return the nights that people gave up and of which nothing came after all, each with the reason."""
    entities = workspace.lake.states(f"{use_case.use_case}/raw_{use_case.entity.source}")
    nights = skipped(workspace.ledger, use_case.use_case).items()
    return {night: why for night, why in nights if night not in entities or not entities[night].rows}


def is_to_be_scored(use_case: UseCase, night: Night, workspace: Workspace) -> bool:
    """Whether a night whose features are there has a champion, and was not given up."""
    return night in to_be_scored(use_case, [night], workspace)


def to_be_scored(use_case: UseCase, nights: Sequence[Night], workspace: Workspace) -> set[Night]:
    """Return those of some nights that have a champion, and were not given up without a row."""
    with_champion = champions.effective_nights(workspace.ledger, use_case.use_case, nights).keys()
    return with_champion - given_up(use_case, workspace).keys()


def _is_of_input(why: str) -> bool:
    """Whether a night is stale for an input, and not for a definition: what that asks for is planned by a person."""
    return not why.startswith((ANOTHER, MENDED))


class _Published:
    """What is published of each night."""

    def __init__(self, use_case: UseCase, workspace: Workspace, now: datetime, restated: Mapping[Night, str]) -> None:
        self.use_case, self.workspace, self.now, self.restated = use_case, workspace, now, restated
        self.raw: States = raw_states(use_case, workspace.lake)
        self.later: States = states_of(use_case, workspace.lake, (*TABLES, "scores", "decisions"))

    def owed(self, night: Night) -> Owed | None:
        """Return the first stage that a night lacks; None where it has all that it can have."""
        if missing := [table for table, states in self.raw.items() if night not in states]:
            return Owed("ingest", night, f"{missing[0]} is not there" if len(missing) < len(self.raw) else "not taken in")
        is_over = cutoff(night, self.use_case.time_zone) <= self.now
        if is_over and any(states[night].unfinished for states in self.raw.values()):
            return Owed("ingest", night, "it was taken in before it was over")
        if missing := [table for table in TABLES if night not in self.later[table]]:
            return Owed("features", night, f"{', '.join(missing)} not built")
        if night not in self.later["scores"]:
            return self._owed_before_scores(night)
        return None if night in self.later["decisions"] else Owed("monitor", night, "scored, and not judged")

    def _owed_before_scores(self, night: Night) -> Owed | None:
        if why := self.restated.get(night):
            return Owed("features", night, f"made from {why}")
        return Owed("score", night, "not scored") if night in self._to_be_scored else None

    @cached_property
    def _to_be_scored(self) -> set[Night]:
        unscored = self.later["features"].keys() - self.later["scores"].keys()
        return to_be_scored(self.use_case, sorted(unscored), self.workspace)
