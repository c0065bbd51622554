"""The demo (make run) on the embedded set-up: bootstrap, two weeks of nights, one retraining, one answer from the service.

It can be stopped at any moment and started again: what was published stays, and each step asks what is there already.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from jobs import night_status
from jobs.console import errors, output
from jobs.embedded.demo_steps import NIGHTS, USE_CASE, start_demo, trainings
from jobs.embedded.installation import Installation
from jobs.embedded.smoke_test import ask_service
from nightloop.definitions.use_case import UseCase
from nightloop.engine.processes import Servers, end_cleanly_on_sigterm
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run(_options: argparse.Namespace) -> int:
    """Run the main job and return the exit code."""
    started = time.monotonic()
    settings = load_settings()
    with Servers(settings.home / "logs") as servers:
        end_cleanly_on_sigterm()
        installation = Installation(settings, servers)
        installation.ports.require_free("airflow", "spark", "service")
        demo = start_demo(installation)
        try:
            demo.bootstrap()
            demo.take_nights()
            demo.retrain_once()
            demo.wait_for_reports()
            installation.start_service()
            output.print(ask_service(demo.workspace, demo.use_case, NIGHTS.last, installation.service_address), markup=False)
        except KeyboardInterrupt:
            errors.print("stopping …")
            raise
        finally:
            demo.stop_spark()
    _print_summary(demo.workspace, demo.use_case, seconds=time.monotonic() - started)
    return 0


def _print_summary(workspace: Workspace, use_case: UseCase, *, seconds: float) -> None:
    output.print()
    output.print(night_status.table(night_status.collect(use_case, workspace, NIGHTS)))
    output.print()
    for page in sorted((workspace.reports / USE_CASE).rglob("*.html")):
        output.print(f"report: {_from_here(page)}", markup=False)
    for training in trainings(workspace):
        output.print(training, markup=False)
    output.print(f"done in {seconds // 60:.0f} min {seconds % 60:.0f} s; nothing is left running. Look around with: make ui")


def _from_here(page: Path) -> Path:
    """Name a file as a person in this folder would."""
    return page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page
