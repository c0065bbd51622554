"""Nights that Airflow lost are found in the lake: days off, a paused DAG, a use case that is new, whatever is killed.

One Airflow serves the whole module; the tests build on one another in the order they stand.
"""

from __future__ import annotations

import json
import os
import random
import signal
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from jobs import features, ingest
from jobs.embedded.airflow_client import DagRun
from nightloop.alerts import listed
from nightloop.daily import Daily
from nightloop.definitions import load_use_case
from nightloop.errors import SetupError
from nightloop.features.tables import TABLES
from nightloop.lake import Lake
from nightloop.ledger import Ledger
from nightloop.nights import Night, Nights
from nightloop.settings import load_settings
from nightloop.upkeep.owed import STAGES
from nightloop.workspace import Workspace
from plugins.keeping_up import RANGES
from tests.fixtures_airflow import WITH_KEEP_UP, RunningAirflow, definitions_in
from tests.jobs.changing import SUITE, declared

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.random_order(disabled=True)]

DAY = timedelta(days=1)
KEEP_UP = "nightloop.keep_up"
NEWEST = Daily.of("0 2 * * *", "UTC").newest(datetime.now(UTC))
FIRST = NEWEST - 5 * DAY


class Stand:
    """A folder of use cases that live today: things that are sold, a file a night."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.define("things")

    def define(self, name: str) -> None:
        definition: dict[str, Any] = declared() | {"use_case": name, "first_night": FIRST}
        for source in definition["sources"].values():
            source["connector"]["pattern"] = f"data/{name}/{{night}}.csv"
        for source in definition["sources"]:
            self.write(f"great_expectations/{name}/{source}.yaml", SUITE.format(source=source))
        draw = random.Random(7)
        for night in nights():
            rows = [
                f"{night:%m%d}{i},{night}T10:00:00Z,{draw.random():.4f},{'AB'[i % 2]},{draw.randint(0, 1)}" for i in range(4)
            ]
            self.write(f"data/{name}/{night}.csv", "\n".join(["id,ts,price,part,sold", *rows]) + "\n")
        self.write(f"feature_defs/{name}.yaml", yaml.safe_dump(definition, sort_keys=False))

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def nights() -> list[Night]:
    return [FIRST + n * DAY for n in range((NEWEST - FIRST).days + 1)]


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Stand:
    return Stand(tmp_path_factory.mktemp("stand"))


@pytest.fixture(scope="module")
def airflow_settings(stand: Stand) -> dict[str, str]:
    return {
        **definitions_in(stand.folder),
        WITH_KEEP_UP: "yes",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
    }


def one_round(airflow: RunningAirflow) -> str:
    """Let nights be kept up once more, without grace, and return the log."""
    airflow.wait_until(lambda: airflow.client.has_dag(KEEP_UP), "the DAG")
    runs: list[str] = []

    def begins() -> bool:
        with suppress(SetupError):  # SQLite may be locked for a moment
            runs.append(airflow.client.trigger(KEEP_UP, {"grace": 0}))
        return bool(runs)

    airflow.wait_until(begins, "a round")
    run = runs[0]
    assert airflow.wait_for_run(KEEP_UP, run).state == "success", airflow.task_log(KEEP_UP, run, "keep_up")
    return airflow.task_log(KEEP_UP, run, "keep_up")


def there(airflow: RunningAirflow, name: str, table: str) -> list[date]:
    return sorted(Lake.open(load_settings(home=airflow.nightloop_home)).states(f"{name}/{table}"))


def runs_of(airflow: RunningAirflow, dag_id: str) -> list[str]:
    return sorted(str(run.partition_key) for run in airflow.client.runs(dag_id))


def test_after_days_off_every_night_is_there_after_a_round_each_taken_in_once(airflow: RunningAirflow) -> None:
    airflow.wait_until(lambda: there(airflow, "things", "raw_things") == [NEWEST], "the newest night, by its schedule")
    one_round(airflow)
    airflow.wait_until(lambda: there(airflow, "things", "features") == nights(), "the features of all nights")
    airflow.wait_until(lambda: there(airflow, "things", "labels") == nights(), "the labels of all nights")
    lost = {run.run_id for run in airflow.client.runs("things.ingest") if run.partition_key != str(NEWEST)}
    assert lost == {f"keep_up__{night}__1" for night in nights()[:-1]}
    assert runs_of(airflow, "things.ingest") == runs_of(airflow, "things.features") == [str(night) for night in nights()]
    assert "things: nothing is missing" in one_round(airflow)


def test_the_web_ui_shows_the_log_of_a_task_without_a_server_of_logs(airflow: RunningAirflow) -> None:
    run = airflow.client.runs("things.ingest")[0]
    address = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/ingest/logs/1"
    assert f"published things/raw_things night={run.partition_key}" in json.dumps(airflow.client._send("GET", address))


def test_what_a_paused_dag_lost_is_told_while_it_is_paused_and_made_up_for_after(airflow: RunningAirflow, stand: Stand) -> None:
    stand.define("others")
    dags = [f"others.{family}" for family in (*STAGES, *RANGES)]
    airflow.wait_until(lambda: all(map(airflow.client.has_dag, dags)), "the DAGs of the new use case")
    airflow.pause("others.features")
    one_round(airflow)
    airflow.wait_until(lambda: there(airflow, "others", "raw_outcomes") == nights(), "the nights of the new use case")
    airflow.wait_until(lambda: not airflow.client.runs_under_way("others.ingest"), "the end of their runs")
    assert f"others.features is paused, and 6 nights wait for it, the first {FIRST}" in one_round(airflow)
    assert there(airflow, "others", "features") == []
    airflow.pause("others.features", False)
    one_round(airflow)
    airflow.wait_until(lambda: there(airflow, "others", "labels") == nights(), "the labels of the new use case")
    airflow.wait_until(lambda: there(airflow, "others", "features") == nights(), "the features of the new use case")
    assert runs_of(airflow, "others.features") == [str(night) for night in nights()]


def digests(home: Path, name: str) -> dict[tuple[str, date], str]:
    """(table, night) -> content digest."""
    lake = Lake.open(load_settings(home=home))
    tables = ("raw_things", "raw_outcomes", *TABLES)
    return {(table, night): state.content_digest for table in tables for night, state in lake.states(f"{name}/{table}").items()}


def test_whatever_is_killed_deleted_or_cleared_every_night_is_there_with_the_same_content_and_people_are_told_once(
    airflow: RunningAirflow, stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.define("killed")
    dags = [f"killed.{family}" for family in (*STAGES, *RANGES)]
    airflow.wait_until(lambda: all(map(airflow.client.has_dag, dags)), "the DAGs of the new use case")
    one_round(airflow)

    airflow.wait_until(lambda: bool(airflow.task_processes()), "a task that runs")
    for process in airflow.task_processes()[:1]:
        os.kill(process, signal.SIGKILL)
    airflow.wait_until(lambda: len(there(airflow, "killed", "raw_things")) > 1, "some nights")
    airflow.kill("scheduler")  # and every task with it
    airflow.kill("dag-processor")
    airflow.wait_until(lambda: bool(airflow.client.runs_under_way("killed.ingest")) or there_all(airflow, "killed"), "Airflow")
    one_round(airflow)
    airflow.wait_until(lambda: not under_way(airflow, "killed"), "the end of what runs", 180)
    one_round(airflow)
    airflow.wait_until(lambda: there_all(airflow, "killed"), "every night", 180)

    before = digests(airflow.nightloop_home, "killed")
    airflow.wait_until(lambda: not under_way(airflow, "killed"), "the end of what runs", 180)
    deleted, cleared, *_ = airflow.client.runs("killed.features")
    airflow.client._send("DELETE", f"/api/v2/dags/killed.features/dagRuns/{quote(deleted.run_id)}")
    clear = {"dry_run": False, "dag_run_id": cleared.run_id, "only_failed": False}
    airflow.client._send("POST", "/api/v2/dags/killed.features/clearTaskInstances", json=clear)
    airflow.wait_until(lambda: not under_way(airflow, "killed"), "the cleared run", 180)
    assert "killed: nothing is missing" in one_round(airflow), "a run that is deleted leaves its night"

    monkeypatch.chdir(stand.folder)
    alone = load_settings(
        home=tmp_path, definitions=stand.folder / "feature_defs", contracts=stand.folder / "great_expectations", engine="local"
    )
    workspace = Workspace.open(alone)
    for stage in (ingest, features):
        stage.run(load_use_case("killed", alone.definitions), Nights(FIRST, NEWEST), workspace)
    assert digests(airflow.nightloop_home, "killed") == before == digests(tmp_path, "killed")

    alerts = [stored.alert for stored, _ in listed(Ledger.open(load_settings(home=airflow.nightloop_home)))]
    troubles = [(alert.subject, alert.night, alert.kind) for alert in alerts if alert.use_case_name == "killed"]
    assert len(troubles) == len(set(troubles)), "each is told once"


def there_all(airflow: RunningAirflow, name: str) -> bool:
    return all(there(airflow, name, table) == nights() for table in ("raw_things", "raw_outcomes", *TABLES))


def under_way(airflow: RunningAirflow, name: str) -> list[DagRun]:
    return [run for stage in ("ingest", "features") for run in airflow.client.runs_under_way(f"{name}.{stage}")]
