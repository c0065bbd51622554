"""The embedded server: found, started, stopped; and told apart from one that is not there."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightloop.engine.spark import SparkEngine
from nightloop.engine.spark_server import SparkServer, find_java
from nightloop.errors import EngineUnavailable, SetupError, UsageError
from nightloop.lake import Lake
from nightloop.settings import REPOSITORY
from tests.lake.rows import COMMIT, FIRST, TABLE, flights
from tests.ports import free_port


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_an_absent_server_is_told_within_seconds() -> None:
    began = time.monotonic()
    with pytest.raises(EngineUnavailable, match=r"sc://127\.0\.0\.1:\d+ does not answer .*`make ui`.*NIGHTLOOP_ENGINE=local"):
        SparkEngine(f"sc://127.0.0.1:{free_port()}").query("SELECT 1 AS one", {})
    assert time.monotonic() - began < 10


def test_an_error_never_shows_the_token_of_the_address() -> None:
    with pytest.raises(EngineUnavailable) as away:
        SparkEngine(f"sc://127.0.0.1:{free_port()}/;token=night-secret").query("SELECT 1 AS one", {})
    with pytest.raises(UsageError) as wrong:
        SparkEngine("http://127.0.0.1/;token=night-secret").query("SELECT 1 AS one", {})
    assert "night-secret" not in f"{away.value} {wrong.value}"


def test_an_address_of_another_form_is_refused() -> None:
    with pytest.raises(UsageError, match="sc://host:port"):
        SparkEngine("spark://127.0.0.1:7077").query("SELECT 1 AS one", {})


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(SetupError, match=rf"port {port} .* is taken .*NIGHTLOOP_PORT_OFFSET"):
            SparkServer.start(tmp_path, port)


def test_no_java_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError, match=r"needs Java 17 or newer .*none on the PATH.*openjdk-17") as told:
        SparkServer.start(tmp_path, free_port())
    assert "\n" not in str(told.value)


def test_an_old_java_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(java.parent) + os.pathsep + "/bin")
    with pytest.raises(SetupError, match=f"{java} is Java 8"):
        find_java()


def test_a_lake_on_s3_tells_what_the_server_lacks(s3_lake: str, spark_url: str, tmp_path: Path) -> None:
    lake = Lake(s3_lake, tmp_path)
    lake.publish(TABLE, FIRST, flights(), COMMIT)
    with pytest.raises(SetupError, match=r"no S3 connector.*hadoop-aws.*NIGHTLOOP_ENGINE=local"):
        SparkEngine(spark_url).query("SELECT * FROM f", {"f": lake.snapshot(TABLE)})


@pytest.mark.slow
def test_a_killed_server_is_told_a_new_one_is_used_and_none_outlives_its_parent(tmp_path: Path) -> None:
    port = free_port()
    engine = SparkEngine(f"sc://127.0.0.1:{port}")
    with SparkServer.start(tmp_path, port, memory="1g") as server:
        assert engine.query("SELECT 1 AS one", {}).to_pylist() == [{"one": 1}]
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        with pytest.raises(EngineUnavailable):
            engine.query("SELECT 1 AS one", {})
    code = (
        "import sys, time; from pathlib import Path; from nightloop.engine.spark_server import SparkServer\n"
        "SparkServer.start(Path(sys.argv[1]), int(sys.argv[2]), '1g'); print('up', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(port)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout.readline() == "up\n"
        assert engine.query("SELECT 2 AS two", {}).to_pylist() == [{"two": 2}], "the lost session is made anew"
        parent.kill()
    give_up = time.monotonic() + 30
    while listens(port) and time.monotonic() < give_up:
        time.sleep(0.1)
    assert not listens(port), "the server ended with its parent"
