"""What the sensor's task does with each outcome of a wait, with files that the test describes and a clock it sets."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from nightloop.definitions.connectors import FilesConnector
from nightloop.errors import BadNight, DefinitionError, EmptyNight, SourceUnavailable
from nightloop.sources.files import Listing
from plugins import file_sensor
from plugins.file_sensor import GRACE, FilesSensor, FilesTrigger, folder_of, sources_with_deadline
from tests.plugins.stops import stops_with

NIGHT = date(2024, 3, 9)
DEADLINE = datetime(2024, 3, 10, 2, 30, tzinfo=UTC)  # 03:30 in Berlin
CONNECTOR = FilesConnector(kind="files", pattern="in/{night}.csv", arrives_by="03:30")
OLD = datetime(2024, 3, 10, 0, 0, tzinfo=UTC)
FILES = (("in/a.csv", 5), ("in/b.csv", 7))


def listing(*files: tuple[str, int], written_at: datetime | None = OLD, awaited: str | None = None) -> Listing:
    return Listing("in/2024-03-09.csv", files, written_at if files else None, awaited, awaited is not None)


class Place:
    """Stands for the folder: gives one listing after the other, the last one again and again."""

    def __init__(self, *listings: Listing | Exception) -> None:
        self.listings = list(listings)
        self.nights: list[date] = []
        self.opened: list[tuple[FilesConnector, str]] = []

    def open(self, connector: FilesConnector, base: str) -> Place:
        self.opened.append((connector, base))
        return self

    def listing(self, night: date) -> Listing:
        self.nights.append(night)
        shown = self.listings.pop(0) if len(self.listings) > 1 else self.listings[0]
        if isinstance(shown, Exception):
            raise shown
        return shown


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(listing())
    monkeypatch.setattr(file_sensor, "folder_of", place.open)
    return place


def installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, connector: Any = CONNECTOR, may_be_empty: bool = False
) -> None:
    source = SimpleNamespace(connector=connector, may_be_empty=may_be_empty)
    use_case = SimpleNamespace(use_case="shop", time_zone="Europe/Berlin", sources={"orders": source})
    workspace = SimpleNamespace(settings=SimpleNamespace(definitions=tmp_path / "feature_defs"))
    monkeypatch.setattr(file_sensor, "open_use_case", lambda name: (use_case, workspace))


def at(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return now

    monkeypatch.setattr(file_sensor, "datetime", Clock)


def sensor(**changes: Any) -> FilesSensor:
    return FilesSensor(task_id="wait_for_orders", use_case_name="shop", source="orders", **changes)


def context(key: str | None = "2024-03-09") -> Any:
    return {"dag_run": SimpleNamespace(partition_key=key)}


BEFORE = DEADLINE - timedelta(hours=1)


def test_files_that_are_whole_are_returned_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place) -> None:
    installed(monkeypatch, tmp_path)
    at(monkeypatch, BEFORE)
    place.listings = [listing(*FILES)]
    assert sensor().execute(context()) == ["in/a.csv", "in/b.csv"]
    assert place.nights == [NIGHT]
    assert place.opened == [(CONNECTOR, str(tmp_path))], "relative patterns start beside the folder of definitions"


def test_while_they_are_not_there_the_task_leaves_its_worker_until_the_deadline_and_a_grace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place
) -> None:
    installed(monkeypatch, tmp_path)
    at(monkeypatch, BEFORE)
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(context())
    assert deferred.value.timeout == timedelta(hours=1) + GRACE == timedelta(hours=1, minutes=10)
    assert (deferred.value.method_name, deferred.value.kwargs) == ("resume", {"since": BEFORE.isoformat()})
    assert deferred.value.trigger.serialize() == (
        "plugins.file_sensor.FilesTrigger",
        {
            "connector": CONNECTOR.model_dump(mode="json"),
            "base": str(tmp_path),
            "night": "2024-03-09",
            "until": "2024-03-10T03:30:00+01:00",
        },
    )


def test_files_seen_once_and_just_written_are_compared_even_after_the_deadline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place
) -> None:
    installed(monkeypatch, tmp_path)
    at(monkeypatch, DEADLINE + timedelta(hours=2))
    place.listings = [listing(*FILES, written_at=DEADLINE + timedelta(hours=2))]
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(context())
    assert deferred.value.timeout == GRACE


@pytest.mark.parametrize("seconds", [0, 1])
def test_from_the_deadline_on_a_night_without_files_fails_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place, seconds: int
) -> None:
    installed(monkeypatch, tmp_path)
    at(monkeypatch, DEADLINE + timedelta(seconds=seconds))
    with stops_with(EmptyNight, match="no file is there"):
        sensor().execute(context())


def test_a_source_that_may_be_empty_goes_on_without_its_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    installed(monkeypatch, tmp_path, may_be_empty=True)
    at(monkeypatch, DEADLINE)
    assert sensor().execute(context()) == []


def test_a_source_that_may_be_empty_still_fails_on_half_a_delivery(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place
) -> None:
    installed(monkeypatch, tmp_path, may_be_empty=True)
    at(monkeypatch, DEADLINE)
    place.listings = [listing(*FILES, awaited="in/done")]
    with stops_with(EmptyNight, match="in/done is not"):
        sensor().execute(context())


def test_after_the_wait_the_files_are_listed_again_and_returned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place
) -> None:
    installed(monkeypatch, tmp_path)
    place.listings = [listing(*FILES)]
    assert sensor().resume(context(), {"outcome": "arrived"}, BEFORE.isoformat()) == ["in/a.csv", "in/b.csv"]


def test_a_wait_that_ended_late_fails_with_when_it_began(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place) -> None:
    installed(monkeypatch, tmp_path)
    with stops_with(EmptyNight) as late:
        sensor().resume(context(), {"outcome": "late"}, BEFORE.isoformat())
    assert "orders" in str(late.value) and "2024-03-09" in str(late.value)


def test_what_kept_the_trigger_from_looking_is_raised_by_the_task(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place
) -> None:
    installed(monkeypatch, tmp_path)
    place.listings = [SourceUnavailable("the bucket does not answer.")]
    with stops_with(SourceUnavailable):
        sensor().resume(context(), {"outcome": "late"}, BEFORE.isoformat())


@pytest.mark.parametrize(
    "connector", [FilesConnector(kind="files", pattern="in/{night}.csv"), SimpleNamespace(arrives_by="03:30")]
)
def test_a_source_that_declares_no_time_any_more_is_a_mistake_of_the_definition(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, connector: Any
) -> None:
    installed(monkeypatch, tmp_path, connector=connector)
    with stops_with(DefinitionError, match="shop: source 'orders' declares no arrives_by any more"):
        sensor().execute(context())


def test_a_run_without_a_night_waits_for_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: Place) -> None:
    installed(monkeypatch, tmp_path)
    with stops_with(BadNight):
        sensor().execute(context(None))
    assert place.nights == []


def trigger(until: datetime, pattern: str = "in/{night}.csv") -> FilesTrigger:
    connector = CONNECTOR.model_copy(update={"pattern": pattern}).model_dump(mode="json")
    return FilesTrigger(connector=connector, base="/data", night=str(NIGHT), until=until.isoformat())


def run(waits: FilesTrigger, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], list[float]]:
    """Run a trigger whose pauses take no time; return its events and the pauses."""
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    async def events() -> list[Any]:
        return [event.payload async for event in waits.run()]

    monkeypatch.setattr(file_sensor.asyncio, "sleep", pause)
    return asyncio.run(events()), pauses


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(("pattern", "pause"), [("in/{night}.csv", 5.0), ("s3://bucket/{night}.csv", 20.0)])
def test_the_trigger_looks_every_five_seconds_and_every_twenty_at_a_bucket(
    monkeypatch: pytest.MonkeyPatch, place: Place, pattern: str, pause: float
) -> None:
    now = datetime.now(UTC)
    place.listings = [listing(), listing(*FILES, written_at=now), listing(*FILES, written_at=now)]
    events, pauses = run(trigger(now + HOUR, pattern), monkeypatch)
    assert events == [{"outcome": "arrived"}]
    assert pauses == [pause, pause]
    assert place.nights == [NIGHT] * 3
    ((connector, base),) = place.opened
    assert (connector.pattern, base) == (pattern, "/data")


def test_files_that_still_grow_are_waited_for(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    now = datetime.now(UTC)
    growing = [listing(("in/a.csv", size), written_at=now) for size in (1, 2, 3, 3)]
    place.listings = list(growing)
    events, pauses = run(trigger(now + HOUR), monkeypatch)
    assert (events, len(pauses)) == ([{"outcome": "arrived"}], 3)


def test_past_the_deadline_the_trigger_ends_late(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    assert run(trigger(datetime.now(UTC) - HOUR), monkeypatch) == ([{"outcome": "late"}], [])


def test_an_error_is_waited_out_until_the_deadline(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    place.listings = [SourceUnavailable("away."), listing(*FILES)]
    assert run(trigger(datetime.now(UTC) + HOUR), monkeypatch) == ([{"outcome": "arrived"}], [5.0])
    place.listings = [SourceUnavailable("away.")]
    assert run(trigger(datetime.now(UTC) - HOUR), monkeypatch) == ([{"outcome": "late"}], [])


def test_what_is_no_error_of_ours_ends_the_trigger(monkeypatch: pytest.MonkeyPatch, place: Place) -> None:
    place.listings = [RuntimeError("a bug")]
    with pytest.raises(RuntimeError, match="a bug"):
        run(trigger(datetime.now(UTC) + HOUR), monkeypatch)


def test_only_sources_that_declare_a_time_are_waited_for_in_the_order_of_the_file() -> None:
    without = FilesConnector(kind="files", pattern="x.csv")
    sources = {"b": CONNECTOR, "n": without, "a": CONNECTOR, "db": SimpleNamespace()}
    use_case: Any = SimpleNamespace(sources={name: SimpleNamespace(connector=item) for name, item in sources.items()})
    assert sources_with_deadline(use_case) == ["b", "a"]


def test_a_folder_is_opened_at_its_base(tmp_path: Path) -> None:
    folder = folder_of(CONNECTOR, str(tmp_path))
    assert folder.origin == CONNECTOR.pattern
    assert (folder.base, folder.cache) == (tmp_path, tmp_path)
