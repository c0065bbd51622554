"""Bring up the servers of the embedded set-up, each when it is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from jobs.embedded.airflow_client import AirflowClient
from jobs.embedded.airflow_environment import (
    COMPONENTS,
    GRACE,
    TRIGGERER,
    airflow_command,
    airflow_environment,
    components,
)
from nightloop.engine.ports import LOOPBACK, Ports
from nightloop.engine.processes import GRACE_SECONDS, Servers, tail
from nightloop.engine.spark_server import SparkServer
from nightloop.errors import SetupError
from nightloop.model.mlflow_session import connect
from nightloop.settings import REPOSITORY, Settings

WAIT_SECONDS = 120.0
ADMIN = "admin"


@dataclass
class Installation:
    """The servers of one home. Use with ``Servers`` as a block, so that none outlives the command.

    ``extra`` is added to the environment of every child.
    """

    settings: Settings
    servers: Servers
    extra: Mapping[str, str] = field(default_factory=dict)
    ports: Ports = field(init=False)

    def __post_init__(self) -> None:
        self.ports = Ports().shifted(self.settings.port_offset)

    @property
    def environment(self) -> dict[str, str]:
        """What every child gets: where the stores are, and where Spark listens."""
        return {
            **os.environ,
            "NIGHTLOOP_HOME": str(self.settings.home),
            "NIGHTLOOP_SPARK_URL": f"sc://{LOOPBACK}:{self.ports.spark}",
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONUNBUFFERED": "1",
            "DO_NOT_TRACK": "1",
            "GX_ANALYTICS_ENABLED": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for jobs that nobody here asks of MLflow
            "DVC_NO_ANALYTICS": "1",
            "MPLBACKEND": "Agg",
            **self.extra,
        }

    @property
    def airflow_address(self) -> str:
        """Where Airflow's web UI and API listen."""
        return f"http://{LOOPBACK}:{self.ports.airflow}"

    @property
    def mlflow_address(self) -> str:
        """Where MLflow's web UI listens."""
        return f"http://{LOOPBACK}:{self.ports.mlflow}"

    @property
    def service_address(self) -> str:
        """Where the prediction service listens."""
        return f"http://{LOOPBACK}:{self.ports.service}"

    def start_spark(self) -> SparkServer:
        """Start the warm Spark Connect server; the caller stops it."""
        return SparkServer.start(self.settings.home, self.ports.spark)

    def start_airflow(self, *, for_people: bool = False) -> AirflowClient:
        """Start Airflow's processes, wait until they answer, and sign in.

        Args:
            for_people: start a triggerer in any case: without one, Airflow's first page shows it as unhealthy.
        """
        home, environment = self.airflow_home, self.airflow_environment()
        self._migrate(environment, home)
        parts = (*COMPONENTS, TRIGGERER) if for_people else components(self.settings.definitions)
        started = [
            self.servers.start(
                f"airflow-{part}", airflow_command(part), environment, home, grace=GRACE.get(part, GRACE_SECONDS)
            )
            for part in parts
        ]
        client = AirflowClient(self.airflow_address, ADMIN, self.airflow_password)
        self.servers.wait_for(started[0], client.is_healthy, seconds=WAIT_SECONDS)
        return client

    @property
    def airflow_home(self) -> Path:
        """Airflow's folder: its database, logs and passwords."""
        return self.settings.home / "airflow"

    def airflow_environment(self) -> dict[str, str]:
        """Return the environment of Airflow's processes and of its command line."""
        return airflow_environment(
            self.airflow_home,
            self.ports.airflow,
            nightloop_home=self.settings.home,
            base=self.environment,
        )

    def airflow(self, arguments: Sequence[str]) -> int:
        """Run a command of Airflow's own command line here, and return its exit code."""
        command, environment = airflow_command(*arguments), self.airflow_environment()
        return subprocess.run(command, env=environment, cwd=self.airflow_home, check=False).returncode  # noqa: S603 - asked for

    @property
    def airflow_password(self) -> str:
        """Password of Airflow's administrator, made at the first start."""
        passwords: dict[str, str] = json.loads((self.airflow_home / "passwords.json").read_text())
        return passwords[ADMIN]

    def start_mlflow(self) -> None:
        """Start MLflow's web UI over the registry."""
        connect(self.settings.mlflow_url)
        command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self.settings.mlflow_url]
        command += [
            "--default-artifact-root",
            self.settings.artifacts_url,
            "--host",
            LOOPBACK,
            "--port",
            str(self.ports.mlflow),
        ]
        server = self.servers.start("mlflow", [*command, "--workers", "1"], self.environment, self.settings.home)
        self.servers.wait_for(server, lambda: answers(f"{self.mlflow_address}/health"), seconds=WAIT_SECONDS)

    def start_service(self) -> None:
        """Start the prediction service and wait until it is ready to answer."""
        command = [sys.executable, "-m", "serving", "--host", LOOPBACK, "--port", str(self.ports.service)]
        server = self.servers.start("service", command, self.environment, self.settings.home)
        self.servers.wait_for(server, lambda: answers(f"{self.service_address}/readyz"), seconds=WAIT_SECONDS)

    def _migrate(self, environment: dict[str, str], home: Path) -> None:
        """Bring Airflow's database to the version of this Airflow."""
        log = self.settings.home / "logs" / "airflow-migrate.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            done = subprocess.run(  # noqa: S603 - the command is ours
                airflow_command("db", "migrate"),
                env=environment,
                cwd=home,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise SetupError(f"Airflow could not prepare its database. It said:\n{tail(log)}", do=f"Read {log}.")


def answers(address: str) -> bool:
    """Tell whether a server answers 200 at an address."""
    try:
        return httpx.get(address, timeout=5).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False  # not up yet
