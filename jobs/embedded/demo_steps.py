"""The steps of the demo over a running Airflow, each of which asks first what is there already."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from operator import not_

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from jobs import night_status
from jobs.console import ProgressBars, errors, output
from jobs.embedded.airflow_client import FINISHED, AirflowClient, DagRun
from jobs.embedded.backfill import create_backfill
from jobs.embedded.installation import Installation
from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.errors import SetupError
from nightloop.evidence.gates.gates import GATES
from nightloop.ledger import Event
from nightloop.model import champions
from nightloop.nights import Nights
from nightloop.workspace import Workspace

USE_CASE = "flight_delay"
HISTORY = Nights(date(2013, 1, 1), date(2013, 3, 31))
NIGHTS = Nights(date(2013, 4, 1), date(2013, 4, 14))
FAMILIES = ("ingest", "features", "score", "monitor", "train", "bootstrap", "report", "sweep", "apply")
TRAININGS = 2
"""The first one, and the one that a decision or the calendar asks for."""
PATIENCE_SECONDS = 1800.0
POLL_SECONDS = 1.0


@dataclass
class Demo:
    """The steps of the demo over one running Airflow."""

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
        request = {"reason": "first champion of the main job", "requested_by": "make run"}
        run_id = self.airflow.trigger(f"{USE_CASE}.bootstrap", {**conf, **request})
        with ProgressBars() as progress:
            self._follow(f"{USE_CASE}.bootstrap", run_id, progress)

    def take_nights(self) -> None:
        """Take the nights through ingest, features, score and monitor by a backfill that cascades."""
        missing = [status.night for status in self._statuses() if status.missing]
        if not missing:
            output.print(f"nights {NIGHTS}: there already")
            return
        nights, installation = Nights(missing[0], NIGHTS.last), self.installation
        create_backfill(installation.airflow_environment(), installation.airflow_home, f"{USE_CASE}.ingest", nights)
        with ProgressBars() as progress:
            self._until(lambda: self._nights_done(progress), f"the nights {nights}")

    def retrain_once(self) -> None:
        """See the retraining that a decision asked for through; if none was asked for, the calendar asks."""
        if len(trainings(self.workspace)) >= TRAININGS:
            output.print("retraining: done already")
            return
        # The monitor of the night that decides starts the training itself, after its decision can be read.
        self._until(lambda: not self._active("monitor"), "the last nights' monitoring")
        if not self._active("train"):
            decided = next((status for status in reversed(self._statuses()) if status.decision == "retrain"), None)
            night = decided.night if decided else NIGHTS.last
            reason = decided.reason if decided else "calendar: two weeks since the last training"
            self.airflow.trigger(f"{USE_CASE}.train", {"as_of": str(night), "reason": reason, "requested_by": "make run"})
        with ProgressBars() as progress:
            for run in self._active("train"):
                self._follow(run.dag_id, run.run_id, progress, gates_may_refuse=True)

    def wait_for_reports(self) -> None:
        """Wait for the weekly pages that the nights' last verdicts set off."""
        folder = self.workspace.reports / USE_CASE
        with ProgressBars() as progress:
            self._until(
                lambda: self._show(progress, "weekly reports", len(list(folder.glob("week-*.html"))), 2), "the weekly reports"
            )

    def _active(self, family: str) -> list[DagRun]:
        return [run for run in self.airflow.runs(f"{USE_CASE}.{family}") if run.state not in FINISHED]

    def _statuses(self) -> list[night_status.NightStatus]:
        return night_status.collect(self.use_case, self.workspace, NIGHTS)

    def _nights_done(self, progress: ProgressBars) -> bool:
        statuses = self._statuses()
        for stage in ("ingest", "features", "score", "monitor"):
            self._show(
                progress, f"nights through {stage}", sum(stage not in status.missing for status in statuses), len(statuses)
            )
        return not any(status.missing for status in statuses)

    @staticmethod
    def _show(progress: ProgressBars, doing: str, done: int, total: int) -> bool:
        progress(doing, min(done, total), total)
        return done >= total

    def _follow(self, dag_id: str, run_id: str, progress: ProgressBars, *, gates_may_refuse: bool = False) -> None:
        """Show a run's tasks until it is finished; raise when it failed."""

        def finished() -> bool:
            tasks = self.airflow.tasks(dag_id, run_id)
            progress(dag_id, sum(task.state in FINISHED for task in tasks), len(tasks))
            return self.airflow.run(dag_id, run_id).state in FINISHED

        self._until(finished, dag_id, watch_failures=False)
        if self.airflow.run(dag_id, run_id).state == "failed" and not gates_may_refuse:
            raise self._failure(DagRun(dag_id, run_id, "failed", None))

    def _until(self, done: Callable[[], bool], what: str, *, watch_failures: bool = True) -> None:
        def done_or_failed() -> bool:
            is_done = done()
            if watch_failures and not is_done:
                self._stop_at_failure()
            return is_done

        late = SetupError(f"{what}: not finished after {PATIENCE_SECONDS / 60:.0f} minutes.", do="Look at Airflow: make ui.")
        wait_until(done_or_failed, seconds=PATIENCE_SECONDS, late=late)

    def _stop_at_failure(self) -> None:
        if broken := self.airflow.import_errors():
            raise SetupError(f"Airflow cannot read {'; '.join(broken)}.", do="Mend the file and start again.")
        for family in ("ingest", "features", "score", "monitor", "report"):
            for run in self.airflow.runs(f"{USE_CASE}.{family}"):
                if run.state == "failed" and run.run_id not in self._known_failures:
                    raise self._failure(run)

    def __post_init__(self) -> None:
        self._known_failures = {
            run.run_id for family in FAMILIES for run in self.airflow.runs(f"{USE_CASE}.{family}") if run.state == "failed"
        }

    def _failure(self, run: DagRun) -> SetupError:
        tasks = [task.task_id for task in self.airflow.tasks(run.dag_id, run.run_id) if task.state == "failed"]
        logs = self.installation.airflow_home / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}"
        return SetupError(
            f"{run.dag_id} failed for {run.partition_key or run.run_id}: task {', '.join(tasks) or '(none)'}.",
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
            for run in airflow.runs(f"{USE_CASE}.{family}"):
                if run.state not in FINISHED:
                    airflow.give_up(run)
        airflow.cancel_backfills(f"{USE_CASE}.ingest")
    except BaseException:
        spark.stop()
        raise
    return Demo(installation, workspace, use_case, airflow, spark.stop)


def _wait_for_dags(airflow: AirflowClient) -> None:
    late = SetupError("Airflow did not read every DAG in time.", do="Read airflow-dag-processor.log under HOME/logs.")
    wait_until(lambda: all(airflow.has_dag(f"{USE_CASE}.{family}") for family in FAMILIES), seconds=120.0, late=late)


def wait_until(done: Callable[[], bool], *, seconds: float, late: SetupError) -> None:
    """Ask again and again until it is done.

    Raises:
        SetupError: ``late``, when it is not done after so many seconds.
    """
    try:
        Retrying(retry=retry_if_result(not_), stop=stop_after_delay(seconds), wait=wait_fixed(POLL_SECONDS))(done)
    except RetryError:
        raise late from None


def trainings(workspace: Workspace) -> list[str]:
    """Describe the outcome of every training that all gates have judged, a line each."""
    promoted = {champion.version: champion for champion in champions.history(workspace.ledger, USE_CASE)}
    judged: dict[int, dict[str, Event]] = {}
    for event in workspace.ledger.events(USE_CASE, kind="gate_judged"):
        judged.setdefault(event.payload["version"], {})[event.payload["gate"]] = event
    lines = []
    for version, gates in judged.items():
        if len(gates) < len(GATES):
            continue
        as_of = next(iter(gates.values())).night
        refusals = [f"{gate}: {event.payload['reason']}" for gate, event in gates.items() if event.payload["outcome"] != "pass"]
        outcome = f"champion from {promoted[version].effective_from}" if version in promoted else "not promoted"
        lines.append(f"version {version}, trained as of {as_of}: {outcome}" + "".join(f"\n  {refusal}" for refusal in refusals))
    return lines
