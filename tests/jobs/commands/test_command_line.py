"""The command line says what it can do, and ends with a code a scheduler can read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.commands.command_line import main
from jobs.commands.stages import STAGES
from nightloop.settings import REPOSITORY


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NIGHTLOOP_HOME": str(home), "NIGHTLOOP_ENGINE": "local", "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "jobs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home, check=False)


@pytest.mark.parametrize(
    "command",
    [
        *(stage.name for stage in STAGES),
        "status",
        "new",
        "check",
        "docs",
        "quarantine",
        "release",
        "contracts",
        "verify",
        "ledger",
        "sweep",
        "compact",
        "loop",
        "ui",
    ],
)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "usage: python -m jobs" in told
    stage = next((stage for stage in STAGES if stage.name == command), None)
    for option in stage.options if stage else ():
        assert f"--{option.name.replace('_', '-')}" in told


def test_every_stage_has_a_module_of_its_name() -> None:
    assert [stage.name for stage in STAGES if not (REPOSITORY / "jobs" / f"{stage.name}.py").exists()] == []


def test_an_unknown_use_case_ends_in_one_message_that_names_the_near_ones(tmp_path: Path) -> None:
    done = run(tmp_path, "ingest", "flight_delays", "2013-01-01")
    assert done.returncode == 2
    assert "flight_delays" in done.stderr and "flight_delay" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_night_is_told_as_json_when_json_is_asked_for(tmp_path: Path) -> None:
    done = run(tmp_path, "score", "flight_delay", "2013-13-01", "--json")
    assert done.returncode == 2
    assert json.loads(done.stderr)["error"] == "BadNight"
    assert done.stdout == ""


def test_a_stage_prints_one_json_object_a_partition(tmp_path: Path) -> None:
    done = run(tmp_path, "ingest", "flight_delay", "2013-01-01", "--json")
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert {item["table"] for item in told} >= {"flight_delay/raw_schedule", "flight_delay/raw_outcomes"}
    for item in told:
        assert {"use_case", "night", "stage", "table", "table_version", "rows", "content_digest"} <= item.keys()


def test_status_of_an_empty_home_says_what_to_do(tmp_path: Path) -> None:
    done = run(tmp_path, "status", "flight_delay")
    assert done.returncode == 0, done.stderr
    assert "none yet" in done.stdout


def test_check_finds_no_mistake_in_what_we_ship(tmp_path: Path) -> None:
    done = run(tmp_path, "check")
    assert done.returncode == 0, done.stderr
    assert "flight_delay" in done.stdout
