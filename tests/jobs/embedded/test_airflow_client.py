"""The client of Airflow's API over a transport of the test's own, and the polls of the demo."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from jobs.embedded import demo_steps
from jobs.embedded.airflow_client import AirflowClient, DagRun, TaskState
from jobs.embedded.demo_steps import wait_until
from nightloop.errors import SetupError, StoreUnavailable

Answer = tuple[int, Any]


class Server:
    """Answers each (method, path) with a status and a value, after sign-in."""

    def __init__(self, answers: dict[tuple[str, str], Answer | Exception]) -> None:
        self.answers = answers
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        key = (request.method, request.url.path)
        self.requests.append(key)
        self.bodies.append(json.loads(request.content) if request.content else None)
        if key == ("POST", "/auth/token"):
            return httpx.Response(201, json={"access_token": "secret"})
        if request.headers.get("Authorization") != "Bearer secret" and key[1] != "/api/v2/monitor/health":
            return httpx.Response(401)
        answer = self.answers[key]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], json=answer[1])


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[AirflowClient, Server, list[float]]]:
    def connect(**answers: Answer | Exception) -> tuple[AirflowClient, Server, list[float]]:
        server = Server({tuple(key.split(" ")): value for key, value in answers.items()})  # type: ignore[misc]
        client = AirflowClient("http://airflow", "admin", "pass")
        client._http = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(server))
        pauses: list[float] = []
        monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
        return client, server, pauses

    return connect


RUN = {"dag_id": "d", "dag_run_id": "r", "state": "success", "partition_key": "2013-04-01"}


def test_a_client_signs_in_when_it_is_asked_to_and_only_then(connect: Any) -> None:
    client, server, _ = connect(**{"GET /api/v2/dags/d/dagRuns/r": (200, RUN)})
    assert client.run("d", "r") == client.run("d", "r") == DagRun("d", "r", "success", "2013-04-01")
    path = ("GET", "/api/v2/dags/d/dagRuns/r")
    assert server.requests == [path, ("POST", "/auth/token"), path, path]
    assert server.bodies[1] == {"username": "admin", "password": "pass"}


def test_a_run_is_triggered_without_a_logical_date(connect: Any) -> None:
    client, server, _ = connect(**{"POST /api/v2/dags/d/dagRuns": (200, RUN)})
    assert client.trigger("d", {"a": 1}, partition_key="2013-04-01") == "r"
    assert server.bodies[-1] == {"logical_date": None, "conf": {"a": 1}, "note": None, "partition_key": "2013-04-01"}


def test_runs_tasks_errors_and_backfills_are_read(connect: Any) -> None:
    client, server, _ = connect(
        **{
            "GET /api/v2/dags/d/dagRuns": (200, {"dag_runs": [RUN]}),
            "GET /api/v2/dags/d/dagRuns/r/taskInstances": (200, {"task_instances": [{"task_id": "t", "state": None}]}),
            "GET /api/v2/importErrors": (200, {"import_errors": [{"filename": "f", "stack_trace": "a\nb: c\n"}]}),
            "GET /api/v2/backfills": (200, {"backfills": [{"id": 1, "completed_at": None}, {"id": 2, "completed_at": "x"}]}),
            "PUT /api/v2/backfills/1/cancel": (200, {}),
        }
    )
    assert client.runs("d") == [DagRun("d", "r", "success", "2013-04-01")]
    assert client.tasks("d", "r") == [TaskState("t", None)]
    assert client.import_errors() == ["f: b: c"]
    client.cancel_backfills("d")
    assert [path for method, path in server.requests if method == "PUT"] == ["/api/v2/backfills/1/cancel"]


@pytest.mark.parametrize(("status", "has"), [(200, True), (404, False)])
def test_a_dag_is_there_or_not(connect: Any, status: int, has: bool) -> None:
    client, *_ = connect(**{"GET /api/v2/dags/d": (status, {})})
    assert client.has_dag("d") is has


def test_any_other_error_is_a_fault_of_the_set_up(connect: Any) -> None:
    client, *_ = connect(**{"GET /api/v2/dags/d/dagRuns/r": (404, {"detail": "gone"})})
    with pytest.raises(SetupError, match=r"404 to GET /api/v2/dags/d/dagRuns/r.*gone"):
        client.run("d", "r")


def test_a_server_that_does_not_answer_is_asked_three_times(connect: Any) -> None:
    client, server, pauses = connect(**{"GET /api/v2/dags/d": httpx.ConnectError("refused")})
    client._http.headers["Authorization"] = "Bearer secret"
    with pytest.raises(StoreUnavailable, match=r"http://airflow does not answer \(refused\)"):
        client.has_dag("d")
    assert (len(server.requests), pauses) == (3, [1, 2])


HEALTHY = {part: {"status": "healthy"} for part in ("metadatabase", "scheduler", "dag_processor")}


@pytest.mark.parametrize(
    ("answer", "healthy"),
    [
        ((200, HEALTHY), True),
        ((200, {**HEALTHY, "scheduler": {"status": "unhealthy"}}), False),
        ((503, HEALTHY), False),
        (httpx.ConnectError("refused"), False),
    ],
)
def test_airflow_is_healthy_when_all_its_parts_are(connect: Any, answer: Any, healthy: bool) -> None:
    client, *_ = connect(**{"GET /api/v2/monitor/health": answer})
    assert client.is_healthy() is healthy


def test_a_poll_asks_again_until_it_is_done_and_fails_in_the_words_given(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)
    answers = iter([False, False, True])
    late = SetupError("too late.")
    wait_until(lambda: next(answers), seconds=60, late=late)
    assert pauses == [demo_steps.POLL_SECONDS] * 2
    with pytest.raises(SetupError, match="too late"):
        wait_until(lambda: False, seconds=0, late=late)


def test_a_poll_lets_an_error_through_at_once() -> None:
    asked: list[object] = []

    def done() -> bool:
        asked.append(SimpleNamespace())
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        wait_until(done, seconds=60, late=SetupError("too late."))
    assert len(asked) == 1
