"""The commands keep-up and skip: what nights lack and what came of them, and nights that are given up."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator

from jobs.console import ProgressBars, output, print_error, print_published
from jobs.upkeep.keep_up import Outcome, keep_up
from jobs.upkeep.skip import skip
from nightloop.definitions import UseCase, load_use_case, use_case_names
from nightloop.errors import UsageError, command
from nightloop.lake.missing import in_words
from nightloop.nights import parse_night
from nightloop.settings import load_settings
from nightloop.upkeep.owed import Owing, owing, waits_for
from nightloop.workspace import Workspace


def run(options: argparse.Namespace) -> int:
    """Keep one use case up, or all that are declared, and print what was owed and what came of it."""
    if options.at_most < 1:
        raise UsageError(f"--at-most {options.at_most} does nothing.", do="Give a number of nights from 1 on.")
    workspace = Workspace.open(load_settings())
    folder = workspace.settings.definitions
    names = [options.use_case] if options.use_case else use_case_names(folder)
    codes = [_keep_up(load_use_case(name, folder), workspace, options) for name in names]
    return next((code for code in codes if code), 0)


def _keep_up(use_case: UseCase, workspace: Workspace, options: argparse.Namespace) -> int:
    if options.dry_run:
        owed = owing(use_case, workspace, workspace.clock())
        outcomes: list[Outcome] = []
    else:
        with ProgressBars(in_turn=True) as progress:
            owed, outcomes = keep_up(use_case, workspace, at_most=options.at_most, progress=progress)
    if options.json:
        print(json.dumps(_as_json(use_case, owed, outcomes), default=str))  # noqa: T201 - the command's answer
    else:
        _print(use_case, owed, outcomes)
    return next((outcome.error.exit_code for outcome in outcomes if outcome.error), 0)


def _print(use_case: UseCase, owed: Owing, outcomes: list[Outcome]) -> None:
    for line in lines(use_case, owed):
        output.print(line, markup=False)
    for outcome in outcomes:
        for partition in outcome.published:
            print_published(partition, as_json=False)
        if outcome.error:
            print_error(type(outcome.error).__name__, f"{outcome.item.night}: {outcome.error}")


def lines(use_case: UseCase, owed: Owing) -> Iterator[str]:
    """Say what is owed, and what is stale for a person to decide about."""
    count = len(owed.owed)
    yield f"{use_case.use_case}: {f'{count} nights lack something' if count else 'nothing is owed'}"
    for item in owed.owed:
        earlier = waits_for(use_case, item, owed.owed)
        yield f"  {item}" + (f" (after {earlier})" if earlier else "")
    if owed.stale:
        night = min(owed.stale)
        yield f"  stale, and scored already: {in_words(list(owed.stale))}, {night} for {owed.stale[night]}"
        yield f"  to build one anew all the same: {command('features', use_case.use_case, night)}"


def _as_json(use_case: UseCase, owed: Owing, outcomes: list[Outcome]) -> dict[str, object]:
    return {
        "use_case": use_case.use_case,
        "owed": [{"stage": item.stage, "night": item.night, "why": item.why} for item in owed.owed],
        "stale": {str(night): why for night, why in owed.stale.items()},
        "done": [
            {
                "night": outcome.item.night,
                "published": [partition.as_json() for partition in outcome.published],
                "error": None if outcome.error is None else str(outcome.error),
            }
            for outcome in outcomes
        ],
    }


def run_skip(options: argparse.Namespace) -> int:
    """Give a night up, and print what was published as empty."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    for partition in skip(use_case, parse_night(options.night), workspace, reason=options.reason, by=options.by):
        print_published(partition, as_json=options.json)
    return 0
