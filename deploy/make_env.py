#!/usr/bin/env python3
"""Write .env: a random secret for everything docker-compose.yml protects. Needs nothing but Python (make env)."""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / ".env"

PASSWORDS = {
    "POSTGRES_PASSWORD": "PostgreSQL's administrator",
    "AIRFLOW_DB_PASSWORD": "Airflow's database",
    "MLFLOW_DB_PASSWORD": "MLflow's database",
    "LEDGER_DB_PASSWORD": "Nightloop's ledger",
    "MINIO_ROOT_PASSWORD": "MinIO, which keeps MLflow's artifacts",
    "AIRFLOW_ADMIN_PASSWORD": "user admin of Airflow's web UI",
    "AIRFLOW_SECRET_KEY": "signs Airflow's sessions and task logs",
    "AIRFLOW_JWT_SECRET": "signs Airflow's API tokens",
    "GRAFANA_ADMIN_PASSWORD": "user admin of Grafana",
    "NIGHTLOOP_SERVICE_TOKEN": "bearer token of the prediction service",
}


CHOICES = """
# What follows may be changed; docs/deploy.md has the words.
# AIRFLOW_USERS=admin:admin,ada:user,eve:viewer
# AIRFLOW_BASE_URL=https://airflow.example.com
# DEFINITIONS_FOLDER=./feature_defs
# CONTRACTS_FOLDER=./great_expectations
# DATA_FOLDER=./data
# WORKER_MEMORY=8G
# CPUS=2
# NIGHTLOOP_SMTP_URL=smtp://user:password@mail.example.com:587?from=nightloop@example.com
# NIGHTLOOP_SLACK_URL=
# NIGHTLOOP_PING_URL=
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file and return the exit code."""
    parser = argparse.ArgumentParser(
        description="Write .env with random secrets for docker-compose.yml.",
        epilog="exit codes: 0 written, 2 there is one already or it cannot be written",
    )
    parser.add_argument("--file", type=Path, default=TARGET, help="where to write (default: %(default)s)")
    parser.add_argument(
        "--force",
        action="store_true",
        help="replace the file. Volumes that exist keep the old secrets: remove them too (docker compose down --volumes)",
    )
    options = parser.parse_args(arguments)
    try:
        write(options.file, force=options.force)
    except FileExistsError:
        sys.stderr.write(
            f"{options.file}: there is one already, and running servers know its secrets. To replace it: --force\n"
        )
        return 2
    except OSError as error:
        sys.stderr.write(f"{options.file}: cannot be written ({error.strerror}). Give another place with --file\n")
        return 2
    sys.stdout.write(
        f"wrote {options.file}: {len(variables())} secrets, readable by you only. Next: docker compose up --build\n"
    )
    return 0


def variables() -> dict[str, str]:
    """Return a fresh random value for every variable of docker-compose.yml."""
    # URL-safe: they stand in database addresses, and Compose would read a dollar sign as a variable.
    made = {name: secrets.token_urlsafe(24) for name in PASSWORDS}
    return {**made, "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}


def write(file: Path, *, force: bool = False) -> None:
    """Write the file so that nobody else can read it at any moment, whole or not at all.

    Raises:
        FileExistsError: there is one, and ``force`` is not given.
    """
    comments = {**PASSWORDS, "AIRFLOW_FERNET_KEY": "encrypts Airflow's connections and variables"}
    lines = [f"# {comments[name]}\n{name}={value}\n" for name, value in variables().items()]
    text = "# Made by deploy/make_env.py. Keep it out of git and out of chats.\n" + "".join(lines) + CHOICES
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    try:
        if force:
            fresh.replace(file)
        else:
            os.link(fresh, file)
    finally:
        fresh.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
