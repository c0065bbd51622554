"""Every command in the README works, and its table of folders has them all."""

from __future__ import annotations

import re
import shlex
from datetime import date
from pathlib import Path

import pytest

from jobs import monitor
from jobs.commands.command_line import main
from jobs.embedded.backfill import backfill_arguments
from jobs.embedded.demo_steps import NIGHTS
from nightloop.definitions.use_case import UseCase
from nightloop.errors import TrainingRefused
from nightloop.nights import one
from nightloop.settings import REPOSITORY
from nightloop.workspace import Workspace
from tests.commands_in_children import run_command
from tests.house.claims import tracked
from tests.jobs.tour.kinds import Kind, base, binary

README = (REPOSITORY / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.S)
COMMANDS = [line[2:] for block in BLOCKS for line in block.splitlines() if line.startswith("$ ")]
AS_IN_THE_TESTS = {"2013-04-14": "2013-03-05", "2013-04-15": "2013-03-06"}


def shift(word: str) -> str:
    """Put the nights of the tests' home in place of those the README names."""
    for shown, used in AS_IN_THE_TESTS.items():
        word = word.replace(shown, used)
    return word


def test_every_command_is_of_a_kind_that_is_tested_here() -> None:
    kinds = ("make ", "python -m jobs ", "nightloop try ", "source .venv/bin/activate")
    assert COMMANDS
    assert [command for command in COMMANDS if not command.startswith(kinds)] == []


def test_the_tour_takes_the_arguments_shown_and_ends_with_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file so short that nothing is trained; tests/jobs/tour takes whole ones."""
    (command,) = [command for command in COMMANDS if command.startswith("nightloop ")]
    columns = base(1, 3, 8)
    Kind({"churn.csv": {**columns, "churned": binary(columns, 1)}}).write(tmp_path)
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path / "home"))
    words = [word.replace("data/churn.csv", str(tmp_path / "churn.csv")) for word in shlex.split(command)[1:]]
    assert main(words) == TrainingRefused.exit_code
    assert (tmp_path / "home" / "try" / "churn" / "index.html").exists()


@pytest.mark.slow
def test_every_stage_command_works_on_a_home_with_a_champion(turned: Workspace, flight_delay: UseCase) -> None:
    monitor.run(flight_delay, one(date(2013, 3, 5)), turned)
    environment = {"NIGHTLOOP_HOME": str(turned.settings.home), "NIGHTLOOP_ENGINE": "local"}
    commands = [command for command in COMMANDS if command.startswith("python -m jobs ") and " airflow " not in command]
    assert len(commands) > 5
    for command in commands:
        words = [shift(word) for word in shlex.split(command)[3:]]
        done = run_command(words, environment)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout.strip(), command


def test_the_backfill_command_is_the_one_that_the_main_job_gives() -> None:
    (command,) = [command for command in COMMANDS if " airflow backfill " in command]
    assert shlex.split(command)[4:] == backfill_arguments("flight_delay.ingest", NIGHTS)


def test_the_airflow_command_passes_every_word_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path))
    assert main(["airflow", "backfill", "create", "--help"]) == 0
    assert main(["airflow", "no-such-command"]) != 0


def test_every_top_folder_has_its_row() -> None:
    folders = {path.split("/")[0] + "/" for path in tracked() if "/" in path and not path.startswith(".")}
    assert set(re.findall(r"^\| `(\w+/)` \|", README, re.M)) == folders
