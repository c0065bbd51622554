"""The weekly task sweeps as the command does, and returns what went in plain values."""

from __future__ import annotations

import json
from datetime import date, timedelta

from nightloop.definitions import use_case_names
from nightloop.errors import UnknownUseCase
from nightloop.lake import Commit, sweeping
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from plugins.upkeep import ShipAuditOperator, SweepOperator
from tests.lake.rows import flights
from tests.plugins.stops import stops_with


def test_the_task_removes_what_is_past_its_retention_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path))
    workspace = Workspace.open(load_settings())
    folder = workspace.lake.new_folder("flight_delay/features")
    workspace.lake.publish("flight_delay/features", date(2013, 1, 1), flights(3), Commit("features", "flight_delay"))
    (tmp_path / "lake" / "flight_delay" / "features" / folder / "part.parquet").write_bytes(b"half a file")
    monkeypatch.setattr(sweeping.sweep, "__kwdefaults__", {**sweeping.sweep.__kwdefaults__, "grace": timedelta(seconds=-5)})
    swept = SweepOperator(task_id="sweep", use_case_name="flight_delay").execute({})
    assert json.loads(json.dumps(swept)) == {
        "use_case": "flight_delay",
        "retention_days": 30,
        "dry_run": False,
        "files": 1,
        "bytes": 11,
        "tables": {"flight_delay/features": {"orphans": 1, "superseded": 0, "bytes": 11}},
    }
    assert [event.kind for event in workspace.ledger.events("flight_delay")] == ["lake_swept"]


def test_a_use_case_that_is_not_declared_is_an_error_and_not_an_empty_sweep(monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path))
    with stops_with(UnknownUseCase):
        SweepOperator(task_id="sweep", use_case_name="flight_delays").execute({})


def test_the_task_ships_the_answers_of_every_use_case_and_says_how_many(monkeypatch, tmp_path):
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path))
    names = set(use_case_names(load_settings().definitions))
    assert ShipAuditOperator(task_id="ship").execute({}) == dict.fromkeys(names, 0)
    line = {
        "id": "20240107-0123456789abcdef", "recorded_at": "2024-01-07T12:00:00+00:00", "use_case": "flight_delay",
        "request_id": "", "client": "shop", "night": "2013-04-01", "model_version": 3, "names": ["a"],
        "rows": [{"flight_id": "f"}], "features": [[1.5]], "answers": {"probability": 0.25, "decision": False, "reasons": []},
    }  # fmt: skip
    folder = tmp_path / "audit" / "2024-01-07"
    folder.mkdir(parents=True)
    (folder / "1-1.jsonl").write_text(json.dumps(line) + "\n")
    shipped = ShipAuditOperator(task_id="ship").execute({})
    assert shipped == {**dict.fromkeys(names, 0), "flight_delay": 1}
    (row,) = Workspace.open(load_settings()).lake.read("flight_delay/online_answers").to_pylist()
    assert (row["flight_id"], row["probability"], row["asked_by"], row["model_version"]) == ("f", 0.25, "shop", 3)
    assert ShipAuditOperator(task_id="ship").execute({}) == dict.fromkeys(names, 0), "it is shipped"
