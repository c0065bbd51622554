"""Our command line in a process of its own that has imported everything: what a command does, without the wait for imports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightloop.settings import REPOSITORY
from tests.system.killed import children


def run_command(
    words: Sequence[str], environment: Mapping[str, str], folder: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m jobs …`` in the folder, with more environment, and return its exit code and what it printed."""
    with tempfile.TemporaryDirectory() as scratch:
        printed = [Path(scratch, name) for name in ("stdout", "stderr")]
        process = children().Process(target=_command, args=(words, {**os.environ, **environment}, folder, printed))
        process.start()
        process.join()
        assert process.exitcode is not None
        return subprocess.CompletedProcess(words, process.exitcode, *(file.read_text() for file in printed))


def _command(words: Sequence[str], environment: Mapping[str, str], folder: Path, printed: Sequence[Path]) -> None:
    from jobs.commands.command_line import main

    for number, file in enumerate(printed, start=1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.exit(main(words))
