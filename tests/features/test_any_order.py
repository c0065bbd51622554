"""Whoever builds the nights, in whatever order, alone or together, publishes the same content: both use cases, every kind."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs import features, ingest
from nightloop.definitions import UseCase
from nightloop.nights import Night, Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.features import shop
from tests.features.conftest import NIGHTS as FLOWN
from tests.features.credit import STRETCH, credit
from tests.system.killed import Step, children, run

AT_ONCE = 3


@dataclass(frozen=True)
class Taken:
    """A use case whose raw tables are published, and the tables that its nights of features give when made as one range."""

    use_case: UseCase
    nights: Nights
    raw: Path
    wanted: dict[tuple[str, Night], tuple[str, int]]

    def fresh(self, home: Path) -> Workspace:
        """Return stores that hold the raw tables and nothing else."""
        shutil.copytree(self.raw, home)
        return Workspace.open(load_settings(home=home, engine="local"))

    def digests(self, workspace: Workspace) -> dict[tuple[str, Night], tuple[str, int]]:
        tables = [f"{self.use_case.use_case}/{step}" for step in features.STEPS]
        states = {table: workspace.lake.states(table) for table in tables}
        return {(table, night): (s.content_digest, s.rows) for table, found in states.items() for night, s in found.items()}


def taken(use_case: UseCase, nights: Nights, raw: Path, scratch: Path) -> Taken:
    made = Taken(use_case, nights, raw, {})
    workspace = made.fresh(scratch / "range")
    features.run(use_case, nights, workspace)
    return Taken(use_case, nights, raw, made.digests(workspace))


@pytest.fixture(scope="module", params=["flight_delay", "credit_risk", "shop"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "flight_delay":
        use_case, nights = request.getfixturevalue("flight_delay"), Nights(FLOWN.first, FLOWN.first + timedelta(days=2))
        return taken(use_case, nights, request.getfixturevalue("raw_home"), folder)
    workspace = Workspace.open(load_settings(home=folder / "raw", engine="local"))
    if request.param == "credit_risk":
        use_case, nights = credit(), Nights(STRETCH.first, STRETCH.first + timedelta(days=3))  # late rows come on the fourth
        ingest.run(use_case, nights, workspace)
    else:
        history = shop.draw_history(20241101, Nights(date(2024, 11, 1), date(2024, 11, 4)))
        use_case, nights = shop.use_case(history.nights.first, folder), history.nights
        shop.publish(history, use_case, workspace)
    return taken(use_case, nights, folder / "raw", folder)


def mixed(nights: Nights) -> list[Night]:
    return random.Random(7).sample(list(nights), len(nights))


def night_by_night(case: Taken, workspace: Workspace) -> None:
    for night in case.nights:
        features.run(case.use_case, one(night), workspace)


def in_reverse(case: Taken, workspace: Workspace) -> None:
    for step in features.STEPS:
        for night in reversed(list(case.nights)):
            features.run(case.use_case, one(night), workspace, step=step)


def by_threads(case: Taken, workspace: Workspace) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for step in features.STEPS:
            made = [
                threads.submit(features.run, case.use_case, one(night), workspace, step=step) for night in mixed(case.nights)
            ]
            for future in made:
                future.result()


def by_processes(case: Taken, workspace: Workspace) -> None:
    """Three processes at once, each all nights in an order of its own: every night is published by each of them."""
    for step in features.STEPS:
        ways = [list(case.nights), list(reversed(list(case.nights))), mixed(case.nights)]
        named = {"home": workspace.settings.home, "engine": "local"}
        started = []
        for way in ways:
            steps = tuple(Step("features", one(night), {"step": step}) for night in way)
            started.append(children().Process(target=run, args=(case.use_case, steps, named)))
            started[-1].start()
        for process in started:
            process.join()
        assert [process.exitcode for process in started] == [0] * len(ways)


@pytest.mark.parametrize("build", [night_by_night, in_reverse, by_threads, by_processes], ids=lambda build: build.__name__)
def test_the_order_of_building_shows_nowhere(case: Taken, build: Callable[[Taken, Workspace], None], tmp_path: Path) -> None:
    workspace = case.fresh(tmp_path / "home")
    build(case, workspace)
    assert case.digests(workspace) == case.wanted
    assert {table.split("/")[1] for (table, _), (_, rows) in case.wanted.items() if rows} >= {"tiles", "aggregates", "features"}
