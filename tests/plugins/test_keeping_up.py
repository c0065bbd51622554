"""What a round asks Airflow for: each missing night once, oldest first, and nothing that is under way, paused or hopeless."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobs import ingest
from jobs.embedded.airflow_client import DagRun
from nightloop.errors import SetupError
from nightloop.nights import Nights, one
from nightloop.upkeep.owed import STAGES
from plugins import keeping_up
from plugins.keeping_up import AT_MOST, Round, keep_up
from tests.jobs.changing import FIRST, NIGHTS, Things

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
LAST = NIGHTS.last
GRACE = timedelta(minutes=10)
DUE = datetime(2024, 3, 7, 2, 0, tzinfo=UTC)  # when the sixth night is due
NOW = DUE + GRACE


@dataclass
class Airflow:
    """An Airflow as a client sees it."""

    under_way: dict[str, list[str]] = field(default_factory=dict)
    ended: dict[str, list[tuple[str, datetime]]] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    triggered: list[tuple[str, str, str]] = field(default_factory=list)
    fails: bool = False

    def has_dag(self, dag_id: str) -> bool:
        return dag_id not in self.absent

    def is_paused(self, dag_id: str) -> bool:
        return dag_id in self.paused

    def runs_under_way(self, dag_id: str, *, since: datetime | None = None) -> list[DagRun]:
        ended = [key for key, at in self.ended.get(dag_id, []) if since and at >= since]
        states = [*((key, "running") for key in self.under_way.get(dag_id, [])), *((key, "success") for key in ended)]
        return [DagRun(dag_id, f"run of {key}", state, key) for key, state in states]

    def trigger_once(self, dag_id: str, run_id: str, *, partition_key: str, note: str) -> None:
        assert note.startswith("asked for by keep_up: ")
        if self.fails:
            raise SetupError("Airflow is gone.")
        if (dag_id, run_id, partition_key) not in self.triggered:
            self.triggered.append((dag_id, run_id, partition_key))


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five nights with features, of six that are due."""
    things = Things(tmp_path_factory.mktemp("five") / "things")
    things.build(Nights(FIRST, LAST - DAY))
    return things.folder


@pytest.fixture
def things(five: Path, tmp_path: Path) -> Things:
    shutil.copytree(five, tmp_path / "things")
    return Things(tmp_path / "things")


def look(things: Things, airflow: Airflow, now: datetime = NOW, grace: timedelta = GRACE) -> Round:
    workspace = replace(things.workspace, clock=lambda: now)
    return keep_up(things.use_case, workspace, airflow, grace)  # type: ignore[arg-type]


def test_a_missing_night_is_asked_for_by_its_first_stage_with_the_number_of_the_request(things: Things) -> None:
    airflow = Airflow()
    found = look(things, airflow)
    assert airflow.triggered == [("things.ingest", f"keep_up__{LAST}__1", str(LAST))]
    assert list(found.lines("things")) == [f"things: asked for things.ingest {LAST} (not taken in)"]
    (event,) = things.workspace.ledger.events("things", kind="night_requested")
    assert (event.night, event.subject) == (LAST, "ingest")
    assert event.payload == {"why": "not taken in", "run": f"keep_up__{LAST}__1"}


def test_its_own_run_has_its_grace(things: Things) -> None:
    found = look(things, airflow := Airflow(), NOW - timedelta(microseconds=1))
    assert airflow.triggered == [] and found.waiting == {LAST: "has its own run by now"}


@pytest.mark.parametrize("family", ["ingest", "features", "score", "monitor"])
def test_a_night_under_way_in_any_dag_is_left_alone(things: Things, family: str) -> None:
    airflow = Airflow(under_way={f"things.{family}": [str(LAST)]})
    assert look(things, airflow).waiting == {LAST: f"has a run of {family} under way, or ended just now"}
    assert airflow.triggered == []
    look(things, other := Airflow(under_way={f"things.{family}": [str(FIRST)]}))
    assert len(other.triggered) == 1


@pytest.mark.parametrize(("since", "waits"), [(GRACE, True), (GRACE + timedelta(microseconds=1), False)])
def test_a_run_that_ended_just_now_may_still_wake_the_next(things: Things, since: timedelta, waits: bool) -> None:
    ingest.run(things.use_case, one(LAST), things.workspace)
    airflow = Airflow(ended={"things.ingest": [(str(LAST), NOW - since)]})
    look(things, airflow)
    assert (airflow.triggered == []) == waits


@pytest.mark.parametrize("family", ["bootstrap", "apply"])
def test_beside_a_range_nothing_is_asked_for(things: Things, family: str) -> None:
    airflow = Airflow(under_way={f"things.{family}": ["None"]})
    assert look(things, airflow).waiting == {LAST: f"may be built by the run of {family} under way"}
    assert airflow.triggered == []


def test_a_run_that_waits_in_a_paused_dag_is_told_like_one_that_was_not_asked_for(things: Things) -> None:
    ingest.run(things.use_case, one(LAST), things.workspace)
    airflow = Airflow(paused={"things.features"}, under_way={"things.features": [str(LAST)]})
    assert look(things, airflow).paused["things.features"] == [LAST]
    airflow.under_way["things.ingest"] = [str(LAST)]  # taken in anew meanwhile
    assert look(things, airflow).waiting == {LAST: "has a run of ingest under way, or ended just now"}
    airflow.under_way["things.apply"] = ["None"]
    assert look(things, airflow).waiting == {LAST: "may be built by the run of apply under way"}
    assert airflow.triggered == []


def test_a_run_of_a_paused_dag_that_ended_just_now_may_still_wake_the_next(things: Things) -> None:
    ingest.run(things.use_case, one(LAST), things.workspace)
    airflow = Airflow(paused={"things.ingest"}, ended={"things.ingest": [(str(LAST), NOW)]})
    assert look(things, airflow).waiting == {LAST: "has a run of ingest under way, or ended just now"}


def test_a_paused_dag_is_told_and_not_asked(things: Things) -> None:
    ingest.run(things.use_case, one(LAST), things.workspace)
    found = look(things, airflow := Airflow(paused={"things.features"}), NOW + DAY)
    assert airflow.triggered == [("things.ingest", f"keep_up__{LAST + DAY}__1", str(LAST + DAY))]
    assert found.paused == {f"things.{stage}": [LAST] if stage == "features" else [] for stage in STAGES}


def test_a_use_case_whose_dags_are_not_there_yet_waits(things: Things) -> None:
    found = look(things, airflow := Airflow(absent={"things.monitor"}))
    assert airflow.triggered == [] and found.waiting[LAST].startswith("has no DAG yet")


def test_features_wait_for_a_night_that_is_not_taken_in_but_not_for_one_that_is_asked_for_with_them(things: Things) -> None:
    text = (things.folder / "data" / f"{LAST}.csv").read_text()
    for night in (LAST + DAY, LAST + 2 * DAY):
        (things.folder / "data" / f"{night}.csv").write_text(text.replace(str(LAST), str(night)))
    ingest.run(things.use_case, Nights(LAST + DAY, LAST + 2 * DAY), things.workspace)
    found = look(things, airflow := Airflow(), NOW + 2 * DAY)
    assert [key for _, _, key in airflow.triggered] == [str(LAST)]
    assert found.waiting == {LAST + n * DAY: f"needs {LAST}, which is missing too" for n in (1, 2)}
    ingest.run(things.use_case, one(LAST), things.workspace)
    look(things, airflow := Airflow(), NOW + 2 * DAY)
    assert airflow.triggered == [("things.features", f"keep_up__{LAST + n * DAY}__1", str(LAST + n * DAY)) for n in range(3)]


def test_what_fails_is_asked_for_less_and_less_often(things: Things) -> None:
    now = NOW
    assert look(things, Airflow(), now).requested
    for number, minutes in enumerate([14, 28, 56, 112, 224, 360, 360], start=2):
        now += minutes * MINUTE
        early = look(things, airflow := Airflow(), now - timedelta(microseconds=1))
        assert airflow.triggered == [] and early.waiting[LAST].endswith("and is again in 0:01:00")
        look(things, airflow := Airflow(), now)
        assert airflow.triggered == [("things.ingest", f"keep_up__{LAST}__{number}", str(LAST))]


def test_what_failed_for_months_is_still_asked_for_every_six_hours(things: Things) -> None:
    ledger = replace(things.workspace, clock=lambda: NOW).ledger
    for _ in range(400):
        ledger.record("night_requested", "things", night=LAST, subject="ingest", payload={})
    assert not look(things, Airflow(), NOW + timedelta(hours=6) - timedelta(seconds=1)).requested
    assert look(things, airflow := Airflow(), NOW + timedelta(hours=6)).requested
    assert airflow.triggered[0][1] == f"keep_up__{LAST}__401"


def test_a_round_killed_between_trigger_and_ledger_asks_for_the_same_run_again(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    airflow = Airflow()
    with monkeypatch.context() as patch:
        patch.setattr(type(things.workspace.ledger), "record", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            look(things, airflow)
    look(things, airflow)
    assert airflow.triggered == [("things.ingest", f"keep_up__{LAST}__1", str(LAST))]


def test_what_airflow_refused_is_not_recorded_as_asked_for(things: Things) -> None:
    with pytest.raises(SetupError, match="Airflow is gone"):
        look(things, Airflow(fails=True))
    assert things.workspace.ledger.events(kind="night_requested") == []


def test_a_round_is_bounded_and_goes_on_in_the_next(things: Things) -> None:
    later = NOW + (AT_MOST + 1) * DAY
    found = look(things, airflow := Airflow(), later)
    assert len(airflow.triggered) == AT_MOST
    assert found.waiting == {LAST + (AT_MOST + n) * DAY: "is left for the next round" for n in (0, 1)}
    airflow.under_way = {"things.ingest": [key for _, _, key in airflow.triggered]}
    look(things, airflow, later + 15 * MINUTE)
    assert [key for _, _, key in airflow.triggered] == [str(LAST + n * DAY) for n in range(AT_MOST + 2)]


def test_nothing_missing_asks_airflow_nothing(things: Things) -> None:
    things.build(one(LAST))
    found = look(things, Airflow(absent={"things.ingest"}))
    assert list(found.lines("things")) == ["things: nothing is missing"]


def test_without_a_connection_to_its_own_api_the_task_says_how_to_add_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_AIRFLOW_API", raising=False)
    with pytest.raises(SetupError, match="no connection 'airflow_api'") as refused:
        keeping_up.airflow_client()
    assert "airflow connections add airflow_api --conn-type http" in str(refused.value)


def test_the_connection_says_where_the_api_is_and_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"conn_type": "http", "host": "airflow.example", "port": 8080, "login": "ada", "password": "p", "schema": "https"}'
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_API", text)
    assert keeping_up.airflow_client().url == "https://airflow.example:8080"
