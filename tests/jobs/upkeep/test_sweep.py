"""A sweep of a use case: its own tables, the retention of the settings, one event that tells what went."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from jobs.commands.command_line import main
from jobs.commands.stores import lines
from jobs.upkeep import sweep
from jobs.upkeep.sweep import SweptUseCase
from nightloop.errors import UsageError
from nightloop.lake import Commit
from nightloop.lake.sweeping import Swept
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.lake.rows import flights

NIGHT = date(2013, 1, 1)
DAYS = 7


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two use cases, each with a night that was published twice; and one whose name begins like the first's."""
    workspace = Workspace.open(load_settings(home=tmp_path / "home", retention_days=DAYS))
    for table in ("flight_delay/features", "credit_risk/features", "flight_delays/features"):
        for rows in (3, 5):
            workspace.lake.publish(table, NIGHT, flights(rows), Commit("features", table.partition("/")[0]))
    return workspace


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def files(workspace: Workspace, use_case: str) -> int:
    return len(list(Path(workspace.lake.folder(f"{use_case}/features")).glob("night=*/*.parquet")))


def test_the_retention_of_the_settings_decides_and_other_use_cases_are_left_alone(workspace: Workspace) -> None:
    assert sweep.run("flight_delay", workspace, now=later(DAYS - 0.01)).files == 0
    size = workspace.lake.snapshot("flight_delay/features", version=1).size
    swept = sweep.run("flight_delay", workspace, now=later(DAYS + 0.01))
    assert swept == SweptUseCase("flight_delay", DAYS, False, {"flight_delay/features": Swept(superseded=1, bytes=size)})
    assert [files(workspace, name) for name in ("flight_delay", "credit_risk", "flight_delays")] == [1, 2, 2]


def test_one_event_tells_what_went_and_a_sweep_that_finds_nothing_adds_none(workspace: Workspace) -> None:
    swept = sweep.run("flight_delay", workspace, now=later(DAYS + 1))
    for _ in range(2):
        assert sweep.run("flight_delay", workspace, now=later(DAYS + 1)).files == 0
    [event] = workspace.ledger.events()
    assert (event.use_case, event.kind, event.night, event.subject) == ("flight_delay", "lake_swept", None, "")
    assert event.payload == {
        "retention_days": DAYS,
        "files": 1,
        "bytes": swept.bytes,
        "tables": {"flight_delay/features": {"orphans": 0, "superseded": 1, "bytes": swept.bytes}},
    }


def test_a_dry_run_removes_nothing_and_records_nothing(workspace: Workspace) -> None:
    told = sweep.run("flight_delay", workspace, dry_run=True, now=later(DAYS + 1))
    assert told.files == 1 and told.dry_run and files(workspace, "flight_delay") == 2
    assert workspace.ledger.events() == []
    assert sweep.run("flight_delay", workspace, now=later(DAYS + 1)).tables == told.tables


def test_sums_are_over_all_tables() -> None:
    swept = SweptUseCase("uc", 30, False, {"uc/a": Swept(1, 2, 30), "uc/b": Swept(4, 0, 500)})
    assert (swept.files, swept.bytes) == (7, 530)
    assert lines(swept) == [
        "uc: removed 7 files, 530 bytes",
        "  uc/a: 2 of versions replaced over 30 days ago, 1 of commits that never happened",
        "  uc/b: 0 of versions replaced over 30 days ago, 4 of commits that never happened",
    ]
    assert lines(SweptUseCase("uc", 30, True, swept.tables))[0] == "uc: would remove 7 files, 530 bytes"
    assert lines(SweptUseCase("uc", 30, False, {})) == ["uc: nothing to remove; replaced versions stay 30 days"]


@pytest.fixture
def at_home(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The commands' environment names the workspace."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(workspace.settings.home))
    return workspace


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_sweeps_one_use_case_or_all_that_are_declared(
    at_home: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "flight_delay", "--json"]) == 0
    assert told(capsys) == [
        {"use_case": "flight_delay", "retention_days": 30, "dry_run": False, "files": 0, "bytes": 0, "tables": {}}
    ]
    assert main(["sweep", "--dry-run", "--json"]) == 0
    assert [(item["use_case"], item["dry_run"]) for item in told(capsys)] == [
        ("arrival_delay", True),
        ("credit_risk", True),
        ("flight_delay", True),
    ]
    assert main(["sweep", "flight_delay"]) == 0
    assert "flight_delay: nothing to remove; replaced versions stay 30 days" in capsys.readouterr().out


def test_the_command_refuses_a_use_case_that_is_not_declared(at_home: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "flight_delays"]) == 2
    assert "flight_delays" in capsys.readouterr().err


@pytest.mark.parametrize(("days", "is_allowed"), [(0, False), (1, True), (-1, False), (3650, True)])
def test_the_retention_is_a_day_at_least(days: int, is_allowed: bool, tmp_path: Path) -> None:
    if is_allowed:
        assert load_settings(home=tmp_path, retention_days=days).retention_days == days
        return
    with pytest.raises(UsageError, match="NIGHTLOOP_RETENTION_DAYS"):
        load_settings(home=tmp_path, retention_days=days)


def test_the_command_verifies_the_ledger_of_the_home(at_home: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    newest = [at_home.ledger.record("alert_raised", "uc", payload={"turn": turn}) for turn in range(3)][-1]
    assert main(["ledger", "verify", "--json"]) == 0
    place = f"sqlite:///{at_home.settings.home}/ledger.db"
    assert told(capsys) == [{"ledger": place, "events": 3, "newest": newest.digest, "copied": 3}]
    assert main(["ledger", "verify"]) == 0
    words = capsys.readouterr().out
    assert f"3 events stand, as they were recorded; the last digest is {newest.digest}" in words and "None is cut off" in words


def test_the_command_ends_with_the_code_of_damaged_data_when_an_event_was_changed(
    at_home: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlite3

    at_home.ledger.record("alert_raised", "uc")
    with sqlite3.connect(at_home.settings.home / "ledger.db") as database:
        database.execute("DROP TRIGGER ledger_events_no_UPDATE")
        database.execute("UPDATE ledger_events SET kind = 'alert_sent'")
    database.close()
    assert main(["ledger", "verify", "--json"]) == 10
    error = json.loads(capsys.readouterr().err)
    assert error["error"] == "StoreDamaged" and error["what"].startswith("the chain breaks at event 1")
    assert "backup" in error["do"]
