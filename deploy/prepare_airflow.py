#!/usr/bin/env python3
"""Before Airflow starts: write the file of its web users' passwords, then bring its database to this version.

Airflow's simple auth manager takes passwords from a file only; the password comes from .env, so the file is made here.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def write_passwords(file: Path, password: str) -> None:
    """Write the password of the one user, admin, so that only this account can read it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump({"admin": password}, stream)
    file.chmod(0o600)


def main() -> None:
    """Prepare, then become ``airflow db migrate``."""
    file = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    write_passwords(file, os.environ.pop("AIRFLOW_ADMIN_PASSWORD"))
    os.execv(sys.executable, [sys.executable, "-m", "airflow", "db", "migrate"])  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
