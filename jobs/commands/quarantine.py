"""The commands quarantine and release: what stands there, by rule and record, and what is let in from it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.table import Table
from rich.text import Text

from jobs.console import output, print_published
from jobs.upkeep import release
from nightloop.contracts.quarantine import record_digest
from nightloop.definitions import load_use_case
from nightloop.nights import Night, Nights, parse_night, parse_nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

SAMPLES = 3
DIGITS = 12
LONGEST = 300


@dataclass(frozen=True)
class QuarantinedGroup:
    """What one rule holds back of one source in one night; ``records`` is 0 where the whole night failed."""

    night: Night
    source: str
    rule: str
    reason: str
    records: int
    samples: tuple[Mapping[str, str], ...]


def run(options: argparse.Namespace) -> int:
    """Print the quarantine of a use case, of some nights or of all."""
    nights = parse_nights(options.nights) if options.nights else None
    workspace = Workspace.open(load_settings())
    load_use_case(options.use_case, workspace.settings.definitions)
    groups = collect(options.use_case, workspace, nights)
    if options.json:
        answer = {"use_case": options.use_case, "quarantine": [asdict(group) for group in groups]}
        print(json.dumps(answer, default=str))  # noqa: T201 - the command's answer
        return 0
    if not groups:
        output.print(f"nothing is in quarantine{f' in {nights}' if nights else ''}")
        return 0
    output.print(_table(groups))
    output.print(f"release after a fix: python -m jobs release {options.use_case} NIGHT --reason WHY --by WHO", markup=False)
    return 0


def collect(use_case_name: str, workspace: Workspace, nights: Nights | None = None) -> list[QuarantinedGroup]:
    """Return what is held back, night by night, the largest count of a night first."""
    table = f"{use_case_name}/quarantine"
    if not workspace.lake.exists(table):
        return []
    rows_by_rule: dict[tuple[Night, str, str], list[Mapping[str, str]]] = {}
    for row in workspace.lake.read(table, nights).to_pylist():
        rows_by_rule.setdefault((row["night"], row["source"], row["rule"]), []).append(row)
    groups = [_group(*key, rows) for key, rows in rows_by_rule.items()]
    return sorted(groups, key=lambda group: (group.night, -group.records, group.source, group.rule))


def _group(night: Night, source: str, rule: str, rows: Sequence[Mapping[str, str]]) -> QuarantinedGroup:
    records = [row["record"] for row in rows if row["record"] is not None]
    samples = [{"digest": record_digest(record)[:DIGITS], "record": record} for record in records[:SAMPLES]]
    return QuarantinedGroup(night, source, rule, rows[0]["reason"], len(records), tuple(samples))


def _table(groups: Sequence[QuarantinedGroup]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("night", "source", "rule"):
        table.add_column(heading)
    table.add_column("records", justify="right")
    table.add_column("reason, and examples by digest")
    for group in groups:
        examples = "".join(f"\n{sample['digest']} {sample['record'][:LONGEST]}" for sample in group.samples)
        table.add_row(str(group.night), group.source, Text(group.rule), f"{group.records:,}", Text(f"{group.reason}{examples}"))
    return table


def run_release(options: argparse.Namespace) -> int:
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
