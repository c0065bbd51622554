"""What became of a night, in one state, a sign and a sentence, and where to look next. The gravest finding decides."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from nightloop.alerts import StoredAlert
from nightloop.nights import Night
from nightloop.upkeep.owed import Owed

State = Literal[
    "waiting", "late", "missing", "quarantined", "stale", "retrained", "drifted", "scored", "unscored", "given up", "not due",
    "none",
]  # fmt: skip
SIGNS: dict[State, tuple[str, str]] = {
    "scored": ("✓", "every entity has its answer"),
    "retrained": ("↻", "a training was asked for, or made a champion"),
    "drifted": ("≠", "its features failed the verdict"),
    "stale": ("~", "made from what was published anew since"),
    "quarantined": ("▣", "refused by a contract"),
    "waiting": ("?", "for a person: a task that failed, an approval, or what a monitor asks"),
    "late": ("◷", "later than promised"),
    "missing": ("!", "due, and not all there"),
    "given up": ("×", "it will never come, a person decided"),
    "unscored": ("○", "built; no champion to score it"),
    "not due": ("·", "its hour has not come"),
    "none": ("", "no night of this use case"),
}
"""Every state, with its sign and its meaning, in the order of the legend."""
WRONG: frozenset[State] = frozenset({"late", "missing", "quarantined"})
"""States of a night whose scores people lack."""

Target = Literal["runs", "training", "approvals", "page", "address", "nothing"]


@dataclass(frozen=True)
class Answer:
    """Where the next question is answered; the door knows the address.

    Attributes:
        target: runs of a stage for the night, trainings as of the night, open approvals, a page of the reports, an address.
        subject: the stage, page or address.
    """

    target: Target
    subject: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that is so of a night."""

    state: State
    why: str
    answer: Answer


@dataclass(frozen=True)
class Cell:
    """A night of a use case: its gravest finding, and what else is so."""

    night: Night
    state: State
    why: str
    answer: Answer = Answer("nothing")
    also: tuple[str, ...] = ()
    is_lacking: bool = False
    """Whether people lack its scores, whatever the gravest finding is."""

    @property
    def sign(self) -> str:
        """The state as one character."""
        return SIGNS[self.state][0]

    def in_words(self) -> str:
        """Say all of it in a line."""
        return "; ".join((f"{self.night} {self.state}: {self.why}" if self.why else f"{self.night} {self.state}", *self.also))

    def as_json(self) -> dict[str, object]:
        """Return plain values."""
        return {"night": str(self.night), "state": self.state, "why": self.why, "also": list(self.also)}


@dataclass(frozen=True)
class NightFacts:
    """What is known of the nights of a use case; each mapping has the nights of which it is so."""

    given_up: Mapping[Night, str] = field(default_factory=dict)
    approvals: Mapping[Night, str] = field(default_factory=dict)
    alerts: Mapping[Night, StoredAlert] = field(default_factory=dict)
    refused: Mapping[Night, str] = field(default_factory=dict)
    late: Mapping[Night, str] = field(default_factory=dict)
    owed: Mapping[Night, Owed] = field(default_factory=dict)
    stale: Mapping[Night, str] = field(default_factory=dict)
    promoted: Mapping[Night, int] = field(default_factory=dict)
    decisions: Mapping[Night, Mapping[str, Any]] = field(default_factory=dict)
    pages: Mapping[Night, str] = field(default_factory=dict)
    set_aside: Mapping[Night, int] = field(default_factory=dict)
    scored: Collection[Night] = ()
    built: Collection[Night] = ()


def cell_of(night: Night, facts: NightFacts, *, is_due: bool, is_of_use_case: bool) -> Cell:
    """Return what became of a night."""
    if not is_of_use_case:
        return Cell(night, "none", "")
    findings = [finding for find in _FINDERS for finding in find(night, facts)]
    if not findings and is_due:
        return Cell(night, "missing", "nothing of it is there", Answer("runs", "ingest"), is_lacking=True)
    if not findings:
        return Cell(night, "not due", "")
    first, *others = findings
    also = [f"{finding.state}: {finding.why}" for finding in others if finding.state != first.state]
    if rows := facts.set_aside.get(night):
        also.append(f"{rows:,} record{'s' * (rows > 1)} set aside")
    is_lacking = any(finding.state in WRONG for finding in findings)
    return Cell(night, first.state, first.why, first.answer, tuple(also), is_lacking)


def _given_up(night: Night, facts: NightFacts) -> Iterator[Finding]:
    if night in facts.given_up:
        yield Finding("given up", facts.given_up[night], Answer("runs", "ingest"))


def _waiting(night: Night, facts: NightFacts) -> Iterator[Finding]:
    if night in facts.approvals:
        yield Finding("waiting", facts.approvals[night], Answer("approvals"))
    if (stored := facts.alerts.get(night)) is not None and night not in facts.refused:
        stage = stored.alert.subject.partition(".")[0]
        answer = Answer("address", stored.alert.link) if stored.alert.link else Answer("runs", stage)
        yield Finding("waiting", stored.alert.title, answer)


def _refused(night: Night, facts: NightFacts) -> Iterator[Finding]:
    if night in facts.refused:
        yield Finding("quarantined", facts.refused[night], Answer("runs", "ingest"))


def _lacking(night: Night, facts: NightFacts) -> Iterator[Finding]:
    owed = facts.owed.get(night)
    answer = Answer("runs", owed.stage if owed else "score")
    if night in facts.late:
        yield Finding("late", facts.late[night], answer)
    if owed is not None:
        yield Finding("missing", f"{owed.stage}: {owed.why}", answer)


def _stale(night: Night, facts: NightFacts) -> Iterator[Finding]:
    if night in facts.stale:
        yield Finding("stale", facts.stale[night], Answer("runs", "score"))


def _judged(night: Night, facts: NightFacts) -> Iterator[Finding]:
    """Retrained or drifted, as the night's decision says."""
    decision = facts.decisions.get(night, {})
    if decision.get("decision") == "ask":
        yield Finding("waiting", str(decision["reason"]), _page_or_runs(night, facts))
    if decision.get("decision") == "retrain":
        yield Finding("retrained", str(decision["reason"]), Answer("training"))
    if night in facts.promoted:
        yield Finding("retrained", f"version {facts.promoted[night]} was trained as of this night", Answer("training"))
    if decision.get("drift_verdict") == "fail":
        yield Finding("drifted", str(decision["drift_reason"]), _page_or_runs(night, facts))


def _there(night: Night, facts: NightFacts) -> Iterator[Finding]:
    if night in facts.scored:
        version = facts.decisions.get(night, {}).get("champion_version")
        yield Finding("scored", f"by version {version}" if version else "", _page_or_runs(night, facts))
    elif night in facts.built and night not in facts.given_up and night not in facts.owed:
        yield Finding("unscored", "no champion is effective", Answer("runs", "features"))


def _page_or_runs(night: Night, facts: NightFacts) -> Answer:
    return Answer("page", facts.pages[night]) if night in facts.pages else Answer("runs", "monitor")


_FINDERS: tuple[Callable[[Night, NightFacts], Iterator[Finding]], ...] = (
    _given_up, _waiting, _refused, _lacking, _stale, _judged, _there
)  # fmt: skip
"""What may be so of a night, the gravest first."""
