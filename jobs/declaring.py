"""How a command is declared, whichever room it belongs to: a help of several lines, what runs it, its JSON, and --by."""

from __future__ import annotations

import argparse
import os

Commands = argparse._SubParsersAction  # the type that argparse itself has no public name for
Parser = argparse.ArgumentParser
PARTITIONS = "print one JSON object per published partition, one a line"


def described(commands: Commands[Parser], name: str, summary: str, description: str) -> Parser:
    """Declare a command whose help shows more than a line, broken as it is written."""
    layout = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(name, help=summary, description=description, formatter_class=layout)


def runs(command: Parser, module: str, prints: str = "print one JSON object", *, function: str = "run") -> None:
    """Name the function that runs a command, which prints JSON where that is asked."""
    command.add_argument("--json", action="store_true", help=prints)
    command.set_defaults(module=module, function=function)


def by_whom(options: argparse.Namespace) -> str:
    """Return who decides, for the ledger: whom --by names, else the account."""
    return options.by or os.environ.get("USER") or f"uid {os.getuid()}"
