"""Show what stands in quarantine: counts by rule, and some of the records with the digests that a release can name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from rich.table import Table
from rich.text import Text

from jobs.commands.console import output
from nightloop.contracts.quarantine import record_digest
from nightloop.definitions import load_use_case
from nightloop.nights import Night, Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

SAMPLES = 3
DIGITS = 12
LONGEST = 300


@dataclass(frozen=True)
class Held:
    """What one rule holds back of one source in one night; ``records`` is 0 where the whole night failed."""

    night: Night
    source: str
    rule: str
    reason: str
    records: int
    samples: tuple[Mapping[str, str], ...]


def show(name: str, nights: Nights | None, *, as_json: bool) -> int:
    """Print the quarantine of a use case, of some nights or of all."""
    workspace = Workspace.open(load_settings())
    load_use_case(name, workspace.settings.definitions)
    found = collect(name, workspace, nights)
    if as_json:
        print(json.dumps({"use_case": name, "quarantine": [asdict(item) for item in found]}, default=str))  # noqa: T201
        return 0
    if not found:
        output.print(f"nothing is in quarantine{f' in {nights}' if nights else ''}")
        return 0
    output.print(_table(found))
    output.print(f"release after a fix: python -m jobs release {name} NIGHT --reason WHY --by WHO", markup=False)
    return 0


def collect(name: str, workspace: Workspace, nights: Nights | None = None) -> list[Held]:
    """Return what is held back, night by night, the largest count of a night first."""
    table = f"{name}/quarantine"
    if not workspace.lake.exists(table):
        return []
    groups: dict[tuple[Night, str, str], list[Mapping[str, str]]] = {}
    for row in workspace.lake.read(table, nights).to_pylist():
        groups.setdefault((row["night"], row["source"], row["rule"]), []).append(row)
    found = [_held(*group, rows) for group, rows in groups.items()]
    return sorted(found, key=lambda item: (item.night, -item.records, item.source, item.rule))


def _held(night: Night, source: str, rule: str, rows: Sequence[Mapping[str, str]]) -> Held:
    records = [row["record"] for row in rows if row["record"] is not None]
    samples = [{"digest": record_digest(record)[:DIGITS], "record": record} for record in records[:SAMPLES]]
    return Held(night, source, rule, rows[0]["reason"], len(records), tuple(samples))


def _table(found: Sequence[Held]) -> Table:
    shown = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("night", "source", "rule"):
        shown.add_column(heading)
    shown.add_column("records", justify="right")
    shown.add_column("reason, and examples by digest")
    for item in found:
        examples = "".join(f"\n{sample['digest']} {sample['record'][:LONGEST]}" for sample in item.samples)
        shown.add_row(str(item.night), item.source, Text(item.rule), f"{item.records:,}", Text(f"{item.reason}{examples}"))
    return shown
