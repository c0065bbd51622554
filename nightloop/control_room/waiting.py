"""What of a use case waits for a person: an approval, a candidate that stands still, an alias moved by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nightloop.control_room.cells import Answer
from nightloop.evidence.gates.gates import GATES
from nightloop.model import champions
from nightloop.promotion.alias import MOVED, RESET, SET
from nightloop.promotion.verdicts import GRANTED, REFUSED, REGISTERED, judged

if TYPE_CHECKING:
    from nightloop.definitions import UseCase
    from nightloop.ledger import Event, Ledger
    from nightloop.nights import Night


@dataclass(frozen=True)
class Wait:
    """One thing that waits.

    Attributes:
        what: in a few words.
        night: the night as of which a candidate was trained; None where it is of no night.
        is_approval: the training's task asks a person.
    """

    what: str
    answer: Answer
    night: Night | None = None
    is_approval: bool = False

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        return {"what": self.what, "night": str(self.night) if self.night else None}


def waits(use_case: UseCase, ledger: Ledger) -> list[Wait]:
    """Return what waits for a person, as the ledger has it."""
    return [wait for wait in (_candidate(use_case, ledger), _alias(use_case, ledger)) if wait is not None]


def _candidate(use_case: UseCase, ledger: Ledger) -> Wait | None:
    """Return what the newest candidate waits for, unless it was promoted, refused by a gate or a person, or overtaken."""
    name = use_case.use_case
    newest = next(reversed(ledger.events(name, kind=REGISTERED)), None)
    if newest is None or newest.night is None or _is_settled(name, ledger, newest):
        return None
    candidate = f"candidate {newest.subject} as of {newest.night}"
    outcomes = {verdict.gate for verdict in judged(ledger, name, int(newest.subject))}
    if lacking := [gate for gate in GATES if gate not in outcomes]:
        return Wait(f"{candidate}: not judged by {', '.join(lacking)}", Answer("training"), newest.night)
    if use_case.risk == "high" and _answer(ledger, name, newest) is None:
        return Wait(f"approval of {candidate}", Answer("approvals"), newest.night, is_approval=True)
    return Wait(f"{candidate} passed every gate and is not promoted", Answer("training"), newest.night)


def _is_settled(name: str, ledger: Ledger, registered: Event) -> bool:
    """Whether a candidate was promoted, overtaken, or refused."""
    version = int(registered.subject)
    promotions = (change for change in champions.changes(ledger, name) if change.kind == "promoted")
    if any(change.version == version or change.seq > registered.seq for change in promotions):
        return True
    has_failed = any(verdict.outcome != "pass" for verdict in judged(ledger, name, version))
    return has_failed or _answer(ledger, name, registered) == REFUSED


def _answer(ledger: Ledger, name: str, registered: Event) -> str | None:
    """Return what a person answered since the candidate was registered."""
    answers = ledger.events(name, kind=(GRANTED, REFUSED), night=registered.night)
    return next((event.kind for event in reversed(answers) if event.seq > registered.seq), None)


def _alias(use_case: UseCase, ledger: Ledger) -> Wait | None:
    """Return an alias that was moved by hand and not set since; the registry itself is too dear to ask for a page."""
    newest = next(reversed(ledger.events(use_case.use_case, kind=(SET, MOVED, RESET))), None)
    if newest is None or newest.kind != MOVED:
        return None
    alias, champion = newest.payload.get("alias"), newest.payload.get("champion")
    return Wait(f"alias moved by hand to version {alias}; the champion is {champion}", Answer("nothing"))
