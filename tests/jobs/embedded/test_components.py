"""Which of Airflow's processes run for which use cases, and who may read their databases."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from jobs.embedded.airflow_environment import COMPONENTS, TRIGGERER, airflow_command, airflow_environment, components
from nightloop.ledger import Ledger
from nightloop.model.mlflow_session import connect
from nightloop.settings import REPOSITORY, load_settings
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


def test_the_databases_of_a_home_are_for_its_owner_only(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    airflow_environment(tmp_path / "airflow", 1, nightloop_home=tmp_path)
    connect(settings.mlflow_url)
    Ledger.open(settings).record("test", "things")
    databases = [*tmp_path.glob("*.db*"), *(tmp_path / "airflow").glob("*.db*")]
    assert {path.name for path in databases} >= {"airflow.db", "ledger.db", "mlflow.db"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in databases} == {0o600}
