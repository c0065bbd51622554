"""Run Airflow's own command line in the environment of the embedded set-up: python -m jobs airflow …"""

from __future__ import annotations

import argparse

from jobs.embedded.installation import Installation
from nightloop.engine.processes import Servers
from nightloop.settings import load_settings


def run(options: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    settings = load_settings()
    return Installation(settings, Servers(settings.home / "logs")).airflow(options.arguments)
