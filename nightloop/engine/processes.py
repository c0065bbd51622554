"""Start servers as children, wait until they answer, and leave none behind."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from nightloop.errors import SetupError

GRACE_SECONDS = 15.0
_PR_SET_PDEATHSIG = 1


@dataclass
class Server:
    """One child, how it was started and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    grace: float
    start: Callable[[], subprocess.Popen[bytes]]


@dataclass
class Servers:
    """The children of one command; leaving the block stops them all, newest first."""

    logs: Path
    _running: list[Server] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        grace: float = GRACE_SECONDS,
    ) -> Server:
        """Start a command in a process group of its own, its output going to ``logs/NAME.log``.

        ``grace`` is how many seconds it has to end when it is asked to.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name}.log"
        start = partial(_popen, list(command), dict(environment), folder, log)
        server = Server(name, start(), log, grace, start)
        self._running.append(server)
        return server

    def wait_for(self, server: Server, answers: Callable[[], bool], *, seconds: float) -> None:
        """Wait until the server answers.

        Raises:
            SetupError: it ended, or did not answer in time; the message carries the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not answers():
            if server.process.poll() is not None:
                raise SetupError(
                    f"{server.name} ended at once with exit code {server.process.returncode}. It said:\n{tail(server.log)}",
                    do=f"Read {server.log}.",
                )
            if time.monotonic() > deadline:
                raise SetupError(
                    f"{server.name} did not answer within {seconds:.0f} s. It said last:\n{tail(server.log)}",
                    do=f"Read {server.log}; on a slow machine, try again.",
                )
            time.sleep(0.2)

    def fallen(self) -> list[Server]:
        """Return the servers that have ended."""
        return [server for server in self._running if server.process.poll() is not None]

    @staticmethod
    def restart(server: Server) -> None:
        """Start a server that has ended as it was started before; what is left of its process group goes first."""
        signal_group(server.process, signal.SIGKILL)
        server.process = server.start()

    def stop(self) -> None:
        """End every child and its whole process group: ask first, then insist."""
        for server in reversed(self._running):
            signal_group(server.process, signal.SIGTERM)
        asked = time.monotonic()
        for server in reversed(self._running):
            with suppress(subprocess.TimeoutExpired):  # insisted on just below, with the rest of its group
                server.process.wait(max(0.1, asked + server.grace - time.monotonic()))
            signal_group(server.process, signal.SIGKILL)
            server.process.wait()
        self._running.clear()


def _popen(command: list[str], environment: dict[str, str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(  # noqa: S603 - the commands are ours
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - one prctl call, no locks
        )


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a child's process group; a group that is gone already is what was wanted."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def end_cleanly_on_sigterm() -> None:
    """Turn SIGTERM into the same way out as Ctrl-C, so that no server is left."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


def tail(log: Path, lines: int = 12) -> str:
    """Return the last lines of a log, indented."""
    text = log.read_text(errors="replace").splitlines()[-lines:] if log.exists() else ["(nothing)"]
    return "\n".join(f"    {line}" for line in text)


def _die_with_parent() -> None:
    """Ask the kernel to end this child when the command that started it is killed (Linux only)."""
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
