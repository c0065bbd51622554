"""The DAGs as Airflow's DAG processor reads them, with no connection, no variable and no network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs.embedded.airflow_environment import airflow_environment

READ = """
import json, socket, sys, time

def no_network(*arguments, **more):
    raise OSError("a DAG file must not open a connection at parse")

socket.socket.connect = no_network
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization

bag = DagBag(sys.argv[1])
seconds = {stat.file: stat.duration.total_seconds() for stat in bag.dagbag_stats}
heavy = [name for name in json.loads(sys.argv[2]) if name in sys.modules]

def serialized():
    dags = DagBag(sys.argv[1]).dags
    return {dag_id: json.dumps(DagSerialization.to_dict(dag), sort_keys=True, default=str) for dag_id, dag in dags.items()}

first = serialized()
versions = {dag_id: {text} for dag_id, text in first.items()}
again = []
for _ in range(int(sys.argv[3]) - 1):
    start = time.perf_counter()
    for dag_id, text in serialized().items():
        versions[dag_id].add(text)
    again.append(time.perf_counter() - start)
told = {
    "errors": bag.import_errors,
    "seconds": seconds,
    "heavy": heavy,
    "versions": {dag_id: len(texts) for dag_id, texts in versions.items()},
    "dags": {dag_id: json.loads(text)["dag"] for dag_id, text in first.items()},
}
sys.stdout.write("\\nTOLD" + json.dumps(told))
"""
HEAVY = [
    "pyspark",
    "mlflow",
    "pandas",
    "xgboost",
    "sklearn",
    "numpy",
    "pyarrow",
    "duckdb",
    "deltalake",
    "great_expectations",
    "evidently",
    "fairlearn",
    "shap",
    "dvc",
    "matplotlib",
    "boto3",
    "scipy",
]


def read_dags(home: Path, *, parses: int = 1, **environment: str) -> dict[str, Any]:
    """Parse dags/ in a process of its own and return what it found."""
    home.mkdir(parents=True, exist_ok=True)
    own = {
        **airflow_environment(home, 1, nightloop_home=home / "nightloop"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/at/all.db",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        **environment,
    }
    arguments = [sys.executable, "-c", READ, own["AIRFLOW__CORE__DAGS_FOLDER"], json.dumps(HEAVY), str(parses)]
    done = subprocess.run(arguments, env=own, cwd=home, check=False, capture_output=True, text=True, timeout=300)
    assert "\nTOLD" in done.stdout, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(done.stdout.rpartition("\nTOLD")[2])
    return told


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a hundred parses of dags/ tell."""
    return read_dags(tmp_path_factory.mktemp("parse"), parses=100)


@pytest.fixture(scope="session")
def dags(parsed: dict[str, Any]) -> dict[str, Any]:
    """DAG id -> its serialized form."""
    found: dict[str, Any] = parsed["dags"]
    return found
