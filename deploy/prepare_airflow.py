#!/usr/bin/env python3
"""Before Airflow starts: write the file of its web users' passwords, then bring its database to this version.

Airflow's simple auth manager takes passwords from a file only, and prints those that it has to make. So the file is made here:
admin's password comes from .env, the others' are made once and stay.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from pathlib import Path

ROLES = ("viewer", "user", "op", "admin")


def usernames(users: str) -> list[str]:
    """Return the names of the users, written as Airflow wants them: ``admin:admin,ada:user``.

    Raises:
        ValueError: a role is none that Airflow knows, a name stands twice, or admin, as whom Nightloop signs in, is missing.
    """
    pairs = [user.strip().split(":") for user in users.split(",") if user.strip()]
    for pair in pairs:
        if len(pair) != 2 or not pair[0] or pair[1] not in ROLES:  # noqa: PLR2004 - name and role
            raise ValueError(f"AIRFLOW_USERS: '{':'.join(pair)}' is not NAME:ROLE with a role of {', '.join(ROLES)}.")
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise ValueError("AIRFLOW_USERS: a name stands twice.")
    if ["admin", "admin"] not in pairs:
        raise ValueError("AIRFLOW_USERS: admin:admin must be among them, for nightloop.keep_up signs in as admin.")
    return names


def write_passwords(file: Path, password: str, names: list[str]) -> None:
    """Write the users' passwords so that only this account can read them; who has one keeps it, who is gone loses it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    before: dict[str, str] = json.loads(file.read_text() or "{}") if file.exists() else {}
    passwords = {name: before.get(name) or secrets.token_urlsafe(12) for name in names} | {"admin": password}
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        json.dump(passwords, stream)
    file.chmod(0o600)


def main() -> None:
    """Prepare, then become ``airflow db migrate``."""
    file = Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    try:
        names = usernames(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"])
    except ValueError as error:
        sys.exit(f"{error} Correct .env and start again.")
    write_passwords(file, os.environ.pop("AIRFLOW_ADMIN_PASSWORD"), names)
    os.execv(sys.executable, [sys.executable, "-m", "airflow", "db", "migrate"])  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
