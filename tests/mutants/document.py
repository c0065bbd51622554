"""docs/mutants.md: the share of deliberate faults that the tests notice, module by module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nightloop.settings import REPOSITORY
from tests.mutants.faults import Fault
from tests.mutants.modules import EQUIVALENT, Room

PAGE = REPOSITORY / "docs" / "mutants.md"
HEAD = """# Faults that the tests notice

Written by `make mutants`. It puts faults into the modules of our promises one at a time (a comparison or a sign turned, a limit
moved by one, a condition negated, a guard or a statement taken away, an operator inside SQL changed) and runs the tests that
run the line. A fault that no test notices is a promise that nobody holds.
"""


@dataclass(frozen=True)
class Tally:
    """What became of the faults of one module."""

    room: Room
    module: str
    shown: int
    noticed: int
    missed: tuple[Fault, ...]


def shares(tallies: Sequence[Tally]) -> dict[Room, float]:
    """Return the share noticed in each room."""
    rooms = dict.fromkeys(tally.room for tally in tallies)
    return {room: _share([tally for tally in tallies if tally.room == room]) for room in rooms}


def write(tallies: Sequence[Tally], sample: int, seed: int) -> None:
    """Write the page."""
    drawn = f"up to {sample} faults a module, drawn with seed {seed}" if sample else "every fault"
    lines = [HEAD, f"This run: {drawn}; {len(EQUIVALENT)} faults that change nothing are left out.", ""]
    lines += ["| room | asked | noticed |", "|---|---|---|"]
    lines += [f"| {room.name} | {room.least:.0%} | {share:.0%} |" for room, share in shares(tallies).items()]
    lines += ["", "| module | faults | noticed | share |", "|---|---|---|---|"]
    lines += [f"| `{tally.module}` | {tally.shown} | {tally.noticed} | {_share([tally]):.0%} |" for tally in tallies]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _share(tallies: Sequence[Tally]) -> float:
    shown = sum(tally.shown for tally in tallies)
    return sum(tally.noticed for tally in tallies) / shown if shown else 1.0
