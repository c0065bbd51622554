"""Show what exists per night: rows, champion, realised performance, verdicts, what is missing and what is stale."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from jobs.console import output
from jobs.night_status import STYLES, collect, stale_lines, table, unmatched_lines
from nightloop.definitions import load_use_case
from nightloop.errors import UsageError
from nightloop.model import champions
from nightloop.model.use_case_task import metric_set_for
from nightloop.nights import parse_nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run(options: argparse.Namespace) -> int:
    """Print the status of a use case, or of all.

    Raises:
        UsageError: neither a use case nor all of them is asked for, or both are.
    """
    if options.all:
        from jobs.commands.status_of_all import print_all

        if options.use_case:
            raise UsageError("--all takes no use case.", do=f"Leave out '{options.use_case}', or --all.")
        return print_all(as_json=options.json, check=options.check)
    if not options.use_case or options.check:
        raise UsageError("no use case is named.", do="Name one, or ask for all of them: python -m jobs status --all")
    nights = parse_nights(options.nights) if options.nights else None
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions)
    statuses = collect(use_case, workspace, nights)
    champion = champions.newest(workspace.ledger, use_case.use_case)
    if options.json:
        effective = asdict(champion) if champion else None
        answer = {"use_case": use_case.use_case, "champion": effective, "nights": [asdict(status) for status in statuses]}
        print(json.dumps(answer, default=str))  # noqa: T201 - the command's answer
        return 0
    output.print(table(statuses, metric_set_for(use_case).title))
    for line in stale_lines(statuses):
        output.print(line, style=STYLES["stale"], markup=False, highlight=False)
    for line in unmatched_lines(use_case, statuses):
        output.print(line, style=STYLES["fail"], markup=False, highlight=False)
    if champion:
        output.print(
            f"champion: version {champion.version}, trained as of {champion.as_of}, effective from {champion.effective_from}"
        )
    else:
        output.print(f"champion: none yet. Train one: python -m jobs train {use_case.use_case} NIGHT")
    return 0
