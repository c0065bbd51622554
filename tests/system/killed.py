"""Run stages in child processes, kill them on the way, and look at what is left.

Children are forked from one process that has imported everything, so that a kill hits the work and not the imports.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from nightloop.definitions import UseCase
from nightloop.lake import Lake
from nightloop.lake.digest import content_digest
from nightloop.lake.sweeping import sweep
from nightloop.nights import Night, Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

STAGES = ("ingest", "features", "score", "monitor", "report", "upkeep.release", "train")
OURS = ("nightloop.engine.local", "nightloop.ledger", "nightloop.model.registry")
THEIRS = ("dvc.repo", "fairlearn.metrics", "matplotlib.pyplot", "mlflow.sklearn", "pandas", "pyarrow.dataset")
IMPORTED = (*(f"jobs.{stage}" for stage in STAGES), *OURS, *THEIRS, "sklearn.linear_model", "sqlglot", "xgboost")

Digests = dict[tuple[str, Night], tuple[str, int]]


@cache
def children() -> ForkServerContext:
    """Processes that begin with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    first = context.Process(target=int)  # pays for the imports
    first.start()
    first.join()
    return context


def ends_by_itself(work: Callable[..., None], arguments: tuple[object, ...], kill_after: float | None = None) -> bool:
    """Do the work in a child, kill it (SIGKILL) after some seconds if told, and tell whether it ended by itself."""
    process = children().Process(target=work, args=arguments)
    process.start()
    process.join(kill_after)
    finished = process.exitcode is not None
    process.kill()
    process.join()
    assert not finished or process.exitcode == 0
    return finished


@dataclass(frozen=True)
class Step:
    """One run of a stage: over nights, or over the one night that a release is of."""

    stage: str
    nights: Nights | Night
    options: dict[str, Any] = field(default_factory=dict)


def run(use_case: UseCase, steps: tuple[Step, ...], settings: dict[str, Any]) -> None:
    """Run the steps in this process, one after the other."""
    for step in steps:
        workspace = Workspace.open(load_settings(**settings))
        importlib.import_module(f"jobs.{step.stage}").run(use_case, step.nights, workspace, **step.options)


@dataclass(frozen=True)
class Home:
    """A home in which a use case is run, and that can be copied."""

    use_case: UseCase
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def named(self) -> dict[str, Any]:
        return {"home": self.folder, "engine": "local", **self.settings}

    @property
    def workspace(self) -> Workspace:
        return Workspace.open(load_settings(**self.named))

    def copy(self, folder: Path) -> Home:
        """Copy the home; Parquet files, which nobody changes, are shared."""
        shutil.copytree(self.folder, folder, symlinks=True, copy_function=_copy)
        return Home(self.use_case, folder, self.settings)

    def tables(self, lake: Lake) -> list[str]:
        name = self.use_case.use_case
        found = sorted((self.folder / "lake" / name).glob("*"))
        return [table for path in found if lake.exists(table := f"{name}/{path.name}")]

    def digests(self, counted: Nights) -> Digests:
        """Return digest and rows of every published night; those of ``counted`` are counted again from what a reader gets."""
        lake, found = self.workspace.lake, Digests()
        for table in self.tables(lake):
            for night, state in lake.states(table).items():
                found[table, night] = (state.content_digest, state.rows)
                if night in counted:
                    rows = lake.read(table, one(night)).drop_columns(["night"])
                    assert (content_digest(rows), rows.num_rows) == found[table, night], (table, night)
        return found

    def events(self) -> list[tuple[str, ...]]:
        """Return what the ledger says, without when."""
        found = self.workspace.ledger.events(self.use_case.use_case)
        return sorted((event.kind, str(event.night), str(event.subject), str(event.payload)) for event in found)

    def sweep(self) -> int:
        """Remove what killed runs left, whatever its age, and return how many files that were."""
        lake = self.workspace.lake
        swept = sweep(lake, self.tables(lake), now=datetime.now(UTC), retention=timedelta(days=30), grace=timedelta(0))
        return sum(table.files for table in swept.values())


def _copy(source: str, target: str) -> None:
    (os.link if source.endswith(".parquet") else shutil.copy2)(source, target)


@dataclass
class Undisturbed:
    """What a run makes that nobody kills, from what was there before; and how long it takes at most."""

    before: Digests
    wanted: Digests
    told: list[tuple[str, ...]]
    seconds: float

    def check_whole(self, seen: Digests) -> None:
        """Check what a reader sees after a kill: every night is the old one or the new one, and none is lost or more."""
        assert self.before.keys() <= seen.keys() <= self.wanted.keys()
        assert all(digest in (self.before.get(place), self.wanted[place]) for place, digest in seen.items())

    def learn(self, seconds: float) -> None:
        """Take the shortest time seen: a kill that comes after the end hits nothing."""
        self.seconds = min(self.seconds, seconds)


def kill_and_run_again(start: Home, steps: tuple[Step, ...], counted: Nights, kills: int, scratch: Path) -> int:
    """Kill the steps, three times in a home, run them to the end, and compare with an undisturbed run.

    The points are random, one in each of as many equal parts of the run; where a run ends before, an earlier one is tried.

    Returns:
        How many files the killed runs had left behind.
    """
    calm = _undisturbed(start, steps, counted, scratch / "calm")
    seed, left = random.Random(f"{steps} killed"), 0
    points = seed.sample([(part + seed.random()) / kills for part in range(kills)], kills)
    while points:
        home = start.copy(scratch / f"killed-{len(points)}")
        work = (home.use_case, steps, home.named)
        now, points = points[:3], points[3:]
        for point in now:
            if ends_by_itself(run, work, kill_after=point * calm.seconds):
                points.append(point * seed.random())
            calm.check_whole(home.digests(counted))
        began = time.monotonic()
        assert ends_by_itself(run, work)
        calm.learn(time.monotonic() - began)
        left += home.sweep()
        assert home.digests(counted) == calm.wanted
        assert home.events() == calm.told
        assert home.sweep() == 0
        shutil.rmtree(home.folder)
    return left


def _undisturbed(start: Home, steps: tuple[Step, ...], counted: Nights, folder: Path) -> Undisturbed:
    before, home = start.digests(counted), start.copy(folder)
    children()  # ready before the clock runs
    began = time.monotonic()
    assert ends_by_itself(run, (start.use_case, steps, home.named))
    seconds = time.monotonic() - began
    wanted = home.digests(counted)
    assert wanted != before, "the run makes something"
    return Undisturbed(before, wanted, home.events(), seconds)
