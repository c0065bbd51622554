"""The engine `auto`: small inputs in this process, large ones on Spark, the same inputs always on the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.engine import engine_name
from nightloop.lake import Lake
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace
from tests.engine.conftest import FIRST, NIGHTS
from tests.lake.rows import TABLE


@pytest.fixture
def flights() -> UseCase:
    """flight_delay, leaving the choice of the engine to its inputs."""
    return load_use_case("flight_delay", REPOSITORY / "feature_defs").model_copy(update={"engine": "auto"})


def test_a_snapshot_knows_the_bytes_of_its_own_files(lake: Lake) -> None:
    whole = lake.snapshot(TABLE)
    assert whole.size == sum(Path(path).stat().st_size for path in whole.paths)
    one = lake.snapshot(TABLE, Nights(FIRST, FIRST))
    assert 0 < one.size == Path(one.paths[0]).stat().st_size < whole.size


def test_inputs_up_to_the_limit_are_worked_on_in_the_process_and_larger_ones_on_spark(lake: Lake) -> None:
    parts = [lake.snapshot(TABLE, Nights(night, night)) for night in (NIGHTS[0], NIGHTS[2])]
    size = parts[0].size + parts[1].size
    assert engine_name("auto", parts, size) == "local"
    assert engine_name("auto", parts, size - 1) == "spark"
    assert engine_name("auto", [], 0) == "local"


def test_an_engine_that_is_named_is_taken_whatever_the_size(lake: Lake) -> None:
    whole = [lake.snapshot(TABLE)]
    assert [engine_name(name, whole, limit) for name in ("local", "spark") for limit in (0, 2**40)] == [
        *("local", "local"),
        *("spark", "spark"),
    ]


def test_a_workspace_chooses_by_its_inputs_and_the_settings_overrule_the_use_case(
    lake: Lake, flights: UseCase, tmp_path: Path
) -> None:
    whole = [lake.snapshot(TABLE)]

    def engine(asked: str, limit: int, of: UseCase = flights) -> str:
        settings = load_settings(home=tmp_path, engine=asked, local_up_to=limit)
        return Workspace.open(settings).engine(of, whole).name

    assert (engine("", 2**30), engine("", 1)) == ("local", "spark")
    assert (engine("spark", 2**30), engine("local", 1)) == ("spark", "local")
    declared_spark = flights.model_copy(update={"engine": "spark"})
    assert engine("auto", 2**30, declared_spark) == "local"


def test_a_night_without_files_is_local_work(lake: Lake) -> None:
    empty = lake.snapshot(TABLE, Nights(NIGHTS[1], NIGHTS[1]))
    assert (empty.size, empty.paths) == (0, [])
    assert engine_name("auto", [empty], 0) == "local"
