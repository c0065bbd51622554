"""A shell completes commands, options and use cases, and the console script is the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from jobs.completion import SHELLS
from nightloop.settings import REPOSITORY

BASH = shutil.which("bash") or ""
COMPLETE = """
export PATH="$1:$PATH"
eval "$(nightloop completion bash)"
COMP_LINE="$2"; COMP_POINT=${#2}; COMP_WORDS=($2); COMP_TYPE=9; COMPREPLY=()
[ "${2: -1}" = " " ] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete nightloop
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the console script, as an installer writes it, and two use cases."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "nightloop"
    module, function = entry_point()
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n")
    script.chmod(0o755)
    for name in ("churn", "fraud"):
        (folder / f"{name}.yaml").write_text("")
    return folder


def entry_point() -> tuple[str, str]:
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, _, function = scripts["nightloop"].partition(":")
    return module, function


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "NIGHTLOOP_DEFINITIONS": str(folder)}


def completions(folder: Path, line: str) -> list[str]:
    command = [BASH, "-c", COMPLETE, "complete", str(folder), line]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(folder), check=True, timeout=60)
    return [item.strip() for item in done.stdout.splitlines() if item.strip()]


def test_the_console_script_is_the_command_line(folder: Path) -> None:
    module, function = entry_point()
    assert getattr(import_module(module), function).__module__ == "jobs.commands.command_line"
    done = subprocess.run([folder / "nightloop", "--help"], capture_output=True, text=True, env=environment(folder), check=True)
    assert done.stdout.startswith("usage: nightloop ")
    done = subprocess.run([folder / "nightloop", "score"], capture_output=True, text=True, env=environment(folder), check=False)
    assert done.returncode == 2


@pytest.mark.skipif(not BASH, reason="no bash")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("nightloop sc", ["score"]),
        ("nightloop champion ro", ["rollback"]),
        ("nightloop try x.csv --lab", ["--label"]),
        ("nightloop score ch", ["churn"]),
        ("nightloop status f", ["fraud"]),
        ("nightloop zzz", []),
    ],
)
def test_bash_completes(folder: Path, line: str, expected: list[str]) -> None:
    assert completions(folder, line) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_its_text(folder: Path, shell: str) -> None:
    command = [folder / "nightloop", "completion", shell]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(folder), check=True)
    assert "nightloop" in done.stdout and len(done.stdout.splitlines()) > 5


def test_settings_that_are_wrong_complete_no_use_case(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTLOOP_PORT_OFFSET", "many")
    assert completions(folder, "nightloop score ch") == []
