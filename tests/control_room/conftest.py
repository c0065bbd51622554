"""A small shop with five nights scored and judged, at the instant at which the sixth is due."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import monitor, score
from nightloop.nights import Nights
from tests.jobs.changing import FIRST, NIGHTS, Things

DAY = timedelta(days=1)
LAST = NIGHTS.last
NOW = datetime(2024, 3, 7, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def whole_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    things = Things(tmp_path_factory.mktemp("whole") / "things")
    things.build(Nights(FIRST, LAST - DAY))
    things.promote(FIRST + DAY)
    for stage in (score, monitor):
        stage.run(things.use_case, Nights(FIRST + DAY, LAST - DAY), things.workspace)
    return things.folder


@pytest.fixture
def things(whole_shop: Path, tmp_path: Path) -> Things:
    shutil.copytree(whole_shop, tmp_path / "things")
    return Things(tmp_path / "things")
