"""The main job on the embedded set-up: bootstrap, two weeks of nights, one retraining, one answer from the service.

Each step asks first what is there already, so the job can be stopped at any moment and started again.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from types import FrameType

from jobs import status
from jobs.console import Bars, errors, output
from jobs.proof import ask_service
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.embedded.airflow_client import FINISHED, AirflowClient, DagRun
from nightloop.embedded.backfill import create_backfill
from nightloop.embedded.installation import Installation
from nightloop.embedded.processes import Servers
from nightloop.errors import SetupError
from nightloop.model import champions
from nightloop.nights import Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

USE_CASE = "flight_delay"
HISTORY = Nights(date(2013, 1, 1), date(2013, 3, 31))
NIGHTS = Nights(date(2013, 4, 1), date(2013, 4, 14))
FAMILIES = ("ingest", "features", "score", "monitor", "train", "bootstrap", "report")
PATIENCE_SECONDS = 1800.0
POLL_SECONDS = 1.0


def run() -> int:
    """Run the main job and return the exit code."""
    started = time.monotonic()
    settings = load_settings()
    with Servers(settings.home / "logs") as servers:
        _end_cleanly_on_sigterm()
        installation = Installation(settings, servers)
        installation.ports.require_free("airflow", "spark", "service", "log")
        job = _start(installation)
        try:
            job.bootstrap()
            job.take_nights()
            job.retrain_once()
            job.wait_for_reports()
            installation.start_service()
            output.print(ask_service(job.workspace, job.use_case, NIGHTS.last, installation.service_address), markup=False)
        finally:
            job.stop_spark()
    _tell_end(job.workspace, job.use_case, seconds=time.monotonic() - started)
    return 0


def keep_up() -> int:
    """Keep every server up until Ctrl-C, and return the exit code."""
    settings = load_settings()
    with Servers(settings.home / "logs") as servers:
        installation = Installation(settings, servers)
        installation.ports.require_free()
        job = _start(installation)
        try:
            errors.print("starting MLflow and the service …")
            installation.start_mlflow()
            has_champion = bool(champions.history(job.workspace.ledger, USE_CASE))
            if has_champion:
                installation.start_service()
            _print_addresses(installation, has_champion=has_champion)
            _wait_until_stopped(servers)
        finally:
            job.stop_spark()
    output.print("stopped")
    return 0


@dataclass
class MainJob:
    """The steps of the main job over one running Airflow."""

    installation: Installation
    workspace: Workspace
    use_case: UseCase
    airflow: AirflowClient
    stop_spark: Callable[[], None]

    def bootstrap(self) -> None:
        """Build the history as one range per stage and train the first champion, unless that is done."""
        if champions.effective(self.workspace.ledger, USE_CASE, HISTORY.last):
            output.print(f"history {HISTORY}: there already")
            return
        conf = {"first_night": str(HISTORY.first), "last_night": str(HISTORY.last)}
        who = {"reason": "first champion of the main job", "requested_by": "make run"}
        run_id = self.airflow.trigger(f"{USE_CASE}.bootstrap", {**conf, **who})
        with Bars() as bars:
            self._follow(f"{USE_CASE}.bootstrap", run_id, bars)

    def take_nights(self) -> None:
        """Take the nights through ingest, features, score and monitor by a backfill that cascades."""
        missing = [item.night for item in self._status() if item.missing]
        if not missing:
            output.print(f"nights {NIGHTS}: there already")
            return
        place = self.installation
        create_backfill(place.airflow_environment(), place.airflow_home, f"{USE_CASE}.ingest", Nights(missing[0], NIGHTS.last))
        with Bars() as bars:
            self._until(lambda: self._nights_done(bars), f"the nights {missing[0]}..{NIGHTS.last}")

    def retrain_once(self) -> None:
        """See the retraining that a decision asked for through; if none was asked for, the calendar asks."""
        if len(self._trainings()) < 2:  # noqa: PLR2004 - the first one and one more
            decided = [item.night for item in self._status() if item.decision == "retrain"]
            if not decided:
                conf = {
                    "as_of": str(NIGHTS.last),
                    "reason": "calendar: two weeks since the last training",
                    "requested_by": "make run",
                }
                self.airflow.trigger(f"{USE_CASE}.train", conf)
        with Bars() as bars:
            for item in self.airflow.runs(f"{USE_CASE}.train"):
                if item.state not in FINISHED:
                    self._follow(item.dag_id, item.run_id, bars, gates_may_refuse=True)

    def wait_for_reports(self) -> None:
        """Wait for the weekly pages that the nights' last verdicts set off."""
        folder = self.workspace.reports / USE_CASE
        with Bars() as bars:
            self._until(
                lambda: self._told(bars, "weekly reports", len(list(folder.glob("week-*.html"))), 2), "the weekly reports"
            )

    def _trainings(self) -> list[object]:
        return list(self.workspace.ledger.events(USE_CASE, kind="candidate_registered"))

    def _status(self) -> list[status.NightStatus]:
        return status.collect(self.use_case, self.workspace, NIGHTS)

    def _nights_done(self, bars: Bars) -> bool:
        found = self._status()
        for stage in ("ingest", "features", "score", "monitor"):
            self._told(bars, f"nights through {stage}", sum(stage not in item.missing for item in found), len(found))
        return not any(item.missing for item in found)

    @staticmethod
    def _told(bars: Bars, doing: str, done: int, total: int) -> bool:
        bars(doing, min(done, total), total)
        return done >= total

    def _follow(self, dag_id: str, run_id: str, bars: Bars, *, gates_may_refuse: bool = False) -> None:
        """Show a run's tasks until it is finished; raise when it failed."""

        def finished() -> bool:
            tasks = self.airflow.tasks(dag_id, run_id)
            bars(f"{dag_id}", sum(task.state in FINISHED for task in tasks), len(tasks))
            return self.airflow.run(dag_id, run_id).state in FINISHED

        self._until(finished, dag_id, watch_failures=False)
        if self.airflow.run(dag_id, run_id).state == "failed" and not gates_may_refuse:
            raise self._failure(DagRun(dag_id, run_id, "failed", None))

    def _until(self, done: Callable[[], bool], what: str, *, watch_failures: bool = True) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            if watch_failures:
                self._stop_at_failure()
            if time.monotonic() > deadline:
                raise SetupError(
                    f"{what}: not finished after {PATIENCE_SECONDS / 60:.0f} minutes.", do="Look at Airflow: make ui."
                )
            time.sleep(POLL_SECONDS)

    def _stop_at_failure(self) -> None:
        if broken := self.airflow.import_errors():
            raise SetupError(f"Airflow cannot read {'; '.join(broken)}.", do="Mend the file and start again.")
        for family in ("ingest", "features", "score", "monitor", "report"):
            for item in self.airflow.runs(f"{USE_CASE}.{family}"):
                if item.state == "failed" and item.run_id not in self._known_failures:
                    raise self._failure(item)

    def __post_init__(self) -> None:
        self._known_failures = {
            item.run_id for family in FAMILIES for item in self.airflow.runs(f"{USE_CASE}.{family}") if item.state == "failed"
        }

    def _failure(self, item: DagRun) -> SetupError:
        tasks = [task.task_id for task in self.airflow.tasks(item.dag_id, item.run_id) if task.state == "failed"]
        logs = self.installation.airflow_home / "logs" / f"dag_id={item.dag_id}" / f"run_id={item.run_id}"
        return SetupError(
            f"{item.dag_id} failed for {item.partition_key or item.run_id}: task {', '.join(tasks) or '(none)'}.",
            do=f"Read the logs in {logs}, mend the cause, and start again: what was published stays.",
        )


def _start(installation: Installation) -> MainJob:
    """Start Spark and Airflow side by side, and clear what an interrupted job left running."""
    settings = installation.settings
    workspace = Workspace.open(settings)
    use_case = load_use_case(USE_CASE, settings.definitions)
    errors.print("starting Spark and Airflow …")
    spark = installation.start_spark()
    try:
        airflow = installation.start_airflow()
        _wait_for_dags(airflow)
        for family in FAMILIES:
            for item in airflow.runs(f"{USE_CASE}.{family}"):
                if item.state not in FINISHED:
                    airflow.give_up(item)
        airflow.cancel_backfills(f"{USE_CASE}.ingest")
    except BaseException:
        spark.stop()
        raise
    return MainJob(installation, workspace, use_case, airflow, spark.stop)


def _wait_for_dags(airflow: AirflowClient, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not all(airflow.has_dag(f"{USE_CASE}.{family}") for family in FAMILIES):
        if time.monotonic() > deadline:
            raise SetupError("Airflow did not read every DAG in time.", do="Read airflow-dag-processor.log under HOME/logs.")
        time.sleep(0.5)


def _tell_end(workspace: Workspace, use_case: UseCase, *, seconds: float) -> None:
    output.print()
    output.print(status.table(status.collect(use_case, workspace, NIGHTS)))
    output.print()
    for page in sorted((workspace.reports / USE_CASE).rglob("*.html")):
        output.print(f"report: {page}", markup=False)
    for item in champions.history(workspace.ledger, USE_CASE):
        output.print(f"champion: version {item.version}, trained as of {item.as_of}, effective from {item.effective_from}")
    output.print(f"done in {seconds // 60:.0f} min {seconds % 60:.0f} s; nothing is left running. Look around with: make ui")


def _print_addresses(installation: Installation, *, has_champion: bool) -> None:
    output.print(
        f"Airflow   {installation.airflow_address}   user admin, password {installation.airflow_password}", markup=False
    )
    output.print(f"MLflow    {installation.mlflow_address}", markup=False)
    docs = f"{installation.service_address}/docs" if has_champion else "not started: there is no champion yet (make run)"
    output.print(f"service   {docs}", markup=False)
    output.print("Ctrl-C stops them all. Other ports: NIGHTLOOP_PORT_OFFSET=1000 make ui")


def _wait_until_stopped(servers: Servers) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1.0):
        if fallen := servers.fallen():
            raise SetupError(f"{fallen.name} ended with exit code {fallen.process.returncode}.", do=f"Read {fallen.log}.")


def _end_cleanly_on_sigterm() -> None:
    """Turn SIGTERM into the same way out as Ctrl-C, so that no server is left."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
