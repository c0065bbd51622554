"""The steps of the main job over a running Airflow, each of which asks first what is there already."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from jobs.commands import status
from jobs.commands.console import Bars, errors, output
from jobs.embedded.airflow_client import FINISHED, AirflowClient, DagRun
from jobs.embedded.backfill import create_backfill
from jobs.embedded.installation import Installation
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.errors import SetupError
from nightloop.evidence.gates import GATES
from nightloop.ledger import Event
from nightloop.model import champions
from nightloop.nights import Nights
from nightloop.workspace import Workspace

USE_CASE = "flight_delay"
HISTORY = Nights(date(2013, 1, 1), date(2013, 3, 31))
NIGHTS = Nights(date(2013, 4, 1), date(2013, 4, 14))
FAMILIES = ("ingest", "features", "score", "monitor", "train", "bootstrap", "report")
TRAININGS = 2
"""The first one, and the one that a decision or the calendar asks for."""
PATIENCE_SECONDS = 1800.0
POLL_SECONDS = 1.0


@dataclass
class Demo:
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
        if len(trainings(self.workspace)) >= TRAININGS:
            output.print("retraining: done already")
            return
        # The monitor of the night that decides starts the training itself, after its decision can be read.
        self._until(lambda: not self._active("monitor"), "the last nights' monitoring")
        if not self._active("train"):
            decided = next((item for item in reversed(self._status()) if item.decision == "retrain"), None)
            night, why = (
                (decided.night, decided.reason) if decided else (NIGHTS.last, "calendar: two weeks since the last training")
            )
            self.airflow.trigger(f"{USE_CASE}.train", {"as_of": str(night), "reason": why, "requested_by": "make run"})
        with Bars() as bars:
            for item in self._active("train"):
                self._follow(item.dag_id, item.run_id, bars, gates_may_refuse=True)

    def wait_for_reports(self) -> None:
        """Wait for the weekly pages that the nights' last verdicts set off."""
        folder = self.workspace.reports / USE_CASE
        with Bars() as bars:
            self._until(
                lambda: self._told(bars, "weekly reports", len(list(folder.glob("week-*.html"))), 2), "the weekly reports"
            )

    def _active(self, family: str) -> list[DagRun]:
        return [item for item in self.airflow.runs(f"{USE_CASE}.{family}") if item.state not in FINISHED]

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


def start_demo(installation: Installation) -> Demo:
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
    return Demo(installation, workspace, use_case, airflow, spark.stop)


def _wait_for_dags(airflow: AirflowClient, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not all(airflow.has_dag(f"{USE_CASE}.{family}") for family in FAMILIES):
        if time.monotonic() > deadline:
            raise SetupError("Airflow did not read every DAG in time.", do="Read airflow-dag-processor.log under HOME/logs.")
        time.sleep(0.5)


def trainings(workspace: Workspace) -> list[str]:
    """Say of every training whose gates have all spoken what came of it, a line each."""
    promoted = {item.version: item for item in champions.history(workspace.ledger, USE_CASE)}
    judged: dict[int, dict[str, Event]] = {}
    for event in workspace.ledger.events(USE_CASE, kind="gate_judged"):
        judged.setdefault(event.payload["version"], {})[event.payload["gate"]] = event
    told = []
    for version, gates in judged.items():
        if len(gates) < len(GATES):
            continue
        as_of = next(iter(gates.values())).night
        refusals = [f"{gate}: {event.payload['reason']}" for gate, event in gates.items() if event.payload["outcome"] != "pass"]
        outcome = f"champion from {promoted[version].effective_from}" if version in promoted else "not promoted"
        told.append(f"version {version}, trained as of {as_of}: {outcome}" + "".join(f"\n  {refusal}" for refusal in refusals))
    return told
