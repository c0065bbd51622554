"""A home in which the loop has turned once on real flights, made once a run of the tests and copied for each test that asks."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace
from tests.once import made_once

HISTORY = Nights(date(2013, 1, 1), date(2013, 2, 28))
SCORED = Nights(date(2013, 2, 28), date(2013, 3, 5))
WATCHED = Nights(date(2013, 2, 28), date(2013, 3, 4))


@pytest.fixture(scope="session")
def flight_delay() -> UseCase:
    """The use case we ship."""
    return load_use_case("flight_delay", REPOSITORY / "feature_defs")


@pytest.fixture(scope="session")
def turned_home(tmp_path_factory: pytest.TempPathFactory, flight_delay: UseCase) -> Path:
    """January and February taken in, a champion trained, six nights scored, five watched. Do not write into it."""
    return made_once("turned", lambda home: turn(flight_delay, home), tmp_path_factory)


def turn(flight_delay: UseCase, home: Path) -> None:
    """Turn the loop once, every stage over its nights."""
    from jobs import features, ingest, monitor, score, train

    workspace = Workspace.open(load_settings(home=home, engine="local"))
    nights = Nights(HISTORY.first, SCORED.last)
    ingest.run(flight_delay, nights, workspace)
    features.run(flight_delay, nights, workspace)
    train.run(flight_delay, HISTORY.last, workspace, reason="first champion of the tests", requested_by="tests")
    score.run(flight_delay, SCORED, workspace)
    monitor.run(flight_delay, WATCHED, workspace)


@pytest.fixture
def turned(turned_home: Path, tmp_path: Path) -> Workspace:
    """A copy of that home for one test to write into."""
    home = tmp_path / "home"
    shutil.copytree(turned_home, home, symlinks=True)
    return Workspace.open(load_settings(home=home, engine="local"))
