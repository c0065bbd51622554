"""The commands sweep, compact, ship-audit, verify and ledger verify: what is stored, and what was recorded of it."""

from __future__ import annotations

import argparse
import json

from jobs.console import ProgressBars, output, print_error, print_published
from jobs.upkeep import compact, ship_audit, sweep, verify
from jobs.upkeep.sweep import SweptUseCase
from nightloop.definitions import load_use_case, use_case_names
from nightloop.ledger import Ledger
from nightloop.nights import parse_nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace


def run_sweep(options: argparse.Namespace) -> int:
    """Sweep one use case, or all that are declared, and print one line (or one JSON object) for each."""
    workspace = Workspace.open(load_settings())
    folder = workspace.settings.definitions
    names = [load_use_case(options.use_case, folder).use_case] if options.use_case else use_case_names(folder)
    for name in names:
        swept = sweep.run(name, workspace, dry_run=options.dry_run)
        if options.json:
            print(json.dumps(swept.as_json()))  # noqa: T201 - the command's answer
        else:
            for line in lines(swept):
                output.print(line, markup=False)
    return 0


def lines(swept: SweptUseCase) -> list[str]:
    """Say what went in words: a line for the use case, and one for each table that lost files."""
    verb = "would remove" if swept.dry_run else "removed"
    head = f"{swept.use_case}: {verb} {swept.files:,} files, {swept.bytes:,} bytes"
    if not swept.files:
        return [f"{swept.use_case}: nothing to remove; replaced versions stay {swept.retention_days} days"]
    return [
        head,
        *(
            f"  {name}: {table.superseded:,} of versions replaced over {swept.retention_days} days ago, "
            f"{table.orphans:,} of commits that never happened"
            for name, table in swept.tables.items()
        ),
    ]


def run_compact(options: argparse.Namespace) -> int:
    """Compact the tables of a use case, and print one line (or one JSON object) for each that changed."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions).use_case
    nights = parse_nights(options.nights) if options.nights else None
    with ProgressBars(in_turn=True) as progress:
        compacted = compact.run(use_case, workspace, nights, progress=progress)
    for table in compacted:
        if options.json:
            print(json.dumps(table.as_json()))  # noqa: T201 - the command's answer
        else:
            output.print(table.in_words(), markup=False)
    if not compacted and not options.json:
        output.print(f"{use_case}: nothing to compact; every night has few files", markup=False)
    return 0


def run_ship_audit(options: argparse.Namespace) -> int:
    """Ship the answers of one use case, or of all that are declared, and print each partition that was published."""
    workspace = Workspace.open(load_settings())
    folder = workspace.settings.definitions
    nights = parse_nights(options.nights) if options.nights else None
    published = 0
    for name in [options.use_case] if options.use_case else use_case_names(folder):
        with ProgressBars(in_turn=True) as progress:
            partitions = ship_audit.run(load_use_case(name, folder), nights, workspace, progress=progress)
        for partition in partitions:
            print_published(partition, as_json=options.json)
        published += len(partitions)
    if not published and not options.json:
        output.print("nothing to ship: the lake has every answer that was recorded of nights that are over", markup=False)
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Verify what is stored of a use case, and print each damage, and how much was compared (or one JSON object)."""
    workspace = Workspace.open(load_settings())
    use_case = load_use_case(options.use_case, workspace.settings.definitions).use_case
    nights = parse_nights(options.nights) if options.nights else None
    with ProgressBars(in_turn=True) as progress:
        verified = verify.run(use_case, workspace, nights, content=options.content, progress=progress)
    if options.json:
        print(json.dumps(verified.as_json()))  # noqa: T201 - the command's answer
        return verified.exit_code
    for trouble in verified.troubles:
        print_error(type(trouble).__name__, str(trouble))
    output.print(verified.in_words(), markup=False)
    return verified.exit_code


def run_verify_ledger(options: argparse.Namespace) -> int:
    """Verify the chain and print how many events stand, and how far the copied digests of this HOME vouch for them.

    Raises:
        StoreDamaged: the chain breaks; the message names the first event that is not what was recorded.
    """
    verified = Ledger.open(load_settings()).verify()
    if options.json:
        print(json.dumps(verified.as_json()))  # noqa: T201 - the command's answer
    else:
        output.print(verified.in_words(), markup=False)
    return 0
