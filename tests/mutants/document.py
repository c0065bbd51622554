"""docs/mutants.md: the share of deliberate faults that the tests notice, module by module."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nightloop.settings import REPOSITORY
from tests.mutants.faults import Fault
from tests.mutants.modules import EQUIVALENT, ROOMS, Room

PAGE = REPOSITORY / "docs" / "mutants.md"
HEAD = """# Faults that the tests notice

Written by `make mutants`. It puts faults into the modules of our promises one at a time (a comparison or a sign turned, a limit
moved by one, a condition negated, a guard or a statement taken away, an operator inside SQL changed) and runs the tests that
run the line. A fault that no test notices is a promise that nobody holds.

Faults are drawn at random, by the seed that stands beside them. {equivalent} faults that change nothing are left out:
`tests/mutants/modules.py` lists them, each with why no test could notice it. A run of some rooms writes their lines anew.
"""
ROW = re.compile(r"^\| `(?P<module>[^`]+)` \| (?P<seed>\d+) \| (?P<shown>\d+) \| (?P<noticed>\d+) \|")


@dataclass(frozen=True)
class Tally:
    """What became of the faults of one module."""

    room: Room
    module: str
    seed: int  # of the draw
    shown: int
    noticed: int
    missed: tuple[Fault, ...] = ()


def shares(tallies: Sequence[Tally]) -> dict[Room, float]:
    """Return the share noticed in each room."""
    rooms = dict.fromkeys(tally.room for tally in tallies)
    return {room: _share([tally for tally in tallies if tally.room == room]) for room in rooms}


def write(tallies: Sequence[Tally]) -> None:
    """Write the page: the lines of these modules anew, those of others as they stand."""
    tally_of = {tally.module: tally for tally in (*_written(), *tallies)}
    ordered = [tally_of[module] for room in ROOMS for module in room.module_names() if module in tally_of]
    lines = [HEAD.format(equivalent=len(EQUIVALENT)), "| room | asked | noticed |", "|---|---|---|"]
    lines += [f"| {room.name} | {room.least:.0%} | {share:.0%} |" for room, share in shares(ordered).items()]
    lines += ["", "| module | seed | faults | noticed | share |", "|---|---|---|---|---|"]
    lines += [
        f"| `{tally.module}` | {tally.seed} | {tally.shown} | {tally.noticed} | {_share([tally]):.0%} |" for tally in ordered
    ]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _written() -> Iterator[Tally]:
    """Yield what stands on the page."""
    room_of = {module: room for room in ROOMS for module in room.module_names()}
    for line in PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else ():
        if (row := ROW.match(line)) is not None and (room := room_of.get(row["module"])) is not None:
            yield Tally(room, row["module"], int(row["seed"]), int(row["shown"]), int(row["noticed"]))


def _share(tallies: Sequence[Tally]) -> float:
    shown = sum(tally.shown for tally in tallies)
    return sum(tally.noticed for tally in tallies) / shown if shown else 1.0
