"""What the gates said of a version, and what persons answered, as the ledger has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightloop.evidence.gates.gates import GATES
from nightloop.evidence.realised import OBSERVED, PREDICTED

if TYPE_CHECKING:
    from nightloop.ledger import Event, Ledger
    from nightloop.nights import Night

REGISTERED, JUDGED = "candidate_registered", "gate_judged"
GRANTED, REFUSED = "approval_granted", "approval_refused"
FOLDER, PAGE = "verdicts", "verdicts.html"  # of the MLflow run


@dataclass(frozen=True)
class Judged:
    """The last verdict of a gate on a version."""

    gate: str
    outcome: str
    reason: str
    figures: tuple[dict[str, Any], ...]  # metric, value, low, high, n, group; least and most where it has limits
    limits: Mapping[str, Any] = field(default_factory=dict)  # what the use case declared for the gate
    evaluation: str = ""  # content digest of what was judged

    @property
    def listed(self) -> tuple[dict[str, Any], ...]:
        """The figures but for the points of a curve."""
        return tuple(figure for figure in self.figures if figure["metric"] not in (PREDICTED, OBSERVED))

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "gate": self.gate,
            "outcome": self.outcome,
            "reason": self.reason,
            "figures": list(self.figures),
            "limits": dict(self.limits),
            "evaluation": self.evaluation,
        }


def page_name(use_case: str, as_of: Night, version: int) -> str:
    """Return where the page of the verdicts on a version lies below the reports."""
    return f"{use_case}/{as_of}/verdicts-{version}.html"


def last_verdict(ledger: Ledger, use_case: str, version: int, gate: str) -> Event | None:
    """Return the event of a gate's last verdict on a version."""
    events = ledger.events(use_case, kind=JUDGED, subject=f"{version}/{gate}")
    return events[-1] if events else None


def judged(ledger: Ledger, use_case: str, version: int) -> list[Judged]:
    """Return the last verdict of each gate on a version, in the order of the gates; those that gave none are left out."""
    events = [last_verdict(ledger, use_case, version, gate) for gate in GATES]
    payloads = [event.payload for event in events if event is not None]
    return [
        Judged(
            of["gate"],
            of["outcome"],
            of["reason"],
            tuple(of.get("figures", ())),
            of.get("limits", {}),
            of.get("evaluation", ""),
        )
        for of in payloads
    ]
