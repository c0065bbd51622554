"""Keep every server of the embedded set-up up, start again what dies, and print their addresses (make ui)."""

from __future__ import annotations

import argparse
import signal
import threading

from jobs.console import errors, output
from jobs.embedded.installation import Installation
from jobs.embedded.supervision import Supervisor
from nightloop.engine.processes import Servers, end_cleanly_on_sigterm
from nightloop.settings import load_settings


def run(_options: argparse.Namespace) -> int:
    """Keep every server up until Ctrl-C, and return the exit code. Runs that a stop left in flight go on."""
    settings = load_settings()
    with Servers(settings.home / "logs") as servers:
        end_cleanly_on_sigterm()
        installation = Installation(settings, servers)
        installation.ports.require_free()
        errors.print("starting Spark and Airflow …")
        with installation.start_spark() as spark:
            installation.start_airflow(for_people=True)
            errors.print("starting MLflow and the service …")
            installation.start_mlflow()
            installation.start_service()
            _print_addresses(installation)
            _wait_until_stopped(Supervisor([spark.servers, servers], errors.print))
            errors.print("stopping …")
    output.print("stopped")
    return 0


def _print_addresses(installation: Installation) -> None:
    output.print(
        f"Airflow   {installation.airflow_address}   user admin, password {installation.airflow_password}", markup=False
    )
    output.print(f"MLflow    {installation.mlflow_address}", markup=False)
    output.print(f"service   {installation.service_address}/docs", markup=False)
    output.print("Ctrl-C stops them all. Other ports: NIGHTLOOP_PORT_OFFSET=1000 make ui")


def _wait_until_stopped(supervisor: Supervisor) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1.0):
        supervisor.supervise()
