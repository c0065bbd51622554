"""A service is stopped and killed under load: an independent client counts what the audit, and the table, must hold."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from jobs.upkeep import ship_audit
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import wait_for
from tests.serving.test_audit import URL, lines
from tests.serving.test_command import COMMAND, environment

CALLERS = 4
BATCH = 8
ANSWERS = 1000  # before each end


@dataclass
class Callers:
    """Clients that ask without a pause, and note each answer whose body they have read: its id, and how many rows it has."""

    rows: list[dict[str, Any]]
    answered: dict[str, int] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, url: str) -> None:
        self._threads = [threading.Thread(target=self._ask, args=(url, number)) for number in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until each has met the service's end."""
        for thread in self._threads:
            thread.join()

    def _ask(self, url: str, number: int) -> None:
        body = {"rows": self.rows[:BATCH]} if number == 0 else self.rows[number]
        with httpx.Client(base_url=url, timeout=60) as client:
            while True:
                try:
                    answer = client.post(f"{URL}?reasons=false", json=body)
                except httpx.TransportError:  # its end
                    return
                if answer.status_code == 200:
                    self.answered[answer.headers["x-decision-id"]] = BATCH if number == 0 else 1
                else:
                    self.refused.append(answer.status_code)


def start(clinic: Clinic) -> tuple[subprocess.Popen[str], str]:
    arguments = [*COMMAND, "--port", "0", "--log-level", "error"]
    process = subprocess.Popen(arguments, env=environment(clinic), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
    assert address
    with httpx.Client(base_url=address[0], timeout=30) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
    return process, address[0]


def written(url: str) -> int:
    """How many lines the service says are on the disk."""
    text = httpx.get(f"{url}/metrics", timeout=30).text
    count = re.search(r'nightloop_audit_lines\{outcome="written"\} (\S+)', text)
    assert count
    return int(float(count[1]))


def test_nothing_is_lost_by_a_stop_and_only_the_last_window_by_a_kill(clinic: Clinic) -> None:
    callers = Callers(clinic.rows(NIGHTS.last))
    process, url = start(clinic)
    callers.start(url)
    wait_for(lambda: len(callers.answered) >= ANSWERS)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    callers.join()
    assert set(callers.refused) <= {503}, "nothing but an ending service refuses"
    recorded = [line["id"] for line in lines(clinic.settings.home)]
    assert len(recorded) == len(set(recorded)), "each once"
    assert set(recorded) >= callers.answered.keys(), "nothing that a client has read is lost by a stop"
    assert len(recorded) - len(callers.answered) <= 2 * CALLERS, "beside those whose answer met the end on its way"

    process, url = start(clinic)
    stopped = set(recorded)
    callers.start(url)
    wait_for(lambda: len(callers.answered) >= len(stopped) + ANSWERS)
    acknowledged = dict(callers.answered)
    wait_for(lambda: written(url) >= len(acknowledged) - len(stopped) + CALLERS)
    process.kill()
    process.wait(60)
    callers.join()
    logged = lines(clinic.settings.home)
    recorded = [line["id"] for line in logged]
    assert len(recorded) == len(set(recorded))
    assert set(recorded) >= stopped | acknowledged.keys(), "what was on the disk before the kill is there"

    workspace = replace(clinic.workspace, clock=lambda: datetime.now(UTC) + timedelta(days=2))
    shipped = ship_audit.run(clinic.use_case, None, workspace)
    assert sum(partition.rows for partition in shipped) == sum(len(line["rows"]) for line in logged)
    table = workspace.lake.read("clinic_visits/online_answers", columns=["decision_id"])["decision_id"].to_pylist()
    counted = {decision: table.count(decision) for decision in list(stopped & callers.answered.keys())[:50]}
    assert counted == {decision: callers.answered[decision] for decision in counted}
