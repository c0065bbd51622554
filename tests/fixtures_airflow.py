"""A real Airflow for a test: its own home, random ports, SQLite, LocalExecutor, our DAGs and plugins."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.embedded.airflow_client import FINISHED, AirflowClient, DagRun
from jobs.embedded.airflow_environment import GRACE, airflow_command, airflow_environment, components
from nightloop.definitions import use_case_names
from nightloop.engine.processes import GRACE_SECONDS, Server, Servers, signal_group
from nightloop.settings import REPOSITORY
from tests.once import made_once

PASSWORD = "only-for-this-test"
WITH_KEEP_UP = "WITH_KEEP_UP"
"""Set in the settings of a module whose Airflow is to have the DAG nightloop.keep_up."""
REVIEWER = "reviewer"
"""A second user: whoever asks for a training cannot approve its candidate."""


@dataclass(frozen=True)
class RunningAirflow:
    """What a test needs of an Airflow that runs."""

    client: AirflowClient
    environment: Mapping[str, str]
    home: Path
    nightloop_home: Path
    parts: Mapping[str, Server]

    def kill(self, part: str) -> None:
        """Kill a part of Airflow with all its children, and start it again."""
        server = self.parts[part]
        signal_group(server.process, signal.SIGKILL)
        server.process.wait()
        Servers.restart(server)

    def task_processes(self) -> list[int]:
        """Return the processes in which tasks run now, below the scheduler."""
        parents, words = {}, {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                words[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
        scheduler = self.parts["scheduler"].process.pid
        return [
            number
            for number, command in words.items()
            if re.match("airflow worker -- [0-9a-f]{8}-", command) and parents.get(parents[number]) == scheduler
        ]

    def command(self, *arguments: str) -> str:
        """Run ``airflow …`` and return what it printed."""
        done = subprocess.run(
            airflow_command(*arguments),
            env=dict(self.environment),
            cwd=self.home,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait_until(self, done: Callable[[], bool], what: str, seconds: float = 120) -> None:
        """Wait for something, and say what when it does not come."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s\n{self.report()}"
            time.sleep(0.3)

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float = 120) -> DagRun:
        """Wait until a run is finished."""
        self.wait_until(lambda: self.client.run(dag_id, run_id).state in FINISHED, f"{dag_id} {run_id}", seconds)
        return self.client.run(dag_id, run_id)

    def task_states(self, dag_id: str, run_id: str) -> dict[str, str | None]:
        """Return task id -> state of a run."""
        return {task.task_id: task.state for task in self.client.tasks(dag_id, run_id)}

    def task_log(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return what a task logged, over all its tries."""
        folder = self.home / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}" / f"task_id={task_id}"
        return "\n".join(file.read_text() for file in sorted(folder.rglob("attempt=*.log")))

    def scheduler_has_seen_end_of(self, run_id: str, task_id: str, times: int = 1) -> bool:
        """Whether the scheduler has handled the end of so many processes of a task, which the API does not tell."""
        seen = (
            line
            for line in (self.home / "server_logs" / "scheduler.log").read_text().splitlines()
            if "TaskInstance Finished" in line
        )
        return sum(f"task_id={task_id}, run_id={run_id}" in line for line in seen) >= times

    def pause(self, dag_id: str, paused: bool = True) -> None:
        """Pause a DAG, or let it go on."""
        self.client._send("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": paused})

    def report(self) -> str:
        """Say how every run of ours stands, for a message of a failed test."""
        lines = []
        for dag in self.client._send("GET", "/api/v2/dags")["dags"]:
            for run in self.client.runs(dag["dag_id"]):
                lines.append(f"{run.dag_id} {run.run_id} {run.state} {self.task_states(run.dag_id, run.run_id)}")
        return "\n".join(lines)


@pytest.fixture(scope="session")
def airflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated metadata database, made once a run of the tests: a copy costs nothing, a migration ten seconds."""
    return made_once("airflow_database", migrate, tmp_path_factory) / "airflow.db"


def migrate(home: Path) -> None:
    """Make Airflow's database in the folder."""
    environment = airflow_environment(home, 1, nightloop_home=home / "nightloop")
    done = subprocess.run(
        airflow_command("db", "migrate"), env=environment, cwd=home, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def airflow_settings() -> dict[str, str]:
    """More environment of the Airflow of a module, for example NIGHTLOOP_DEFINITIONS; a module may say its own."""
    return {}


@pytest.fixture(scope="module")
def airflow(
    tmp_path_factory: pytest.TempPathFactory, airflow_database: Path, airflow_settings: dict[str, str]
) -> Iterator[RunningAirflow]:
    """An Airflow that runs, for the tests of one module."""
    with start_airflow(tmp_path_factory.mktemp("airflow"), airflow_database, airflow_settings) as running:
        yield running


class start_airflow:
    """Start Airflow's processes, wait until every DAG is there, and end them all at the end."""

    def __init__(self, home: Path, database: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        port = _free_port()
        base = {**os.environ, "NIGHTLOOP_ENGINE": "local", **environment}
        shutil.copy(database, home / "airflow.db")
        self.environment = airflow_environment(
            home,
            port,
            nightloop_home=home / "nightloop",
            users={"tester": PASSWORD, REVIEWER: PASSWORD},
            inflation_check="error",
            base=base,
        )
        if not self.environment.pop(WITH_KEEP_UP, ""):  # its first round comes at once, and would do more than a test asks for
            self.environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags_without(("keep_up", "ship_audit"), home / "dags"))
        self.definitions = Path(self.environment.get("NIGHTLOOP_DEFINITIONS", REPOSITORY / "feature_defs"))
        self.client = AirflowClient(f"http://127.0.0.1:{port}", "tester", PASSWORD)
        self.servers = Servers(home / "server_logs")

    def __enter__(self) -> RunningAirflow:
        try:
            parts = components(self.definitions)
            started = {
                part: self.servers.start(
                    part, airflow_command(part), self.environment, self.home, grace=GRACE.get(part, GRACE_SECONDS)
                )
                for part in parts
            }
            self.servers.wait_for(started[parts[0]], self.client.is_healthy, seconds=120)
            running = RunningAirflow(self.client, self.environment, self.home, self.home / "nightloop", started)
            families = {file.stem for file in (Path(self.environment["AIRFLOW__CORE__DAGS_FOLDER"])).glob("[a-z]*.py")}
            families -= {"keep_up", "ship_audit"}  # there once, for all use cases
            dags = [f"{name}.{family}" for name in use_case_names(self.definitions) for family in families]
            running.wait_until(lambda: all(map(self.client.has_dag, dags)), "the DAGs", 60)
        except BaseException:
            self.servers.stop()
            raise
        return running

    def __exit__(self, *_: object) -> None:
        self.servers.stop()


def definitions_in(folder: Path) -> dict[str, str]:
    """Return the environment by which use cases and contracts are read from a folder."""
    folders = {"NIGHTLOOP_DEFINITIONS": "feature_defs", "NIGHTLOOP_CONTRACTS": "great_expectations"}
    return {name: str(folder / below) for name, below in folders.items()}


def dags_without(names: Sequence[str], folder: Path) -> Path:
    """Copy the DAG files but some into a folder, and return it."""
    ignored = shutil.ignore_patterns(*(f"{name}.py" for name in names), "__pycache__")
    shutil.copytree(REPOSITORY / "dags", folder, ignore=ignored)
    return folder


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
