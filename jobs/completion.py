"""Completion of the command line in bash, zsh and fish: commands, options and use cases, by argcomplete."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from nightloop.errors import NightloopError

SHELLS = ("bash", "zsh", "fish")
ASKED = "_ARGCOMPLETE"  # a shell that wants completions sets it


def run(options: argparse.Namespace) -> int:
    """Print what a shell has to read to complete the command nightloop."""
    from argcomplete.shell_integration import shellcode

    sys.stdout.write(shellcode(["nightloop"], shell=options.shell) + "\n")
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell, and end the program, where completions are asked for; else do nothing."""
    if ASKED not in os.environ:
        return
    from argcomplete import autocomplete

    _add_completers(parser)
    autocomplete(parser)


def _add_completers(parser: argparse.ArgumentParser) -> None:
    """Let every argument that is a use case be completed by those that are declared, and a night by nothing, not by files."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _add_completers(command)
        elif str(action.metavar) in COMPLETERS and not action.option_strings:
            action.completer = COMPLETERS[str(action.metavar)]  # type: ignore[attr-defined] # what argcomplete reads


def _use_cases(**_asked: object) -> list[str]:
    from nightloop.settings import load_settings

    try:
        folder: Path = load_settings().definitions
    except NightloopError:
        return []
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _no_night(**_asked: object) -> list[str]:
    return []


COMPLETERS = {"USE_CASE": _use_cases, "NIGHT": _no_night}
