"""The command plan: what a change of the definition will do."""

from __future__ import annotations

import argparse
import json

from jobs.console import output
from jobs.plan import make_plan
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
