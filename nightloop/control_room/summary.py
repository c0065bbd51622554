"""What a person sees of one use case: its nights, champion, figure, alerts, and what waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nightloop.alerts.outbox import NOTICES
from nightloop.control_room.cells import Cell
from nightloop.control_room.figures import Figures
from nightloop.control_room.waiting import Wait
from nightloop.nights import Night
from nightloop.reporting.week import Value

if TYPE_CHECKING:
    from nightloop.alerts import StoredAlert


@dataclass(frozen=True)
class ChampionLine:
    """Who scores the newest night that is due, or why nobody does.

    Attributes:
        version: None where nobody was promoted yet, or the champion was retired.
        as_of: night at whose cut-off its training data was known.
        age: nights from there to the newest that is due.
        maximum_age: nights after which a training is asked for.
        note: who comes next, or who was retired; "" where there is nothing to say.
    """

    version: int | None
    as_of: Night | None = None
    age: int | None = None
    maximum_age: int | None = None
    note: str = ""

    def in_words(self) -> str:
        """Say it in a line."""
        age = f"version {self.version}, {self.age} night{'s' * (self.age != 1)} old" if self.version else "none"
        return f"{age} ({self.note})" if self.note else age

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        ages = {"age_nights": self.age, "maximum_age_nights": self.maximum_age}
        return {"version": self.version, "as_of": self.as_of, **ages, "note": self.note}


@dataclass(frozen=True)
class Realised:
    """The task's metric of what was scored on each of the newest nights whose labels are known, oldest first."""

    title: str
    values: tuple[tuple[Night, Value], ...] = ()
    limit: float | None = None

    def in_words(self) -> str:
        """Return the newest figure with its interval."""
        if not self.values:
            return ""
        _, newest = self.values[-1]
        interval = "" if newest.low is None else f" ({newest.low:.3f} to {newest.high:.3f})"
        return f"{newest.value:.3f}{interval}"

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        values = [{"night": night, "value": of.value, "low": of.low, "high": of.high, "n": of.n} for night, of in self.values]
        return {"metric": self.title, "limit": self.limit, "nights": values}


@dataclass(frozen=True)
class Summary:
    """What a person sees of a use case.

    Attributes:
        cells: the newest nights, oldest first.
        waits: what waits for a person.
        alerts: the newest ones, newest first.
        built: the newest night that something was published of, and the seconds it took.
        figures: numbers for a dashboard.
        error: why nothing can be said; the rest is empty then.
    """

    name: str
    description: str = ""
    owner: str = ""
    risk: str = "low"
    cells: tuple[Cell, ...] = ()
    champion: ChampionLine = ChampionLine(None)
    waits: tuple[Wait, ...] = ()
    alerts: tuple[StoredAlert, ...] = ()
    realised: Realised = Realised("")
    built: tuple[Night, float] | None = None
    figures: Figures = field(default_factory=Figures)
    error: str = ""

    @property
    def is_idle(self) -> bool:
        """Whether nothing was published of it, and nothing is owed."""
        return not self.error and self.built is None and all(cell.state in {"none", "not due"} for cell in self.cells)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "use_case": self.name,
            "error": self.error or None,
            "nights": [cell.as_json() for cell in self.cells],
            "champion": self.champion.as_json(),
            "waits": [wait.as_json() for wait in self.waits],
            "alerts": [
                {"id": item.id, "headline": item.alert.headline, "raised_at": item.raised_at, "ended_at": item.ended_at}
                for item in self.alerts
            ],
            "realised": self.realised.as_json(),
            "built": {"night": self.built[0], "seconds": self.built[1]} if self.built else None,
        }


def is_open(stored: StoredAlert) -> bool:
    """Whether what an alert is about stands still until somebody acts."""
    return stored.ended_at is None and not stored.covered_by and stored.alert.kind not in NOTICES
