"""The room reads a use case again only when something of it changed, one that cannot be read hides none, and time is kept."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

import pytest

from jobs import ingest
from nightloop.alerts import Alert, end_trouble, raise_alert
from nightloop.control_room import room as rooms
from nightloop.control_room.room import ControlRoom
from nightloop.nights import one
from tests.control_room.conftest import DAY, LAST, NOW
from tests.jobs.changing import Things


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The use cases that were read, in turn."""
    names: list[str] = []
    summarise = rooms.summarise

    def counted(use_case: Any, *rest: Any) -> Any:
        names.append(use_case.use_case)
        return summarise(use_case, *rest)

    monkeypatch.setattr(rooms, "summarise", counted)
    return names


def copy_of(things: Things, name: str) -> None:
    """Declare another use case over a copy of the tables."""
    declared, contracts = things.folder / "feature_defs", things.folder / "great_expectations"
    (declared / f"{name}.yaml").write_text(
        (declared / "things.yaml").read_text().replace("use_case: things", f"use_case: {name}")
    )
    shutil.copytree(contracts / "things", contracts / name)
    shutil.copytree(things.settings.home / "lake" / "things", things.settings.home / "lake" / name)


def test_what_did_not_change_is_not_read_again(things: Things, read: list[str]) -> None:
    copy_of(things, "wares")
    room = ControlRoom(things.workspace)
    first = room.overview(NOW)
    assert [summary.name for summary in first.summaries] == read == ["things", "wares"]
    assert room.overview(NOW).summaries == first.summaries and len(read) == 2


def test_whatever_a_row_follows_from_has_it_read_again(things: Things, read: list[str]) -> None:
    copy_of(things, "wares")
    room = ControlRoom(things.workspace)
    changes = [
        lambda: None,
        lambda: ingest.run(things.use_case, one(LAST), things.workspace),
        lambda: things.workspace.ledger.record("alias_moved", "things", payload={"alias": 7}),
        lambda: raise_alert(
            things.workspace.ledger,
            Alert("stage_failed", "things", LAST, "score.score", "failed", "it broke", "mend it", "now"),
        ),
        lambda: things.change(lambda declared: declared.update(owner="somebody else")),
    ]
    for change in changes:
        read.clear()
        change()
        room.overview(NOW)
        assert read == (["things", "wares"] if change is changes[0] else ["things"])
    (things_now, _) = room.overview(NOW).summaries
    assert things_now.owner == "somebody else" and things_now.waits and things_now.alerts
    assert read == ["things"]
    room.overview(NOW + DAY)
    assert read == ["things", "things", "wares"], "another night is due"


@pytest.mark.parametrize(("before", "count"), [(timedelta(microseconds=1), 0), (timedelta(0), 1)])
def test_a_deadline_that_passes_has_it_read_again(things: Things, read: list[str], before: timedelta, count: int) -> None:
    things.change(lambda declared: declared.update(ready_by="04:00"))
    room = ControlRoom(things.workspace)
    room.overview(NOW)
    read.clear()
    room.overview(NOW + timedelta(hours=2) - before)
    assert len(read) == count


def test_alerts_of_no_use_case_are_there_while_they_are_open(things: Things) -> None:
    ledger, room = things.workspace.ledger, ControlRoom(things.workspace)
    raise_alert(ledger, Alert("stage_failed", "", None, "sweep.sweep", "the sweep failed", "why", "do", "today"))
    assert [stored.alert.title for stored in room.overview(NOW).alerts] == ["the sweep failed"]
    end_trouble(ledger, "", [None], "sweep.sweep")
    assert room.overview(NOW).alerts == ()


def test_a_table_that_was_removed_is_noticed(things: Things) -> None:
    room = ControlRoom(things.workspace)
    assert room.overview(NOW).summaries[0].built is not None
    shutil.rmtree(things.settings.home / "lake" / "things")
    assert room.overview(NOW).summaries[0].built is None


def test_one_that_cannot_be_read_says_so_and_hides_none(things: Things) -> None:
    copy_of(things, "wares")
    (things.folder / "feature_defs" / "broken.yaml").write_text("use_case: broken\n")
    summaries = ControlRoom(things.workspace).overview(NOW).summaries
    assert [summary.name for summary in summaries] == ["broken", "things", "wares"]
    assert "broken.yaml" in summaries[0].error and not summaries[0].cells
    assert all(summary.cells and not summary.error for summary in summaries[1:])


def test_when_time_is_up_what_is_not_read_is_named_and_the_next_look_goes_on(things: Things, read: list[str]) -> None:
    for name in ("wares", "zebras"):
        copy_of(things, name)
    room = ControlRoom(things.workspace)
    first = room.overview(NOW, seconds=-1.0)
    assert [summary.name for summary in first.summaries] == read == ["things"] and first.unread == ("wares", "zebras")
    second = room.overview(NOW, seconds=-1.0)
    assert read == ["things", "wares"] and second.unread == ("zebras",)
    assert room.overview(NOW, seconds=-1.0).unread == ()


def test_when_time_is_up_the_others_are_shown_as_they_were(things: Things, read: list[str]) -> None:
    copy_of(things, "wares")
    room = ControlRoom(things.workspace)
    before = room.overview(NOW)
    read.clear()
    overview = room.overview(NOW + DAY, seconds=-1.0)
    assert overview.unread == ("wares",) and overview.summaries[1] == before.summaries[1]
