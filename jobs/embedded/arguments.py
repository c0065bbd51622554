"""What the commands of the embedded set-up take on the command line."""

from __future__ import annotations

import argparse


def add_embedded(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare what works on the embedded set-up."""
    loop = commands.add_parser("loop", help="the main job (make run): everything once on the embedded set-up, then stop")
    loop.set_defaults(module="jobs.embedded.demo")
    airflow = commands.add_parser(
        "airflow",
        help="Airflow's own command line in the environment of the embedded set-up, for example: airflow backfill create …",
        add_help=False,
    )
    airflow.add_argument("arguments", nargs=argparse.REMAINDER, help="what follows 'airflow'")
    airflow.set_defaults(module="jobs.embedded.airflow")
    ui = commands.add_parser("ui", help="keep Airflow, MLflow, Spark and the service up (make ui) until Ctrl-C")
    ui.set_defaults(module="jobs.embedded.ui")
