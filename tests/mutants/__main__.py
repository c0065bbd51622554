"""Put faults into the modules of our promises and write the share noticed: python -m tests.mutants [ROOM or FILE …]."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from nightloop.settings import REPOSITORY
from tests.mutants import document, runner
from tests.mutants.document import Tally
from tests.mutants.faults import Fault, faults
from tests.mutants.modules import EQUIVALENT, ROOMS, Room


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and return 1 where a room noticed too little."""
    options = _parser().parse_args(arguments)
    runner.warm_up()
    tallies: list[Tally] = []
    for room in ROOMS:
        paths = [path for path in room.paths() if not options.names or _is_named(room, path, options.names)]
        if paths:
            tallies += _room(room, paths, options)
            document.write(tallies)
    return 1 if any(share < room.least for room, share in document.shares(tallies).items()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="ROOM or FILE", help="only these")
    parser.add_argument("--sample", type=int, default=40, help="faults drawn in each module (0: all of them)")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--budget", type=float, default=30.0, help="seconds of tests a fault is shown to")
    parser.add_argument("--jobs", type=int, default=2, help="faults looked at side by side")
    return parser


def _is_named(room: Room, path: Path, names: Sequence[str]) -> bool:
    return room.name in names or str(path.relative_to(REPOSITORY)) in names


def _room(room: Room, paths: Sequence[Path], options: argparse.Namespace) -> list[Tally]:
    tests = [test for test in room.tests if (REPOSITORY / test).exists()]
    print(f"{room.name}: running {' '.join(tests)}", flush=True)
    runner.warm_up(room.warm)
    seen = runner.measure(tests, paths)
    tallies = []
    for path in paths:
        tally = _module(room, path, seen, options)
        tallies.append(tally)
        print(f"  {tally.module}: {tally.noticed} of {tally.shown}", flush=True)
        for fault in tally.missed:
            print(f"    line {fault.line}: {fault.what}", flush=True)
    return tallies


def _module(room: Room, path: Path, seen: runner.Coverage, options: argparse.Namespace) -> Tally:
    source, module = path.read_text(encoding="utf-8"), str(path.relative_to(REPOSITORY))
    lines = source.splitlines()
    found = [
        fault
        for fault in faults(source, sql="sql" in path.name or room.name == "features")
        if (module, lines[fault.line - 1].strip(), fault.what) not in EQUIVALENT
    ]
    if options.sample:
        found = random.Random(f"{options.seed} {module}").sample(found, min(options.sample, len(found)))
    with ThreadPoolExecutor(options.jobs) as pool:

        def shown(fault: Fault) -> bool:
            return runner.is_noticed(path, fault, seen, budget=options.budget)

        noticed = list(pool.map(shown, found))
    missed = sorted((fault for fault, was in zip(found, noticed, strict=True) if not was), key=lambda fault: fault.start)
    return Tally(room, module, options.seed, len(found), sum(noticed), tuple(missed))


if __name__ == "__main__":
    sys.exit(main())
