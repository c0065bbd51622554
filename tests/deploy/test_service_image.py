"""The image of the service has few packages: with those alone it starts, loads its champion and answers.

The image is not built here: an importer that refuses whatever is not in requirements-serving.txt stands in for it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import published_clinic, wait_for  # noqa: F401 - a fixture

REPOSITORY = Path(__file__).parents[2]
LOCKED = REPOSITORY / "requirements-serving.txt"

ONLY_THE_IMAGE = """
import importlib.abc, importlib.metadata, re, runpy, sys
from pathlib import Path

locked = {name.lower().replace("_", "-") for name in re.findall(r"^([\\w.-]+)==", Path(sys.argv[1]).read_text(), re.M)}
owners = importlib.metadata.packages_distributions()

class OnlyTheImage(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        of = {owner.lower().replace("_", "-").replace(".", "-") for owner in owners.get(top, ())}
        if top in ("jobs", "dags", "plugins", "tests") or (of and not of & {*locked, "nightloop"}):
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, OnlyTheImage())
del sys.argv[1]
what = sys.argv.pop(1)
if what == "serve":
    runpy.run_module("serving", run_name="__main__", alter_sys=True)
exec(what)
"""


def test_the_service_runs_on_the_packages_of_its_image(published_clinic: Clinic, tmp_path: Path) -> None:  # noqa: F811
    settings = published_clinic.settings
    places = {"NIGHTLOOP_HOME": settings.home, "NIGHTLOOP_DEFINITIONS": settings.definitions}
    environment = {**os.environ, **{name: str(path) for name, path in places.items()}}
    environment.pop("NIGHTLOOP_SERVICE_TOKEN", None)
    command = [sys.executable, "-c", ONLY_THE_IMAGE, str(LOCKED), "serve", "--port", "0", "--audit", "off"]
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=log, stderr=log, text=True)
    try:

        def address() -> str:
            started = re.search(r"listens on (\S+)", (tmp_path / "log").read_text())
            assert process.poll() is None, (tmp_path / "log").read_text()
            return started[1] if started else ""

        wait_for(lambda: bool(address()), 60)
        with httpx.Client(base_url=address(), timeout=30) as client:
            wait_for(lambda: client.get("/readyz").status_code == 200, 60)
            answers = client.post("/v1/clinic_visits/predict", json={"rows": published_clinic.rows(NIGHTS.last)})
            assert answers.status_code == 200
            assert answers.json()["predictions"][0]["reasons"]
    finally:
        process.terminate()
        assert process.wait(30) == 0, (tmp_path / "log").read_text()


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", ONLY_THE_IMAGE, str(LOCKED), code]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def test_the_registry_and_the_contracts_are_read_with_the_packages_of_the_image() -> None:
    code = (
        "import mlflow, mlflow.artifacts, sys; mlflow.MlflowClient('http://127.0.0.1:1');"
        "from nightloop.model.mlflow_session import Session; from serving import row_contract;"
        "from nightloop.contracts import single_rows; assert 'pandas' not in sys.modules"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["pandas", "pyspark", "airflow", "great_expectations", "jobs"])
def test_what_is_not_in_the_image_cannot_be_imported(module: str) -> None:
    done = run(f"import {module}")
    assert f"{module} is not in the image" in done.stderr
