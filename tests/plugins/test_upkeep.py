"""The weekly task sweeps as the command does, and returns what went in plain values."""

from __future__ import annotations

import json
from datetime import date, timedelta

from nightloop.errors import UnknownUseCase
from nightloop.lake import Commit, sweeping
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from plugins.upkeep import SweepOperator
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
