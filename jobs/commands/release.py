"""Let quarantined records into their night: python -m jobs release USE_CASE NIGHT --reason WHY --by WHO."""

from __future__ import annotations

import argparse

from jobs.console import output, print_published
from jobs.upkeep import release
from nightloop.definitions import load_use_case
from nightloop.nights import parse_night
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run(options: argparse.Namespace) -> int:
    """Release what passes today, or what a person accepts, and print what was published."""
    night = parse_night(options.nights)
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    request = release.ReleaseRequest(options.reason, options.by, options.source, options.rule, options.record, options.accept)
    published = release.run(use_case, night, workspace, request)
    for partition in published:
        print_published(partition, as_json=options.json)
    if not published and not options.json:
        output.print(f"no record passes today: python -m jobs quarantine {options.use_case} {night} shows what holds them")
    return 0
