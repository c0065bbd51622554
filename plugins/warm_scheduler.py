"""Start Airflow's scheduler with the stages' libraries imported already.

LocalExecutor runs each task in a fork of the scheduler. What the scheduler has imported costs a task nothing; what it has
not costs every task its import again, six seconds for the contracts alone. Only imports are done here: no session, no
pool of threads, no connection, for those do not survive a fork.

    python -m plugins.warm_scheduler scheduler
"""

from __future__ import annotations

import importlib
import logging
import runpy
import sys

LIBRARIES = (
    "airflow.sdk",
    "airflow.sdk.execution_time.task_runner",
    "airflow.dag_processing.dagbag",
    "airflow.dag_processing.bundles.local",
    "airflow.providers.standard.operators.hitl",
    "airflow.providers.standard.operators.trigger_dagrun",
    "plugins.dag_defaults",
    "plugins.operators",
    "plugins.file_sensor",
    "nightloop.sources.waiting",
    "plugins.monitoring",
    "plugins.training",
    "plugins.delivery",
    "nightloop.workspace",
    "jobs.ingest",
    "jobs.features",
    "jobs.score",
    "jobs.monitor",
    "jobs.train",
    "jobs.report",
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "duckdb",
    "deltalake",
    "sqlglot",
    "pyspark.sql.connect.session",
    "great_expectations",
    "xgboost",
    "sklearn.linear_model",
    "sklearn.isotonic",
    "mlflow",
    "fairlearn.metrics",
    "matplotlib.figure",
    "dvc.repo",
)


def warm() -> list[str]:
    """Import the libraries and return those that could not be: the stage that needs one will say so itself."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it logs every class it registers
    absent: list[str] = []
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            absent.append(f"{name} ({error})")
    return absent


if __name__ == "__main__":
    for line in warm():
        sys.stderr.write(f"not imported ahead: {line}\n")
    runpy.run_module("airflow", run_name="__main__", alter_sys=True)
