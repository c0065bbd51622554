"""What a stage costs on a night without a record: where the time goes, and whether it stays the same as history grows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from jobs import features
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.engine.spark_server import SparkServer
from nightloop.lake import Commit, Lake
from nightloop.nights import Nights, one
from nightloop.settings import REPOSITORY, load_settings
from nightloop.sources import raw_schema
from nightloop.workspace import Workspace
from tests.benchmarks.document import table
from tests.ports import free_port

TITLE = "Fixed cost: the stage `features` of flight_delay on a night without a record"
HISTORIES = (90, 363)  # nights of 2013 before it
TIMES = 3

# Runs the stage as `python -m jobs features` does, and tells what each part took of this process's time.
PROBE = """
import sys, time, json
marks = [("Python itself", time.process_time(), 0.0)]
def mark(name):
    marks.append((name, time.process_time(), time.perf_counter() - begun))
begun = time.perf_counter()
import jobs.commands.command_line
mark("command line")
from nightloop.definitions import load_use_case
from nightloop.settings import load_settings
settings = load_settings()
use_case = load_use_case("flight_delay", settings.definitions)
mark("reading and checking the definition")
from jobs import features
from nightloop.nights import parse_nights
from nightloop.workspace import Workspace
workspace = Workspace.open(settings)
workspace.engine(use_case)
mark("importing Arrow, Delta and the engine")
for step in features.STEPS:
    features.run(use_case, parse_nights(sys.argv[1]), workspace, step=step)
    mark(f"step {step}")
print(json.dumps(marks))
"""


@dataclass(frozen=True)
class Cost:
    """What one process took: seconds of the processor (its own), seconds by the clock, and processor seconds by part."""

    process: float
    clock: float
    parts: Mapping[str, float]


def measure() -> str:
    """Return the tables."""
    costs: dict[tuple[str, int], Cost] = {}
    with tempfile.TemporaryDirectory(prefix="nightloop-fixed-cost-") as folder:
        for nights in HISTORIES:
            home = Path(folder) / str(nights)
            night = _history(home, nights)
            costs["local", nights] = _cheapest(home, night, {"NIGHTLOOP_ENGINE": "local"})
            with SparkServer.start(home, free_port()) as server:
                warm = {"NIGHTLOOP_ENGINE": "spark", "NIGHTLOOP_SPARK_URL": server.url}
                _run(home, night, warm)
                costs["spark", nights] = _cheapest(home, night, warm)
    return f"{_totals(costs)}\n\nWhere the seconds of the processor go, {HISTORIES[0]} nights of history:\n\n{_parts(costs)}"


def _history(home: Path, nights: int) -> str:
    """Publish so many nights without a record, and one more of raw tables; return that one."""
    workspace = Workspace.open(load_settings(home=home, engine="local"))
    use_case = load_use_case("flight_delay", workspace.settings.definitions)
    past = Nights(use_case.first_night, use_case.first_night + timedelta(days=nights - 1))
    last = past.last + timedelta(days=1)
    _publish_nothing(use_case, workspace.lake, Nights(past.first, last))
    features.run(use_case, past, workspace)
    features.run(use_case, one(last), workspace)
    return str(last)


def _publish_nothing(use_case: UseCase, lake: Lake, nights: Nights) -> None:
    commit = Commit("ingest", use_case.use_case)
    for name, source in use_case.sources.items():
        empty = raw_schema(source).empty_table()
        lake.publish_nights(f"{use_case.use_case}/raw_{name}", dict.fromkeys(nights, empty), commit)


def _cheapest(home: Path, night: str, more: Mapping[str, str]) -> Cost:
    """Return the cheapest of some runs: whatever else the machine does can only add."""
    return min((_run(home, night, more) for _ in range(TIMES)), key=lambda cost: cost.process)


def _run(home: Path, night: str, more: Mapping[str, str]) -> Cost:
    environment = {**os.environ, "NIGHTLOOP_HOME": str(home), "PYTHONPATH": str(REPOSITORY), **more}
    before, begun = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, night], env=environment, check=True, capture_output=True, text=True, cwd=home
    )
    after, clock = os.times(), time.perf_counter() - begun
    process = after.children_user + after.children_system - before.children_user - before.children_system
    marks = json.loads(done.stdout.splitlines()[-1])
    parts = {name: at - (marks[i - 1][1] if i else 0.0) for i, (name, at, _) in enumerate(marks)}
    return Cost(process, clock, parts)


def _totals(costs: Mapping[tuple[str, int], Cost]) -> str:
    head = ["engine", "nights of history", "processor, s", "clock, s", "over the shortest history"]
    rows: list[list[object]] = []
    for (engine, nights), cost in sorted(costs.items()):
        ratio = cost.process / costs[engine, HISTORIES[0]].process
        rows.append([f"`{engine}`", nights, f"{cost.process:.2f}", f"{cost.clock:.2f}", f"{ratio:.2f}"])
    return table(head, rows)


def _parts(costs: Mapping[tuple[str, int], Cost]) -> str:
    local, spark = costs["local", HISTORIES[0]].parts, costs["spark", HISTORIES[0]].parts
    return table(["part", "`local`, s", "`spark`, s"], [[name, f"{local[name]:.2f}", f"{spark[name]:.2f}"] for name in local])
