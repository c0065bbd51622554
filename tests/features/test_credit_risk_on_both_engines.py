"""Loans with late, repeated, corrected and reversed records: Spark and the local engine publish the same, to the last bit."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from jobs import features, ingest
from nightloop.lake import Commit
from nightloop.nights import Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.features.credit import STRETCH, credit

NIGHTS = Nights(STRETCH.first, STRETCH.first + timedelta(days=3))
MATURED = NIGHTS.first + timedelta(days=90)  # when the outcomes of the first night's loans are known
OUTCOMES = "credit_risk/raw_outcomes"


@pytest.fixture(scope="module")
def raw_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four nights taken in, and the one ninety nights later on which the first night's loans mature."""
    home = tmp_path_factory.mktemp("credit") / "raw"
    workspace = Workspace.open(load_settings(home=home, engine="local"))
    ingest.run(credit(), NIGHTS, workspace)
    ingest.run(credit(), one(MATURED), workspace)
    # A label asks for the outcomes of all ninety nights; those of the nights between, which are left out here, would join none.
    nothing = workspace.lake.read(OUTCOMES, one(MATURED)).drop_columns(["night"]).slice(0, 0)
    between = Nights(NIGHTS.last + timedelta(days=1), MATURED - timedelta(days=1))
    workspace.lake.publish_nights(OUTCOMES, dict.fromkeys(between, nothing), Commit("ingest", "credit_risk"))
    return home


def built(raw_home: Path, home: Path, **settings: str) -> dict[str, dict]:
    """Return digest and rows of every night of the four tables, made on an engine."""
    shutil.copytree(raw_home, home)
    use_case, workspace = credit(), Workspace.open(load_settings(home=home, **settings))
    for step in ("tiles", "aggregates", "features"):
        features.run(use_case, NIGHTS, workspace, step=step)
    for step in ("aggregates", "features"):
        features.run(use_case, one(NIGHTS.first), workspace, step=step, as_known_at=NIGHTS.last)
    features.run(use_case, one(MATURED), workspace, step="labels")
    tables = ("tiles", "aggregates", "features", "labels", f"features_known_{NIGHTS.last}")
    return {
        table: {night: (s.content_digest, s.rows) for night, s in workspace.lake.states(f"credit_risk/{table}").items()}
        for table in tables
    }


@pytest.mark.slow
def test_spark_and_the_local_engine_publish_the_same_loans(raw_home: Path, tmp_path: Path, spark_url: str) -> None:
    local = built(raw_home, tmp_path / "local", engine="local")
    assert {night for found in local.values() for night in found} == {*NIGHTS, MATURED}
    assert all(rows for found in local.values() for _, rows in found.values()), "no table is equal for being empty"
    assert local[f"features_known_{NIGHTS.last}"][NIGHTS.first] != local["features"][NIGHTS.first], "what came late shows"
    assert built(raw_home, tmp_path / "spark", engine="spark", spark_url=spark_url) == local
