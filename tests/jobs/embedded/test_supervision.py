"""What dies among real children is started again, later each time it dies again, and each time said."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.embedded.supervision import FIRST_PAUSE, LONGEST_PAUSE, STEADY, Supervisor
from nightloop.engine.processes import Server, Servers, signal_group

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with Servers(tmp_path / "logs") as servers:
        yield servers


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill(servers: Servers, server: Server) -> None:
    signal_group(server.process, signal.SIGKILL)
    until(lambda: server in servers.fallen())


def test_a_killed_server_is_started_again_after_a_pause_and_its_neighbour_left_alone(servers: Servers, tmp_path: Path) -> None:
    lines: list[str] = []
    clock = Clock()
    one, other = (servers.start(name, SLEEP, {}, tmp_path) for name in ("one", "other"))
    supervisor, untouched = Supervisor([servers], lines.append, clock), other.process.pid
    supervisor.supervise()
    assert lines == []
    kill(servers, one)
    before = one.process.pid
    supervisor.supervise()
    clock.now += FIRST_PAUSE - 0.001
    supervisor.supervise()
    assert one.process.pid == before
    clock.now += 0.001
    supervisor.supervise()
    assert one.process.pid != before and one.process.poll() is None and other.process.pid == untouched
    assert lines == [
        f"one ended with exit code -9; it starts again in 1 s ({one.log} says why)",
        "one was started again",
    ]
    assert servers.fallen() == []


def test_what_dies_again_waits_twice_as_long_up_to_a_minute_until_it_lived_for_a_while(
    servers: Servers, tmp_path: Path
) -> None:
    clock = Clock()
    server = servers.start("one", SLEEP, {}, tmp_path)
    lines: list[str] = []
    supervisor, pauses = Supervisor([servers], lines.append, clock), []
    for lived in (0, 0, 0, STEADY - 1, 0, 0, 0, 0, STEADY):
        clock.now += lived
        kill(servers, server)
        supervisor.supervise()
        pauses.append(lines[-1].split("again in ")[1].split(" s")[0])
        clock.now += LONGEST_PAUSE
        supervisor.supervise()
    assert pauses == ["1", "2", "4", "8", "16", "32", "60", "60", "1"]


def test_stopping_ends_what_was_started_again(servers: Servers, tmp_path: Path) -> None:
    clock = Clock()
    server = servers.start("one", SLEEP, {}, tmp_path)
    supervisor = Supervisor([servers], lambda _: None, clock)
    kill(servers, server)
    supervisor.supervise()
    clock.now += FIRST_PAUSE
    supervisor.supervise()
    servers.stop()
    assert server.process.poll() is not None
