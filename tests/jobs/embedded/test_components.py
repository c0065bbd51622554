"""Which of Airflow's processes run for which use cases."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.embedded.airflow_environment import COMPONENTS, TRIGGERER, airflow_command, components
from nightloop.settings import REPOSITORY
from tests.fixtures_ingest import SHOP

WAITS = SHOP.replace('data/visits/{night}.csv"', "data/visits/{night}.csv\", arrives_by: '03:30'")


def test_a_triggerer_runs_only_where_a_use_case_waits_for_files(tmp_path: Path) -> None:
    assert components(REPOSITORY / "feature_defs") == COMPONENTS
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    assert components(tmp_path) == COMPONENTS
    assert WAITS != SHOP
    file.write_text(WAITS)
    assert components(tmp_path) == (*COMPONENTS, TRIGGERER)


def test_a_use_case_that_cannot_be_read_yet_may_be_one_that_waits(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text("use_case: [")
    assert components(tmp_path) == (*COMPONENTS, TRIGGERER)


@pytest.mark.parametrize("part", ["scheduler", TRIGGERER])
def test_what_would_serve_logs_to_everybody_opens_no_port(part: str) -> None:
    assert airflow_command(part)[-2:] == [part, "--skip-serve-logs"]
