"""Ask Airflow for a backfill of nights, by its own command line."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from jobs.embedded.airflow_environment import airflow_command
from nightloop.errors import SetupError
from nightloop.nights import Nights


def backfill_arguments(dag_id: str, nights: Nights) -> list[str]:
    """Return the arguments of ``airflow`` for a backfill."""
    return [
        *("backfill", "create", "--dag-id", dag_id, "--from-date", str(nights.first), "--to-date", str(nights.last)),
        *("--reprocess-behavior", "completed", "--max-active-runs", "4"),
    ]


def create_backfill(environment: Mapping[str, str], folder: Path, dag_id: str, nights: Nights) -> None:
    """Create the backfill.

    Raises:
        SetupError: Airflow refused; the message carries its output.
    """
    command = airflow_command(*backfill_arguments(dag_id, nights))
    done = subprocess.run(command, env=dict(environment), cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SetupError(
            f"Airflow refused the backfill of {dag_id} for {nights}:\n{(done.stderr or done.stdout)[-1500:]}",
            do="Read the reason above.",
        )
