"""Parse a command and run it; print its error as a line or JSON, and return an exit code a scheduler can read."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.commands.declarations import add_commands
from jobs.commands.stages import STAGES, Option, Stage, stage_named
from jobs.completion import complete
from jobs.console import ProgressBars, errors, output, print_error, print_published
from nightloop import __version__
from nightloop.errors import GateFailed, NightloopError
from nightloop.nights import Nights, parse_nights

if TYPE_CHECKING:
    from nightloop.definitions import UseCase
    from nightloop.workspace import Workspace

EPILOG = """exit codes:
  0 done
  2 wrong argument or setting         3 mistake in a definition or contract
  4 source unreadable or empty        5 contract broken
  6 no champion                       7 training refused
  8 gate failed                       9 set-up (port, Java, program)
  10 stored data damaged
  75 to 80 try again later:
  76 an earlier night is missing      77 Spark does not answer
  78 a store does not answer          79 writers collided
  80 a source does not answer

examples:
  python -m jobs ingest flight_delay 2013-01-01..2013-03-31
  python -m jobs score flight_delay 2013-04-01 --json
  python -m jobs status flight_delay
  python -m jobs try data/churn.csv --label churned
  python -m jobs new churn --from data/churn.csv
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    every_command = parser()
    complete(every_command)
    options = every_command.parse_args(arguments)
    if getattr(options, "engine", None):
        os.environ["NIGHTLOOP_ENGINE"] = options.engine
    try:
        return _run_stage(options) if options.stage else _run_command(options)
    except NightloopError as error:
        _print_error(error, as_json=getattr(options, "json", False))
        return error.exit_code
    except KeyboardInterrupt:
        errors.print("stopped; what was published stays, run the same command again to go on")
        return 130


def parser() -> argparse.ArgumentParser:
    """Build the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog=_called(),
        description="Nightloop's stages and what goes with them. Every stage is a function of a\n"
        "use case and a night: run it again, in any order, and the same content is\npublished.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nightloop {__version__}")
    parser.set_defaults(stage=None, function="run")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for stage in STAGES:
        _add_stage(commands, stage)
    add_commands(commands)
    return parser


def _called() -> str:
    """Return what the person typed: the console script, or the module."""
    return "nightloop" if Path(sys.argv[0]).stem == "nightloop" else "python -m jobs"


def _add_stage(commands: argparse._SubParsersAction[argparse.ArgumentParser], stage: Stage) -> None:
    command = commands.add_parser(stage.name, help=stage.summary, description=stage.description)
    command.add_argument("use_case", metavar="USE_CASE", help="name of a file in feature_defs/, for example flight_delay")
    command.add_argument("nights", metavar="NIGHT", help="a night YYYY-MM-DD, or a range FIRST..LAST (both included)")
    for option in stage.options:
        _add_option(command, option)
    command.add_argument(
        "--engine", choices=("spark", "local", "auto"), help="engine over the use case's choice (NIGHTLOOP_ENGINE)"
    )
    command.add_argument("--json", action="store_true", help="print one JSON object per published partition, one a line")
    command.set_defaults(stage=stage.name)


def _add_option(command: argparse.ArgumentParser, option: Option) -> None:
    flag = f"--{option.name.replace('_', '-')}"
    if option.is_flag:
        command.add_argument(flag, dest=option.name, action="store_true", help=option.help)
    else:
        command.add_argument(flag, dest=option.name, choices=option.choices, default=option.default, help=option.help)


def _run_stage(options: argparse.Namespace) -> int:
    from nightloop.definitions import load_use_case
    from nightloop.settings import load_settings
    from nightloop.workspace import Workspace

    stage = stage_named(options.stage)
    nights = parse_nights(options.nights)
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    stage_options = {option.name: getattr(options, option.name) for option in stage.options}
    try:
        with ProgressBars(in_turn=True) as progress:
            published = stage.load()(use_case, nights, workspace, progress=progress, **stage_options)
    except GateFailed:
        _print_ending(options, use_case, nights, workspace)
        raise
    _end_trouble(workspace, use_case.use_case, nights, stage)
    for partition in published:
        print_published(partition, as_json=options.json)
    _print_ending(options, use_case, nights, workspace)
    return 0


def _print_ending(options: argparse.Namespace, use_case: UseCase, nights: Nights, workspace: Workspace) -> None:
    """Print what people want to know beside what was published."""
    if not options.json:
        from jobs.endings import ending

        for line in ending(options.stage, use_case, nights, workspace):
            output.print(line, markup=False)


def _end_trouble(workspace: Workspace, use_case_name: str, nights: Nights, stage: Stage) -> None:
    """Note that what a task failed at was done by hand. Without a ledger nothing has failed yet, and it is dear to import."""
    place = workspace.settings.ledger_url.removeprefix("sqlite:///")
    if place == workspace.settings.ledger_url or Path(place).exists():
        from nightloop.alerts import end_trouble

        end_trouble(workspace.ledger, use_case_name, nights, stage.name)


def _run_command(options: argparse.Namespace) -> int:
    """Import the command's module, and only then what it needs, and run it."""
    code: int = getattr(importlib.import_module(options.module), options.function)(options)
    return code


def _print_error(error: NightloopError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.as_json()), file=sys.stderr)  # noqa: T201 - the command's answer
    else:
        print_error(type(error).__name__, str(error))
