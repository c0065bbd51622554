"""Compacting a use case: its own tables, one event that tells what became of each, and all is what was recorded after."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.commands.command_line import main
from jobs.upkeep import compact, verify
from nightloop.lake import Commit
from nightloop.nights import one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.lake.rows import flights

FIRST, SECOND = date(2013, 1, 1), date(2013, 1, 2)
TABLES = ("flight_delay/features", "flight_delay/scores", "flight_delays/features")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two nights of three files in each of three tables, the last of another use case; and a table of one file a night."""
    workspace = Workspace.open(load_settings(home=tmp_path / "home"))
    for table in TABLES:
        folder = workspace.lake.new_folder(table)
        paths = {night: [f"{folder}/{night}-{at}.parquet" for at in range(3)] for night in (FIRST, SECOND)}
        for at, path in enumerate(path for of_night in paths.values() for path in of_night):
            pq.write_table(flights(4, start=4 * at), path)
        workspace.lake.adopt_nights(table, paths, Commit("features", table.partition("/")[0]))
    workspace.lake.publish("flight_delay/labels", FIRST, flights(4), Commit("features", "flight_delay"))
    return workspace


def counts(workspace: Workspace) -> list[int]:
    return [len(workspace.lake.snapshot(table).paths) for table in (*TABLES, "flight_delay/labels")]


def test_every_night_of_the_use_case_becomes_one_file_and_is_what_was_recorded(workspace: Workspace) -> None:
    before = [workspace.lake.states(table)[SECOND].content_digest for table in TABLES]
    told: list[tuple[str, int, int]] = []
    done = compact.run("flight_delay", workspace, progress=lambda *given: told.append(given))
    assert [(of.table, of.nights, of.files_before, of.files) for of in done] == [(table, 2, 6, 2) for table in TABLES[:2]]
    assert counts(workspace) == [2, 2, 6, 1]
    assert [workspace.lake.states(table)[SECOND].content_digest for table in TABLES] == before
    assert ("compacting flight_delay/features", 1, 2) in told
    verified = verify.run("flight_delay", workspace, content=True)
    assert verified.troubles == [] and verified.files == 5
    events = workspace.ledger.events("flight_delay")
    assert [(event.kind, event.subject, event.payload["files"]) for event in events] == [
        ("lake_compacted", table, 2) for table in TABLES[:2]
    ]
    assert compact.run("flight_delay", workspace) == [] and len(workspace.ledger.events()) == 2


def test_only_the_nights_that_are_asked_for(workspace: Workspace) -> None:
    assert [(of.nights, of.files) for of in compact.run("flight_delay", workspace, one(FIRST))] == [(1, 1), (1, 1)]
    assert counts(workspace) == [4, 4, 6, 1]


def test_the_command_tells_what_became_of_each_table(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTLOOP_HOME", str(workspace.settings.home))
    assert main(["compact", "flight_delay", str(FIRST), "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(of["table"], of["nights"], of["files_before"], of["files"]) for of in told] == [
        (table, 1, 3, 1) for table in TABLES[:2]
    ]
    assert main(["compact", "flight_delay"]) == 0
    out = capsys.readouterr().out
    assert "flight_delay/features: 1 night of 3 files now in 1 (" in out and out.count("\n") == 2
    assert main(["compact", "flight_delay"]) == 0
    assert capsys.readouterr().out == "flight_delay: nothing to compact; every night has few files\n"
    assert main(["compact", "flight_delays_"]) == 2
