"""A stage killed at any point and run again publishes what an undisturbed run does."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import time
from datetime import date
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from nightloop.definitions.use_case import UseCase
from nightloop.digest import content_digest
from nightloop.nights import Night, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.system.killed import ends_by_itself

NIGHT = date(2013, 3, 6)
POINTS_A_STAGE = 5
TABLES = {
    "ingest": ("raw_schedule", "raw_outcomes", "raw_weather", "raw_planes", "raw_airlines", "raw_airports", "quarantine"),
    "features": ("tiles", "aggregates", "features", "labels"),
    "score": ("scores",),
    "monitor": ("metrics", "decisions"),
    "report": ("reports",),
}
NIGHTS = {"ingest": NIGHT, "features": NIGHT, "score": NIGHT, "monitor": date(2013, 3, 5), "report": date(2013, 3, 3)}


def call(stage: str, use_case: UseCase, home: Path, night: Night) -> None:
    """Run one stage in this process."""
    import importlib

    workspace = Workspace.open(load_settings(home=home, engine="local"))
    importlib.import_module(f"jobs.{stage}").run(use_case, one(night), workspace)


@pytest.fixture(scope="module")
def children() -> ForkServerContext:
    """Processes that begin with everything imported, so that a kill hits the work and not the imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"jobs.{stage}" for stage in TABLES])
    first = context.Process(target=int)  # pays for the imports
    first.start()
    first.join()
    return context


def digests(home: Path, counted: Night) -> dict[tuple[str, Night], tuple[str, int]]:
    """Digest and rows of every published night of every table; those of one night are counted again from its rows."""
    lake = Workspace.open(load_settings(home=home, engine="local")).lake
    found = {}
    for table in (table for tables in TABLES.values() for table in tables):
        name = f"flight_delay/{table}"
        for night, state in lake.states(name).items() if lake.exists(name) else ():
            found[table, night] = (state.content_digest, state.rows)
            if night == counted:
                rows = lake.read(name, one(night)).drop_columns(["night"])
                assert (content_digest(rows), rows.num_rows) == found[table, night]
    return found


def prepare(stage: str, use_case: UseCase, home: Path) -> None:
    """Bring the home to where the stage begins."""
    before = {"features": ["ingest"], "score": ["ingest", "features"]}.get(stage, [])
    for name in before:
        call(name, use_case, home, NIGHT)


@pytest.mark.slow
@pytest.mark.parametrize("stage", TABLES)
def test_a_killed_stage_run_again_publishes_the_same(
    stage: str,
    turned_home: Path,
    tmp_path: Path,
    flight_delay: UseCase,
    children: ForkServerContext,
) -> None:
    start = tmp_path / "start"
    shutil.copytree(turned_home, start, symlinks=True)
    prepare(stage, flight_delay, start)

    calm = tmp_path / "calm"
    shutil.copytree(start, calm, symlinks=True)
    began = time.monotonic()
    assert ends_by_itself(children, call, (stage, flight_delay, calm, NIGHTS[stage]))
    seconds = time.monotonic() - began
    wanted = digests(calm, NIGHTS[stage])
    assert any(table in TABLES[stage] and night == NIGHTS[stage] for table, night in wanted)

    seed = random.Random(f"{stage} killed")
    killed = 0
    for point in range(POINTS_A_STAGE):
        home = tmp_path / f"killed-{point}"
        shutil.copytree(start, home, symlinks=True)
        arguments = (stage, flight_delay, home, NIGHTS[stage])
        killed += not ends_by_itself(children, call, arguments, kill_after=seed.uniform(0, seconds))
        digests(home, NIGHTS[stage])  # whatever is visible after the kill is whole
        assert ends_by_itself(children, call, arguments)
        assert digests(home, NIGHTS[stage]) == wanted
        shutil.rmtree(home)
    assert killed, "no run was hit: the test has proven nothing"
