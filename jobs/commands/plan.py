"""The commands plan and apply: what a change of the definition will do, and what was built for it."""

from __future__ import annotations

import argparse
import json

from jobs.console import ProgressBars, output, print_published
from jobs.upkeep.apply import apply
from jobs.upkeep.plan import make_plan
from nightloop.definitions import load_use_case
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run(options: argparse.Namespace) -> int:
    """Print the plan, and return its exit code."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    plan = make_plan(use_case, workspace, options.against)
    if options.json:
        print(json.dumps(plan.as_json(), ensure_ascii=False))  # noqa: T201 - the command's answer
    else:
        for line in plan.lines():
            output.print(line, markup=False)
    return plan.exit_code


def run_apply(options: argparse.Namespace) -> int:
    """Build, and print a line (or one JSON object) for each partition."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    with ProgressBars(in_turn=True) as progress:
        published = apply(use_case, workspace, at_most=options.at_most, progress=progress)
    for partition in published:
        print_published(partition, as_json=options.json)
    if not published and not options.json:
        output.print(f"{use_case.use_case}: every night is of today's definition")
    return 0
