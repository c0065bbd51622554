"""A lake with a few nights, and both engines over it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from nightloop.engine import Engine
from nightloop.engine.local import LocalEngine
from nightloop.engine.spark import SparkEngine
from nightloop.lake import Lake
from tests.lake.rows import COMMIT, TABLE, flights

FIRST = date(2013, 1, 1)
NIGHTS = [FIRST + timedelta(days=day) for day in range(5)]


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Five nights: one empty, the last with a column more."""
    root = tmp_path_factory.mktemp("engine=lakes") / "it's a lake"
    lake = Lake(str(root), root / "staging")
    for at, night in enumerate(NIGHTS):
        rows = flights(0 if at == 1 else 10 + at, start=at * 20)
        lake.publish(TABLE, night, rows if at == len(NIGHTS) - 1 else rows.drop_columns(["price"]), COMMIT)
    return lake


@pytest.fixture
def local(tmp_path: Path) -> LocalEngine:
    return LocalEngine(tmp_path / "spill")


@pytest.fixture
def spark(spark_url: str) -> SparkEngine:
    return SparkEngine(spark_url)


@pytest.fixture(params=["local", "spark"])
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.getfixturevalue(request.param)
    return engine
