"""A client of Airflow's public REST API: trigger runs, read their states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_incrementing

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
        return self._send("GET", f"/api/v2/dags/{dag_id}", missing_is_fine=True) is not None

    def trigger(self, dag_id: str, conf: Mapping[str, object], *, partition_key: str | None = None, note: str = "") -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "conf": dict(conf), "note": note or None, "partition_key": partition_key}
        run_id: str = self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

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

    def _send(self, method: str, path: str, *, missing_is_fine: bool = False, **more: Any) -> Any:
        answer = self._try(method, path, **more)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._sign_in()
            answer = self._try(method, path, **more)
        if missing_is_fine and answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_error:
            raise SetupError(
                f"Airflow answered {answer.status_code} to {method} {path}: {answer.text[:500]}",
                do="Read the API server's log under HOME/logs.",
            )
        return answer.json() if answer.content else None

    def _try(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send again when the server is too busy to answer: it shares its cores with everything else here."""
        tries = Retrying(
            retry=retry_if_exception_type(httpx.TransportError),
            stop=stop_after_attempt(3),
            wait=wait_incrementing(start=1, increment=1),
            reraise=True,
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
