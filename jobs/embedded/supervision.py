"""Start again what died among the servers of make ui, later each time, and say so."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nightloop.engine.processes import Server, Servers

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before a start; doubled for what dies again
STEADY = 300.0  # seconds of life after which a server is trusted again


@dataclass
class Supervisor:
    """Looks after servers.

    Attributes:
        groups: whose servers.
        report: shows a line to people.
        clock: seconds that only grow.
    """

    groups: Sequence[Servers]
    report: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic
    _pauses: dict[str, float] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _started: dict[str, float] = field(default_factory=dict)

    def supervise(self) -> None:
        """Look once: name what has died since, and start what is due."""
        for servers in self.groups:
            for server in servers.fallen():
                if server.name not in self._due:
                    self._plan(server)
                elif self.clock() >= self._due[server.name]:
                    del self._due[server.name]
                    self._started[server.name] = self.clock()
                    servers.restart(server)
                    self.report(f"{server.name} was started again")

    def _plan(self, server: Server) -> None:
        name, now = server.name, self.clock()
        lived = now - self._started.get(name, float("-inf"))
        pause = FIRST_PAUSE if lived >= STEADY else min(2 * self._pauses.get(name, FIRST_PAUSE / 2), LONGEST_PAUSE)
        self._pauses[name], self._due[name] = pause, now + pause
        code = server.process.returncode
        self.report(f"{name} ended with exit code {code}; it starts again in {pause:.0f} s ({server.log} says why)")
