"""What runs in the triggerer while a night's files are waited for."""

from __future__ import annotations

import asyncio
import importlib
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nightloop.definitions.connectors import FilesConnector
from plugins import file_sensor as arrivals
from plugins.file_sensor import FilesTrigger
from tests.fixtures_s3 import KEYS

NIGHT = date(2024, 3, 9)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "SECONDS_BETWEEN_LOOKS", 0.05)
    monkeypatch.setattr(arrivals, "SECONDS_BETWEEN_LOOKS_AT_S3", 0.05)


def trigger(base: Path, pattern: str, seconds: float) -> FilesTrigger:
    connector = FilesConnector(kind="files", pattern=pattern, arrives_by="03:30").model_dump(mode="json")
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return FilesTrigger(connector=connector, base=str(base), night=str(NIGHT), until=until.isoformat())


async def fired(waits: FilesTrigger) -> Any:
    return [event.payload async for event in waits.run()]


async def fired_after(waits: FilesTrigger, *steps: Any) -> Any:
    """Run the trigger, do the steps one after the other meanwhile, and return its events."""
    running = asyncio.create_task(fired(waits))
    for step in steps:
        await asyncio.sleep(0.15)
        assert not running.done()
        step()
    return await asyncio.wait_for(running, 10)


def test_the_trigger_fires_once_the_file_is_there_and_has_stopped_growing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    file = tmp_path / f"in/{NIGHT}.csv"
    waits = trigger(tmp_path, "in/{night}.csv", 60)
    events = asyncio.run(fired_after(waits, lambda: file.write_text("x\n" * 100)))
    assert events == [{"outcome": "arrived"}]


def test_the_trigger_fires_at_the_deadline_when_nothing_comes(tmp_path: Path) -> None:
    start = time.monotonic()
    assert asyncio.run(fired(trigger(tmp_path, "in/{night}.csv", 0.4))) == [{"outcome": "late"}]
    assert 0.4 <= time.monotonic() - start < 8


def test_another_process_builds_the_same_trigger_from_what_was_kept(tmp_path: Path) -> None:
    from airflow.serialization.serialized_objects import BaseSerialization

    path, given = trigger(tmp_path, "in/{night}.csv", 60).serialize()
    kept = BaseSerialization.deserialize(BaseSerialization.serialize(given))
    assert path == "plugins.file_sensor.FilesTrigger"
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name)(**kept).serialize() == (path, given)


def test_looking_never_blocks_the_other_waits_of_the_triggerer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = arrivals.folder_of

    def slow(*arguments: Any) -> Any:
        time.sleep(0.5)
        return real(*arguments)

    monkeypatch.setattr(arrivals, "folder_of", slow)

    async def beats() -> int:
        running = asyncio.create_task(fired(trigger(tmp_path, "in/{night}.csv", 0.6)))
        count = 0
        while not running.done():
            await asyncio.sleep(0.02)
            count += 1
        return count

    assert asyncio.run(beats()) > 15


def test_a_file_in_a_bucket_is_waited_for_too_and_a_store_that_does_not_answer_is_asked_again(
    s3_lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    bucket = s3_lake.removeprefix("s3://").partition("/")[0]
    client = boto3.client("s3", region_name=KEYS["AWS_REGION"])
    waits = trigger(tmp_path, f"s3://{bucket}/in/{{night}}.csv", 60)
    put = {"Bucket": bucket, "Key": f"in/{NIGHT}.csv", "Body": b"x\n1\n"}
    assert asyncio.run(fired_after(waits, lambda: client.put_object(**put))) == [{"outcome": "arrived"}]

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert asyncio.run(fired(trigger(tmp_path, f"s3://{bucket}/in/{{night}}.csv", 0.3))) == [{"outcome": "late"}]
