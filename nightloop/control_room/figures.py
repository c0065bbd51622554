"""What of a use case is a number for a dashboard: nights late, owed and failed, ages, rows, seconds and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nightloop.alerts.outbox import FLOW
from nightloop.features.tables import TABLES
from nightloop.upkeep.deadlines import Late
from nightloop.upkeep.owed import STAGES, Owed

if TYPE_CHECKING:
    from nightloop.alerts import StoredAlert
    from nightloop.lake import NightState
    from nightloop.nights import Night

STAGE_OF = {
    "quarantine": "ingest",
    **dict.fromkeys(TABLES, "features"),
    "scores": "score",
    "metrics": "monitor",
    "decisions": "monitor",
}
"""The stage that publishes each table; the raw ones are of ingest, and the weekly page is of no night."""
OTHER = "other"
"""What is no stage of the loop: apply, champion, sweep."""
VERDICTS = ("drift", "performance")


@dataclass(frozen=True)
class Figures:
    """Figures of all nights of a use case that are due.

    Attributes:
        late: nights of the last week that missed their deadline.
        late_since: the oldest of these deadlines; None where no night is late.
        owed: nights by the stage that they lack first; every stage has its number.
        failed: open alerts to a task that failed for good, by stage; every stage has its number.
        given_up: nights that a person gave up.
        refused: nights that a contract refused and that are not there.
        waits: things that wait for a person.
        behind: nights from the newest scored one to the newest that is due; None where none is scored.
        rows_scored: of the newest scored night.
        seconds: that its tables took, by stage, where that was recorded.
        verdicts: outcomes of the newest judged night of those shown, by verdict.
    """

    late: int = 0
    late_since: datetime | None = None
    owed: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, int] = field(default_factory=dict)
    given_up: int = 0
    refused: int = 0
    waits: int = 0
    behind: int | None = None
    rows_scored: int | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    verdicts: Mapping[str, str] = field(default_factory=dict)


def lacking(late: Sequence[Late], owed: Sequence[Owed], failures: Sequence[StoredAlert]) -> dict[str, Any]:
    """Return the figures of what is not there.

    Args:
        late: nights after their deadline, oldest first.
        owed: what nights lack.
        failures: open alerts to tasks that failed.
    """
    stages = [item.stage for item in owed]
    families = [item.alert.subject.partition(".")[0] for item in failures]
    failed = [family if family in FLOW else OTHER for family in families]
    return {
        "late": len(late),
        "late_since": min((item.deadline for item in late), default=None),
        "owed": {stage: stages.count(stage) for stage in STAGES},
        "failed": {stage: failed.count(stage) for stage in (*FLOW, OTHER)},
    }


def newest_scores(states: Mapping[str, Mapping[Night, NightState]], newest_due: Night) -> dict[str, Any]:
    """Return the figures of the newest scored night; none where nothing is scored.

    Args:
        states: what is published of each table.
        newest_due: the newest night whose hour has come.
    """
    if not states["scores"]:
        return {}
    night = max(states["scores"])
    seconds: dict[str, float] = {}
    for table, of_table in states.items():
        stage = "ingest" if table.startswith("raw_") else STAGE_OF.get(table)
        if stage is not None and night in of_table and of_table[night].seconds:
            seconds[stage] = seconds.get(stage, 0.0) + of_table[night].seconds
    return {
        "behind": max(0, (newest_due - night).days),
        "rows_scored": states["scores"][night].rows,
        "seconds": seconds,
    }


def newest_verdicts(decisions: Mapping[Night, Mapping[str, Any]]) -> dict[str, str]:
    """Return the outcomes of the newest night that is judged, by verdict; none where none is."""
    if not decisions:
        return {}
    newest = decisions[max(decisions)]
    return {verdict: str(newest[f"{verdict}_verdict"]) for verdict in VERDICTS}
