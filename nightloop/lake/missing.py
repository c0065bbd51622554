"""What to say when a night was never published: which nights, and the command that makes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from nightloop.errors import NotReady, command
from nightloop.nights import Night, Nights

STAGE_OF = {
    "quarantine": "ingest",
    "tiles": "features",
    "aggregates": "features",
    "features": "features",
    "labels": "features",
    "scores": "score",
    "shadow_scores": "score",
    "metrics": "monitor",
    "decisions": "monitor",
    "evaluation": "train",
}

NAMED = 5


def runs(nights: Sequence[Night]) -> list[Nights]:
    """Return the nights as unbroken runs, in order."""
    joined: list[Nights] = []
    for night in sorted(set(nights)):
        if joined and night == joined[-1].last + timedelta(days=1):
            joined[-1] = Nights(joined[-1].first, night)
        else:
            joined.append(Nights(night, night))
    return joined


def in_words(nights: Sequence[Night]) -> str:
    """Write nights as runs: 2024-03-01..2024-03-04, 2024-03-09."""
    return ", ".join(str(run) for run in runs(nights))


def publishing(table: str, span: str) -> str:
    """Return the command of the stage that publishes these nights of a table."""
    use_case, _, name = table.rpartition("/")
    stage = "ingest" if name.startswith("raw_") else STAGE_OF.get(name, "STAGE")
    return command(stage, use_case, span)


def not_published(table: str, nights: Sequence[Night]) -> NotReady:
    """Return the error that names the missing nights and the command of the stage that publishes the table."""
    missing = runs(nights)
    listed = ", ".join(str(run) for run in missing[:NAMED])
    listed += f" and {len(missing) - NAMED} more runs" if len(missing) > NAMED else ""
    message = f"not published yet: {listed}." if missing else "the table was never published."
    span = str(Nights(missing[0].first, missing[-1].last)) if missing else "NIGHT"
    return NotReady(message, where=table, do=f"Run: {publishing(table, span)}")
