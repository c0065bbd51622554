"""Children never outlive the command that started them, and taken ports are named."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightloop.engine.ports import LOOPBACK, Ports
from nightloop.engine.processes import Servers
from nightloop.errors import SetupError
from nightloop.settings import REPOSITORY

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def ends(pid: int) -> bool:
    """Wait for the kernel to take a signalled process away."""
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_leaving_the_block_ends_the_child_and_its_own_children(tmp_path: Path) -> None:
    parent = [
        sys.executable,
        "-c",
        f"import subprocess, time; p = subprocess.Popen({SLEEPER!r}); print(p.pid, flush=True); time.sleep(600)",
    ]
    with Servers(tmp_path) as servers:
        server = servers.start("parent", parent, os.environ, tmp_path)
        servers.wait_for(server, lambda: bool(server.log.read_text().strip()), seconds=20)
        grandchild = int(server.log.read_text())
        assert alive(grandchild)
    assert not alive(server.process.pid)
    assert ends(grandchild)


def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    with Servers(tmp_path) as servers:
        server = servers.start("broken", [sys.executable, "-c", "raise SystemExit('no such thing')"], os.environ, tmp_path)
        with pytest.raises(SetupError, match=r"(?s)broken ended at once with exit code 1.*no such thing"):
            servers.wait_for(server, lambda: False, seconds=20)


def test_a_killed_command_takes_its_children_with_it(tmp_path: Path) -> None:
    start = f"servers.start('sleeper', {SLEEPER!r}, os.environ, folder)"
    code = (
        "import os, pathlib, time\nfrom nightloop.engine.processes import Servers\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\nservers = Servers(folder)\n"
        f"print({start}.process.pid, flush=True)\ntime.sleep(600)"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )
    assert command.stdout is not None
    child = int(command.stdout.readline())
    command.send_signal(signal.SIGKILL)
    command.wait()
    command.stdout.close()
    assert ends(child)


def test_a_taken_port_is_named_with_the_server_that_wanted_it() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=rf"port {port} \(airflow\).*NIGHTLOOP_PORT_OFFSET"):
            Ports(airflow=port).require_free("airflow")


def test_one_setting_moves_every_port() -> None:
    assert Ports().shifted(100) == Ports(airflow=8180, mlflow=5100, service=8100, spark=15102)
