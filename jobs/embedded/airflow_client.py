"""A client of Airflow's public REST API: trigger runs, read their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_attempt, wait_incrementing

from nightloop.errors import SetupError, StoreUnavailable

FINISHED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG as the API describes it."""

    dag_id: str
    run_id: str
    state: str
    partition_key: str | None


@dataclass(frozen=True)
class TaskState:
    """One task of a run and its state."""

    task_id: str
    state: str | None


class AirflowClient:
    """A signed-in client of one Airflow API server."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self._credentials = {"username": user, "password": password}
        self._http = httpx.Client(base_url=url, timeout=30)

    def is_healthy(self) -> bool:
        """Tell whether the API server answers and the scheduler and the DAG processor are alive."""
        try:
            answer = self._http.get("/api/v2/monitor/health")
        except httpx.TransportError:
            return False  # not up yet
        if answer.status_code != httpx.codes.OK:
            return False
        parts = answer.json()
        return all(parts[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))

    def has_dag(self, dag_id: str) -> bool:
        """Tell whether the DAG processor has published this DAG."""
        return self._send("GET", f"/api/v2/dags/{dag_id}", accepted=(httpx.codes.NOT_FOUND,)) is not None

    def trigger(self, dag_id: str, conf: Mapping[str, object], *, partition_key: str | None = None, note: str = "") -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "conf": dict(conf), "note": note or None, "partition_key": partition_key}
        run_id: str = self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

    def trigger_once(self, dag_id: str, run_id: str, *, partition_key: str, note: str) -> None:
        """Start a run of this very id, unless there is one."""
        body: dict[str, object] = {
            "dag_run_id": run_id,
            "logical_date": None,
            "conf": {},
            "note": note,
            "partition_key": partition_key,
        }
        address = f"/api/v2/dags/{dag_id}/dagRuns"
        self._send("POST", address, json=body, accepted=(httpx.codes.CONFLICT,), may_repeat=True)

    def is_paused(self, dag_id: str) -> bool:
        """Tell whether somebody paused a DAG."""
        return bool(self._send("GET", f"/api/v2/dags/{dag_id}")["is_paused"])

    def runs_under_way(self, dag_id: str, *, since: datetime | None = None) -> list[DagRun]:
        """Return the runs of a DAG that are queued or running, and those that succeeded since an instant."""
        address = f"/api/v2/dags/{dag_id}/dagRuns"
        asked = [{"state": ["queued", "running"]}]
        if since is not None:
            asked.append({"state": ["success"], "end_date_gte": [since.isoformat()]})
        pages = [self._send("GET", address, params={**what, "limit": 1000}) for what in asked]
        return [_run(item) for page in pages for item in page["dag_runs"]]

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Return one run in its state now."""
        return _run(self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"))

    def runs(self, dag_id: str) -> list[DagRun]:
        """Return the newest runs of a DAG (at most 100), newest first."""
        answer = self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": 100, "order_by": "-id"})
        return [_run(item) for item in answer["dag_runs"]]

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Return the tasks of a run."""
        answer = self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances")
        return [TaskState(item["task_id"], item["state"]) for item in answer["task_instances"]]

    def import_errors(self) -> list[str]:
        """Return what keeps DAG files from being read, a line each."""
        answer = self._send("GET", "/api/v2/importErrors")
        return [f"{item['filename']}: {item['stack_trace'].strip().splitlines()[-1]}" for item in answer["import_errors"]]

    def give_up(self, run: DagRun) -> None:
        """Mark a run failed, for example one that an interrupted command left behind."""
        self._send("PATCH", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}", json={"state": "failed"})

    def running_backfills(self, dag_id: str) -> list[int]:
        """Return the backfills of a DAG that count as running; Airflow notices the end of one up to half a minute late."""
        answer = self._send("GET", "/api/v2/backfills", params={"dag_id": dag_id})
        return [backfill["id"] for backfill in answer["backfills"] if backfill["completed_at"] is None]

    def cancel_backfills(self, dag_id: str) -> None:
        """Cancel the backfills of a DAG that still count as running; a new one cannot begin beside them."""
        for backfill in self.running_backfills(dag_id):
            self._send("PUT", f"/api/v2/backfills/{backfill}/cancel")

    def _send(
        self, method: str, path: str, *, accepted: tuple[int, ...] = (), may_repeat: bool | None = None, **more: Any
    ) -> Any:
        may_repeat = method != "POST" if may_repeat is None else may_repeat  # what a POST has begun is not begun twice
        answer = self._try(method, path, may_repeat=may_repeat, **more)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._sign_in()
            answer = self._try(method, path, may_repeat=may_repeat, **more)
        if answer.status_code in accepted:
            return None
        if answer.is_error:
            raise SetupError(
                f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:500]}",
                do="Read the API server's log under HOME/logs.",
            )
        return answer.json() if answer.content else None

    def _try(self, method: str, path: str, *, may_repeat: bool = False, **more: Any) -> httpx.Response:
        """Send again when the server is too busy to answer, or its SQLite is locked: it shares its cores with all else here."""
        refused = retry_if_result(lambda answer: may_repeat and answer.is_server_error)
        tries = Retrying(
            retry=retry_if_exception_type(httpx.TransportError) | refused,
            stop=stop_after_attempt(3),
            wait=wait_incrementing(start=1, increment=1),
            reraise=True,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        try:
            return tries(self._http.request, method, path, **more)
        except httpx.TransportError as error:
            raise StoreUnavailable(
                f"Airflow at {self.url} does not answer ({error}).", do="Read airflow.log under HOME/logs."
            ) from error

    def _sign_in(self) -> None:
        answer = self._try("POST", "/auth/token", json=self._credentials)
        if answer.is_error:
            raise SetupError(
                f"Airflow at {self.url} refused to sign in ({answer.status_code}).", do="Delete HOME/airflow and start again."
            )
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _run(item: Mapping[str, Any]) -> DagRun:
    return DagRun(item["dag_id"], item["dag_run_id"], item["state"], item.get("partition_key"))
