"""Answers of the service in the lake: each once, whatever is shipped again, and made again from there to the last bit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from jobs.commands.command_line import main
from jobs.upkeep import ship_audit
from nightloop.audit.answers_table import shipped_line
from nightloop.errors import BadNight, StoreDamaged
from nightloop.nights import Nights, one
from nightloop.workspace import Workspace
from serving.decisions import UnknownDecision, explained, stored_answer
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import ready
from tests.serving.test_audit import URL, lines

TABLE = "clinic_visits/online_answers"
NIGHT = date(2024, 1, 7)
LATER = datetime(2024, 1, 9, 12, tzinfo=UTC)


def when(clinic: Clinic, now: datetime) -> Workspace:
    return replace(clinic.workspace, clock=lambda: now)


def tomorrow(clinic: Clinic) -> Workspace:
    return when(clinic, datetime.now(UTC) + timedelta(days=2))


def ask(clinic: Clinic, count: int = 20) -> list[str]:
    """Ask for single rows and batches, and return the ids of the answers."""
    rows = clinic.rows(NIGHTS.last)
    with ready(clinic, audit="refuse") as client:
        answers = [client.post(URL, json={"rows": rows[:5]} if n % 4 == 0 else rows[n]) for n in range(count)]
    return [answer.headers["x-decision-id"] for answer in answers]


def shipped(workspace: Workspace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = workspace.lake.read(TABLE).to_pylist()
    return rows


def test_every_row_that_was_answered_is_a_row_of_the_table_once_however_often_it_is_shipped(clinic: Clinic) -> None:
    ids = ask(clinic)
    workspace, logged = tomorrow(clinic), lines(clinic.settings.home)
    first = ship_audit.run(clinic.use_case, None, workspace)
    assert sum(partition.details["from_lines"] for partition in first) == 15 + 5 * 5 == sum(len(of["rows"]) for of in logged)
    rows = shipped(workspace)
    assert len(rows) == 40 and {row["decision_id"] for row in rows} == set(ids)
    by_id = {line["id"]: line for line in logged}
    for row in rows:
        line, place = by_id[row["decision_id"]], row["row_number"]
        answer = line["answers"].get("predictions", [line["answers"]])[place]
        assert (row["visit_id"], row["probability"], row["decision"]) == (
            line["rows"][place]["visit_id"], answer["probability"], answer["decision"],
        )  # fmt: skip
        assert (row["model_version"], row["aggregates_night"], row["asked_by"]) == (1, NIGHTS.last, None)
    assert ship_audit.run(clinic.use_case, None, workspace) == [], "nothing is new"
    nights = Nights(min(row["night"] for row in rows), max(row["night"] for row in rows))
    digests = {partition.night: partition.content_digest for partition in first}
    again = ship_audit.run(clinic.use_case, nights, workspace)
    assert {of.night: of.content_digest for of in again} == {night: digests[night] for night in nights}


def test_lines_that_come_later_are_added_and_lines_that_are_removed_stay_shipped(clinic: Clinic) -> None:
    ask(clinic, 3)
    workspace = tomorrow(clinic)
    ship_audit.run(clinic.use_case, None, workspace)
    ask(clinic, 2)
    ship_audit.run(clinic.use_case, None, workspace)
    before = shipped(workspace)
    assert len(before) == (5 + 2) + (5 + 1)
    shutil.rmtree(clinic.settings.home / "audit")
    assert ship_audit.run(clinic.use_case, None, workspace) == []
    for night in {row["night"] for row in before}:
        ship_audit.run(clinic.use_case, one(night), workspace)
    assert shipped(workspace) == before


def test_an_answer_is_made_again_from_the_table_as_from_its_line(clinic: Clinic, capsys: pytest.CaptureFixture[str]) -> None:
    ids = ask(clinic, 3)
    workspace = tomorrow(clinic)
    from_lines = [explained(workspace, clinic.use_case, decision) for decision in ids]
    ship_audit.run(clinic.use_case, None, workspace)
    shutil.rmtree(clinic.settings.home / "audit")
    from_table = [explained(workspace, clinic.use_case, decision) for decision in ids]
    assert all(of["is_rebuilt_to_the_last_bit"] for of in from_table)
    assert orjson.dumps(from_table, option=orjson.OPT_SORT_KEYS) == orjson.dumps(from_lines, option=orjson.OPT_SORT_KEYS)
    with pytest.raises(UnknownDecision, match="in the lake when its night is shipped"):
        stored_answer(workspace, f"{ids[0][:-1]}{'0' if ids[0][-1] != '0' else '1'}", ["clinic_visits"])
    with pytest.raises(UnknownDecision):
        stored_answer(workspace, "20240231-0123456789abcdef", ["clinic_visits"])


def test_the_command_ships_and_finds_the_answer_there(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NIGHTLOOP_HOME", str(clinic.settings.home))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(clinic.settings.definitions))
    (decision, *_) = ask(clinic, 1)
    (segment,) = (clinic.settings.home / "audit").rglob("*.jsonl")
    line = json.loads(segment.read_bytes())
    earlier = clinic.settings.home / "audit" / "2024-01-07"
    earlier.mkdir()
    moved = {**line, "id": "20240107-0123456789abcdef", "recorded_at": "2024-01-07T12:00:00+00:00"}
    (earlier / "1-1.jsonl").write_bytes(orjson.dumps(moved) + b"\n")
    assert main(["ship-audit", "clinic_visits", "2024-01-07", "--json"]) == 0
    published = json.loads(capsys.readouterr().out)
    assert (published["table"], published["night"], published["rows"], published["from_lines"]) == (TABLE, "2024-01-07", 5, 5)
    assert main(["ship-audit"]) == 0 and main(["ship-audit"]) == 0
    assert "nothing to ship" in capsys.readouterr().out
    shutil.rmtree(clinic.settings.home / "audit")
    assert main(["explain-decision", "20240107-0123456789abcdef"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("equal to the last bit")
    assert main(["ship-audit", "clinic_visits", f"{datetime.now(UTC):%Y-%m-%d}"]) == 2
    assert "is not over" in capsys.readouterr().err
    assert decision != moved["id"]


@pytest.fixture
def template(clinic: Clinic) -> Mapping[str, Any]:
    """A line of one row."""
    with ready(clinic, audit="refuse") as client:
        client.post(URL, json=clinic.rows(NIGHTS.last)[0])
    (line,) = lines(clinic.settings.home)
    shutil.rmtree(clinic.settings.home / "audit")
    return line


def write(home: Path, day: str, segment: str, *written: Mapping[str, Any] | bytes) -> Path:
    folder = home / "audit" / day
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{segment}.jsonl"
    with path.open("ab") as file:
        for line in written:
            file.write(line if isinstance(line, bytes) else orjson.dumps(line) + b"\n")
    return path


def at(template: Mapping[str, Any], number: int, recorded_at: str) -> dict[str, Any]:
    return {**template, "id": f"{recorded_at[:10].replace('-', '')}-{number:016x}", "recorded_at": recorded_at}


@pytest.mark.parametrize(("zone", "numbers"), [("UTC", {2, 3, 4}), ("Asia/Tokyo", {1, 2}), ("America/New_York", {4, 5})])
def test_a_night_is_the_day_of_its_time_zone(clinic: Clinic, template: Mapping[str, Any], zone: str, numbers: set[int]) -> None:
    home, use_case = clinic.settings.home, clinic.use_case.model_copy(update={"time_zone": zone})
    instants = {
        1: "2024-01-06T23:59:59.999999+00:00", 2: "2024-01-07T00:00:00+00:00", 3: "2024-01-07T04:59:59+00:00",
        4: "2024-01-07T23:59:59.999999+00:00", 5: "2024-01-08T04:59:59.999999+00:00", 6: "2024-01-08T05:00:00+00:00",
    }  # fmt: skip
    if zone == "Asia/Tokyo":
        instants |= {0: "2024-01-06T14:59:59+00:00", 3: "2024-01-07T15:00:00+00:00"}
    if zone == "America/New_York":
        instants |= {3: "2024-01-07T04:59:59.999999+00:00"}
    for number, instant in instants.items():
        written = "2024-01-08" if number == 4 else instant[:10]  # one is on the disk only after midnight
        write(home, written, f"{number}-1", at(template, number, instant), {**at(template, 99, instant), "use_case": "others"})
    (published,) = ship_audit.run(use_case, one(NIGHT), when(clinic, LATER))
    assert published.rows == len(numbers)
    assert {int(row["decision_id"][-16:], 16) for row in shipped(clinic.workspace)} == numbers
    for number in numbers:
        assert stored_answer(clinic.workspace, at(template, number, instants[number])["id"], [])["id"]
        line = shipped_line(clinic.workspace.lake, "clinic_visits", at(template, number, instants[number])["id"])
        assert line is not None and datetime.fromisoformat(line["recorded_at"]) == datetime.fromisoformat(instants[number])


def test_a_night_is_shipped_when_it_is_over_and_not_before(clinic: Clinic, template: Mapping[str, Any]) -> None:
    write(clinic.settings.home, "2024-01-07", "1-1", at(template, 1, "2024-01-07T12:00:00+00:00"))
    end = datetime(2024, 1, 8, tzinfo=UTC)
    early = when(clinic, end - timedelta(microseconds=1))
    with pytest.raises(BadNight, match="is not over"):
        ship_audit.run(clinic.use_case, one(NIGHT), early)
    assert NIGHT not in {of.night for of in ship_audit.run(clinic.use_case, None, early)}
    assert NIGHT in {of.night for of in ship_audit.run(clinic.use_case, None, when(clinic, end))}


def test_the_torn_end_of_a_killed_service_is_no_line_and_a_broken_line_ships_nothing(
    clinic: Clinic, template: Mapping[str, Any]
) -> None:
    home, line = clinic.settings.home, at(template, 1, "2024-01-07T12:00:00+00:00")
    write(home, "2024-01-07", "1-1", line, orjson.dumps(at(template, 2, "2024-01-07T12:00:00+00:00"))[:-20])
    (published,) = ship_audit.run(clinic.use_case, one(NIGHT), when(clinic, LATER))
    assert (published.rows, published.details["torn"]) == (1, 1)
    broken = write(home, "2024-01-07", "2-1", line, orjson.dumps(line)[:-20] + b"\n")
    with pytest.raises(StoreDamaged, match="line 2 is no JSON") as damaged:
        ship_audit.run(clinic.use_case, one(NIGHT), when(clinic, LATER))
    assert damaged.value.where == str(broken)
    broken.write_bytes(orjson.dumps({**at(template, 3, "2024-01-07T12:00:00+00:00"), "features": []}) + b"\n")
    with pytest.raises(StoreDamaged, match="the line of decision 20240107-0000000000000003 cannot be read"):
        ship_audit.run(clinic.use_case, one(NIGHT), when(clinic, LATER))
    assert len(shipped(clinic.workspace)) == 1


def test_services_with_disks_of_their_own_ship_into_one_night(
    clinic: Clinic, template: Mapping[str, Any], tmp_path: Path
) -> None:
    write(clinic.settings.home, "2024-01-07", "1-1", at(template, 1, "2024-01-07T12:00:00+00:00"))
    write(tmp_path / "other", "2024-01-07", "2-1", at(template, 2, "2024-01-07T12:00:00+00:00"))
    write(tmp_path / "other", "2024-01-07", "3-1", at(template, 1, "2024-01-07T12:00:00+00:00"))
    here = when(clinic, LATER)
    there = replace(here, settings=here.settings.model_copy(update={"home": tmp_path / "other"}))
    for workspace in (here, there, here):
        ship_audit.run(clinic.use_case, None, workspace)
    assert sorted(row["decision_id"][-1] for row in shipped(here)) == ["1", "2"]
    assert not {of.night for of in ship_audit.run(clinic.use_case, None, there)}
