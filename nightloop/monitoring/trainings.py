"""What the ledger tells of earlier trainings: which still runs, and which failed its gates since the champion was trained.

A night that is decided again sees the ledger as it was when it was decided first, so that it decides the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.ledger import Event, Ledger

DECIDED, REQUESTED = "decision_made", "training_requested"
KINDS = (REQUESTED, "gate_judged", "champion_promoted", "approval_refused")
LONGEST_WAIT = timedelta(days=365)
State = Literal["running", "failed", "promoted"]


@dataclass(frozen=True)
class EarlierTraining:
    """A training that was asked for: as of which night, by whom, and what came of it: why it failed, or which version."""

    as_of: Night
    requested_by: str
    state: State
    why: str = ""
    version: int | None = None


def earlier_trainings(ledger: Ledger, use_case: str, night: Night) -> list[EarlierTraining]:
    """Return the trainings as of the nights before, oldest first, as they were known when the night was decided first."""
    decided = ledger.events(use_case, kind=DECIDED, night=night)
    known = [
        event
        for event in ledger.events(use_case, kind=KINDS)
        if event.night is not None and event.night < night and (not decided or event.seq < decided[0].seq)
    ]
    nights = sorted({event.night for event in known if event.kind == REQUESTED and event.night})
    return [_training(night, [event for event in known if event.night == night]) for night in nights]


def _training(as_of: Night, events: Sequence[Event]) -> EarlierTraining:
    """Judge a training by the last of its verdicts: a gate may have been asked again."""
    asked = [event for event in events if event.kind == REQUESTED][-1].subject or "somebody"
    if promoted := [event for event in events if event.kind == "champion_promoted"]:
        return EarlierTraining(as_of, asked, "promoted", version=int(promoted[-1].subject))
    newest = {event.subject: event for event in events if event.kind == "gate_judged"}
    failed = [event for event in newest.values() if event.payload.get("outcome") != "pass"]
    refused = [event for event in events if event.kind == "approval_refused"]
    for event in (*failed, *refused):
        gate = event.subject.rpartition("/")[2] if event.kind == "gate_judged" else "the person asked"
        return EarlierTraining(as_of, asked, "failed", f"{gate}: {event.payload.get('reason', '')}".rstrip(". "))
    return EarlierTraining(as_of, asked, "running")


def running(trainings: Iterable[EarlierTraining], night: Night, within: int) -> EarlierTraining | None:
    """Return the newest training that was asked for within so many nights and has come to nothing yet.

    One that is older was lost with its process, and holds nothing up.
    """
    first = night - timedelta(days=within)
    return next((item for item in reversed([*trainings]) if item.state == "running" and item.as_of >= first), None)


def failed_since(trainings: Iterable[EarlierTraining], champion_as_of: Night) -> list[EarlierTraining]:
    """Return the trainings that failed their gates since the one that made the champion, oldest first."""
    return [item for item in trainings if item.state == "failed" and item.as_of > champion_as_of]


def new_evidence_from(failed: Sequence[EarlierTraining], judged_nights: int) -> Night:
    """Return the night from which on another training is not the last one again.

    The gates judge the newest ``judged_nights`` of labels: so many nights later they judge none that they judged then. Each
    further failure doubles the wait (binary exponential backoff, Metcalfe and Boggs 1976), a year at most.
    """
    wait = timedelta(days=min(judged_nights * 2 ** (len(failed) - 1), LONGEST_WAIT.days))
    return failed[-1].as_of + wait
