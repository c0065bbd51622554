"""Write the truth about the simulated portfolio of a use case: what was injected when, and how far labels are biased."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq

from nightloop.definitions import UseCase, load_use_case
from nightloop.definitions.simulation import SimulatorConnector
from nightloop.errors import NightloopError, UsageError
from nightloop.nights import Nights, parse_nights
from nightloop.settings import load_settings
from nightloop.sources.simulator.truth import true_loans, truth
from nightloop.sources.simulator.world import World

_NIGHTS = 28  # that figures are computed over where no nights are given


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(arguments)
    try:
        use_case = load_use_case(options.use_case, load_settings().definitions)
        world, first = _world(use_case), use_case.first_night
        nights = parse_nights(options.nights) if options.nights else Nights(first, first + timedelta(days=_NIGHTS - 1))
        text = json.dumps(truth(use_case.use_case, world, nights), indent=2, ensure_ascii=False) + "\n"
        if options.out:
            options.out.write_text(text, encoding="utf-8")
        else:
            sys.stdout.write(text)
        if options.loans:
            pq.write_table(true_loans(world, nights), options.loans)
    except NightloopError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m nightloop.sources.simulator", description=__doc__)
    command = parser.add_subparsers(required=True, metavar="COMMAND").add_parser("truth", help="write the truth as JSON")
    command.add_argument("use_case", metavar="USE_CASE", help="name of a file in feature_defs/, for example credit_risk")
    command.add_argument("--nights", metavar="FIRST..LAST", help=f"nights of the figures; default: the first {_NIGHTS}")
    command.add_argument("--out", type=Path, metavar="FILE", help="where to write it; default: standard output")
    command.add_argument("--loans", type=Path, metavar="FILE.parquet", help="write the truth of each loan too")
    return parser


def _world(use_case: UseCase) -> World:
    for source in use_case.sources.values():
        if isinstance(source.connector, SimulatorConnector):
            return World(source.connector.portfolio, use_case.time_zone)
    raise UsageError(
        f"no source of '{use_case.use_case}' is simulated.", do="Name a use case with a connector of kind simulator."
    )


if __name__ == "__main__":
    sys.exit(main())
