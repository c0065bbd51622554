"""What a night without a record does not pay for."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

from nightloop.definitions import load_use_case
from nightloop.lake import Commit
from nightloop.settings import REPOSITORY
from nightloop.sources import raw_schema
from nightloop.workspace import Workspace

DEAR = ["pandas", "pyspark", "mlflow", "xgboost", "sklearn", "great_expectations", "scipy", "airflow", "fastapi"]
FIRST = date(2013, 1, 1)

RUN = """
import sys
from jobs.commands.command_line import main
assert main(["features", "flight_delay", sys.argv[1]]) == 0
print("IMPORTED", [name for name in sys.argv[2].split(",") if name in sys.modules])
"""


def test_a_night_without_a_record_imports_no_library_that_it_does_not_need(workspace: Workspace) -> None:
    use_case = load_use_case("flight_delay", workspace.settings.definitions)
    for name, source in use_case.sources.items():
        empty = dict.fromkeys([FIRST], raw_schema(source).empty_table())
        workspace.lake.publish_nights(f"flight_delay/raw_{name}", empty, Commit("ingest", "flight_delay"))
    home = {"NIGHTLOOP_HOME": str(workspace.settings.home), "NIGHTLOOP_ENGINE": "local", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", RUN, str(FIRST), ",".join(DEAR)]
    done = subprocess.run(command, env={**os.environ, **home}, cwd=Path.home(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "IMPORTED []"
