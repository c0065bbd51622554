"""What is stored is what was recorded, or each damage is told with a way out, and the exit code is that of damage."""

from __future__ import annotations

import json
import sqlite3
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from jobs.commands.command_line import main
from jobs.upkeep import verify
from jobs.upkeep.verify import Verified
from nightloop.errors import StoreDamaged, StoreUnavailable
from nightloop.lake import Commit
from nightloop.lake.checksums import checksum_of
from nightloop.model import champions
from nightloop.nights import one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.lake.rows import flights

FIRST = date(2013, 1, 1)
SECOND = FIRST + timedelta(days=1)
NAME = "flight_delay"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Two tables of two nights, one of another use case, and a ledger of two events."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "home"))
    workspace = Workspace.open(load_settings())
    for table in (f"{NAME}/features", f"{NAME}/raw_flights", "credit_risk/features"):
        for night, rows in ((FIRST, 3), (SECOND, 5)):
            workspace.lake.publish(table, night, flights(rows), Commit("features", table.partition("/")[0]))
    for subject in "ab":
        workspace.ledger.record("night_quarantined", NAME, night=FIRST, subject=subject, payload={"records": 1})
    return workspace


def files(workspace: Workspace, name: str, night: date) -> Path:
    [path] = workspace.lake.snapshot(f"{NAME}/{name}", one(night)).files[night]
    return Path(path)


def flip(path: Path, at: int = 100) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("content", [False, True])
def test_what_is_whole_is_counted_and_is_no_trouble(workspace: Workspace, content: bool) -> None:
    sizes = sum(
        files(workspace, name, night).stat().st_size for name in ("features", "raw_flights") for night in (FIRST, SECOND)
    )
    whole = Verified(NAME, tables=2, files=4, bytes=sizes, events=2)
    assert verify.run(NAME, workspace, content=content) == whole and whole.exit_code == 0
    assert verify.run(NAME, workspace, one(FIRST)).files == 2


def test_every_damage_is_told_each_with_its_way_out(workspace: Workspace) -> None:
    flip(files(workspace, "features", FIRST))
    files(workspace, "raw_flights", SECOND).unlink()
    champions.promote(workspace.ledger, NAME, 7, SECOND, {"bundle_digest": "d"})
    verified = verify.run(NAME, workspace)
    assert [(type(trouble), trouble.do) for trouble in verified.troubles] == [
        (StoreDamaged, "Publish the night 2013-01-01 again: python -m jobs features flight_delay 2013-01-01"),
        (StoreDamaged, "Publish the night 2013-01-02 again: python -m jobs ingest flight_delay 2013-01-02"),
        (StoreDamaged, "Bring MLflow's database back from a backup, or train a new champion."),
    ]
    assert (verified.exit_code, verified.files, verified.events, verified.bundles) == (10, 4, 3, 1)
    assert verify.run("credit_risk", workspace).troubles == []


@pytest.mark.parametrize("damage", ["cut", "empty", "gone", "no text"])
def test_a_damaged_log_is_told_as_damage_and_the_other_tables_are_still_compared(workspace: Workspace, damage: str) -> None:
    entry = Path(workspace.lake.folder(f"{NAME}/features")) / f"_delta_log/{1:020}.json"
    whole = entry.read_bytes()
    entry.write_bytes({"cut": whole[: len(whole) // 2], "no text": b"\xff" + whole}.get(damage, b""))
    if damage == "gone":
        entry.unlink()
    fresh = Workspace.open(load_settings())
    [trouble] = verify.run(NAME, fresh).troubles
    assert isinstance(trouble, StoreDamaged) and trouble.where == str(entry)
    assert str(trouble.do).endswith("publish its nights again: python -m jobs features flight_delay FIRST..LAST")
    assert verify.run(NAME, fresh).files == 2
    entry.write_bytes(whole)
    assert verify.run(NAME, Workspace.open(load_settings())).troubles == []


def test_a_changed_event_of_the_ledger_is_told(workspace: Workspace) -> None:
    with sqlite3.connect(workspace.settings.home / "ledger.db") as ledger:
        ledger.execute("DROP TRIGGER ledger_events_no_UPDATE")
        ledger.execute("UPDATE ledger_events SET subject = 'c' WHERE seq = 2")
    [trouble] = verify.run(NAME, workspace).troubles
    assert isinstance(trouble, StoreDamaged) and "event 2" in trouble.what


def test_rows_that_were_exchanged_with_their_checksum_are_told_by_the_content_alone(workspace: Workspace) -> None:
    path = files(workspace, "features", FIRST)
    before = checksum_of(str(path))
    pq.write_table(flights(3, start=9), path)
    for entry in (path.parent.parent / "_delta_log").glob("*.json"):
        entry.write_text(entry.read_text().replace(before, checksum_of(str(path))))
    fresh = Workspace.open(load_settings())
    assert verify.run(NAME, fresh).troubles == []
    [trouble] = verify.run(NAME, fresh, content=True).troubles
    assert "the rows of night 2013-01-01 of table flight_delay/features are not those that were published" in trouble.what


def test_damage_counts_more_than_what_cannot_be_reached() -> None:
    damaged, unreachable = StoreDamaged("a"), StoreUnavailable("b")
    assert [Verified("x", troubles=list(troubles)).exit_code for troubles in ([], [unreachable], [unreachable, damaged])] == [
        0,
        78,
        10,
    ]


def test_the_command_prints_each_damage_and_ends_with_its_code(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", NAME]) == 0
    assert "4 files" in (printed := capsys.readouterr().out) and "all are what was recorded" in printed
    flip(files(workspace, "features", SECOND))
    assert main(["verify", NAME, "2013-01-01"]) == 0
    assert main(["verify", NAME]) == 10
    captured = capsys.readouterr()
    assert "StoreDamaged" in captured.err and "1 damaged or out of reach" in captured.out.replace("\n", " ")
    assert main(["verify", NAME, "2013-01-02", "--json"]) == 10
    answer = json.loads(capsys.readouterr().out)
    [trouble] = answer["troubles"]
    assert (answer["files"], trouble["error"], trouble["exit_code"]) == (2, "StoreDamaged", 10)
