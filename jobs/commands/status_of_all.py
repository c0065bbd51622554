"""The control room on a terminal: every use case with its newest nights as signs."""

from __future__ import annotations

import json

from rich.table import Table
from rich.text import Text

from jobs.console import output
from nightloop.control_room.cells import SIGNS, Cell, State
from nightloop.control_room.page import troubles
from nightloop.control_room.room import ControlRoom, Overview
from nightloop.control_room.summary import Summary
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

STYLES: dict[State, str] = {
    "missing": "red", "late": "red", "quarantined": "red", "stale": "yellow", "drifted": "yellow", "waiting": "yellow",
    "retrained": "bold", "scored": "green",
}  # fmt: skip
SOMETHING_WRONG = 1
"""Exit code of ``--check`` where a night is late, missing or refused, or a use case cannot be read."""


def print_all(*, as_json: bool, check: bool) -> int:
    """Print what the control room shows now, and return the exit code."""
    workspace = Workspace.open(load_settings())
    overview = ControlRoom(workspace).overview(workspace.clock())
    if as_json:
        answer = {"at": overview.at, "use_cases": [summary.as_json() for summary in overview.summaries]}
        print(json.dumps(answer, default=str))  # noqa: T201 - the command's answer
    else:
        output.print(table(overview.summaries))
        for line in lines(overview):
            output.print(line, markup=False, highlight=False)
    is_wrong = any(summary.error or any(cell.is_lacking for cell in summary.cells) for summary in overview.summaries)
    return SOMETHING_WRONG if check and is_wrong else 0


def table(summaries: tuple[Summary, ...]) -> Table:
    """Lay the use cases out for a terminal: a line each, its newest nights as signs."""
    rows = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    for heading in ("use case", "nights", "to", "champion", "realised", "seconds"):
        rows.add_column(heading, no_wrap=heading in {"nights", "to"})
    for summary in summaries:
        if summary.error:
            rows.add_row(summary.name, Text("cannot be read", style="red"))
            continue
        rows.add_row(
            summary.name,
            Text.assemble(*(_sign(cell) for cell in summary.cells)),
            str(summary.cells[-1].night),
            summary.champion.in_words(),
            f"{summary.realised.title} {summary.realised.in_words()}" if summary.realised.values else "-",
            f"{summary.built[1]:.2f}" if summary.built else "-",
        )
    return rows


def lines(overview: Overview) -> list[str]:
    """Say what is wrong or waits, and what the signs mean that stand in the table."""
    summaries = overview.summaries
    broken = [f"{summary.name}: {summary.error}" for summary in summaries if summary.error]
    of_nights = [f"{trouble.use_case}: {trouble.in_words()}" for trouble in troubles(summaries, overview.alerts)]
    states = {cell.state for summary in summaries for cell in summary.cells}
    signs = "  ".join(f"{sign} {state}" for state, (sign, _) in SIGNS.items() if state in states and sign)
    return [*broken, *of_nights, *([signs] if signs else [])]


def _sign(cell: Cell) -> tuple[str, str]:
    return cell.sign or " ", STYLES.get(cell.state, "")
