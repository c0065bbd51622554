"""The DAG <uc>.apply as Airflow itself runs it: a part, and skipped when nothing is left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from jobs.embedded.airflow_environment import airflow_command, airflow_environment
from jobs.upkeep.apply import apply
from jobs.upkeep.plan import make_plan
from tests.jobs.changing import NIGHTS, Things

pytestmark = [pytest.mark.system, pytest.mark.slow]


def run_of_apply(things: Things, **form: int) -> str:
    """Run the DAG once, task after task, and return what Airflow logged."""
    home = things.folder
    settings = {name: str(getattr(things.settings, name)) for name in ("definitions", "contracts", "engine")}
    base = {**os.environ, **{f"NIGHTLOOP_{name.upper()}": value for name, value in settings.items()}}
    environment = airflow_environment(home, 1, nightloop_home=things.settings.home, base=base)
    command = airflow_command("dags", "test", "things.apply", "--conf", json.dumps(form))
    done = subprocess.run(command, env=environment, cwd=home, check=False, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0 and "state=success" in done.stdout, done.stdout + done.stderr
    return done.stdout


def test_a_run_builds_what_its_form_allows_and_one_with_nothing_to_build_is_skipped(
    tmp_path: Path, airflow_database: Path
) -> None:
    things = Things(tmp_path)
    shutil.copy(airflow_database, tmp_path / "airflow.db")
    things.build()
    use_case = things.change(lambda declared: declared["features"]["price"].update(expression="price * 100"))
    log = run_of_apply(things, at_most=2)
    assert "build features of 2024-03-01..2024-03-06" in log and f"published things/features night={NIGHTS.last}" in log
    (left,) = make_plan(use_case, things.workspace).builds
    assert left.nights == tuple(NIGHTS)[:-2]
    apply(use_case, things.workspace)
    log = run_of_apply(things)
    assert "nothing must be built" in log and "starting task_id=apply" not in log
