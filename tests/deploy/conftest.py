"""The servers of docker-compose.yml as plain processes: the same commands and variables, on loopback and free ports."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy import check_health, make_env
from nightloop.settings import REPOSITORY
from tests.deploy import compose

PROGRAMS = Path(sys.executable).parent
START_SECONDS = 120
QUIET = ("DO_NOT_TRACK", "MLFLOW_DISABLE_TELEMETRY", "GX_ANALYTICS_ENABLED", "SCARF_ANALYTICS", "MPLBACKEND", "HOME", "LANG")


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    """What make env would write."""
    return make_env.variables()


@pytest.fixture(scope="session")
def databases(postgres_server: str, secrets: dict[str, str]) -> str:
    """host:port of a PostgreSQL on which the container's own script has made the databases."""
    url = sa.make_url(postgres_server)
    administrator = {"PGHOST": url.host, "PGPORT": str(url.port), "PGPASSWORD": url.password, "POSTGRES_USER": url.username}
    script = REPOSITORY / "deploy" / "postgres" / "create-databases.sh"
    subprocess.run([script], check=True, env={**os.environ, **secrets, **administrator}, stdout=subprocess.DEVNULL)
    return f"{url.host}:{url.port}"


def environment(name: str, secrets: Mapping[str, str], addresses: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a service's process: those of the file, and no other that could stand in for one."""
    base = {key: value for key, value in os.environ.items() if key in QUIET}
    path = os.pathsep.join([str(PROGRAMS), os.environ["PATH"]])
    own = compose.environment(name, secrets, **{"/opt/nightloop": str(REPOSITORY), **addresses})
    java = {"JAVA_HOME": os.environ["JAVA_HOME"]} if "JAVA_HOME" in os.environ else {}
    python = {"PYTHONPATH": str(REPOSITORY), "PYSPARK_PYTHON": sys.executable}
    return {**base, **java, "PATH": path, **python, **own}


def command(name: str, words: Mapping[str, str], parts: Mapping[str, str] | None = None) -> list[str]:
    """Return the service's command, with whole words replaced, or parts of words."""
    command = [words.get(word, word) for word in compose.services()[name]["command"]]
    for old, new in (parts or {}).items():
        command = [word.replace(old, new) for word in command]
    return command


def health_address(name: str, addresses: Mapping[str, str]) -> str:
    """Return the address that the service's health check asks, moved to the port in use."""
    address = str(compose.services()[name]["healthcheck"]["test"][-1])
    for old, new in addresses.items():
        address = address.replace(f":{old}", f":{new}")
    return address


@contextlib.contextmanager
def started(words: Sequence[str], env: Mapping[str, str], health: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, wait until its health check is content, and end it with all it started.

    It must leave its working folder as it was: in the image that folder is not its own.
    """
    working = folder / "working"
    working.mkdir(parents=True)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(words, env=env, cwd=working, stdout=output, stderr=output, start_new_session=True)
    try:
        give_up = time.monotonic() + START_SECONDS
        while problem := check_health.problem_of(health):
            assert process.poll() is None, f"{words} ended:\n{log.read_text()[-3000:]}"
            assert time.monotonic() < give_up, f"{health}: {problem}\n{log.read_text()[-3000:]}"
            time.sleep(0.2)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert [path.name for path in working.iterdir()] == []
