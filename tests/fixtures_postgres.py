"""A PostgreSQL server of the test session, from the system's packages; a fresh database for each test."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.ports import free_port

PASSWORD = "night-secret"


def program(name: str) -> Path | None:
    """Find one of PostgreSQL's programs: on the PATH, or where Debian puts them."""
    on_path = shutil.which(name)
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return Path(on_path) if on_path else (versions[-1] if versions else None)


def unprivileged() -> dict[str, object]:
    """PostgreSQL refuses to run as root: become another user then."""
    if os.getuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server, without a database: postgresql+psycopg2://user:password@host:port"""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    as_user = unprivileged()
    # Not below pytest's own folder, which only its owner may enter.
    home = Path(f"/tmp/nightloop-postgres-{uuid.uuid4().hex[:8]}")
    home.mkdir(mode=0o700)
    if as_user:
        os.chown(home, as_user["user"], as_user["group"])
    secret = home / "password"
    secret.write_text(PASSWORD)
    if as_user:
        os.chown(secret, as_user["user"], as_user["group"])
    port, data = free_port(), home / "data"

    def run(*command: object) -> None:
        subprocess.run([str(part) for part in command], check=True, cwd=home, stdout=subprocess.DEVNULL, **as_user)

    try:
        run(initdb, "-D", data, "-U", "nightloop", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
        run(pg_ctl, "-D", data, "-w", "-l", home / "log", "-o", options, "start")
        yield f"postgresql+psycopg2://nightloop:{PASSWORD}@127.0.0.1:{port}"
    finally:
        if (data / "postmaster.pid").exists():
            run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(home)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """Address of a fresh, empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return f"{postgres_server}/{name}"
