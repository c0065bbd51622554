"""The command apply: what was built, a line for each partition."""

from __future__ import annotations

import argparse

from jobs.apply import apply
from jobs.console import ProgressBars, output, print_published
from nightloop.definitions import load_use_case
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run(options: argparse.Namespace) -> int:
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
