"""The command compare: try a changed definition before it replaces the one that is there."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.table import Table

from jobs.commands.comparing import QUANTILES, Column, Comparison, Pair, Side, Worth, compare
from jobs.console import ProgressBars, output
from nightloop.definitions import UseCase, load_use_case
from nightloop.definitions.connectors import TableConnector
from nightloop.definitions.revisions import definition_at, write_contracts_at
from nightloop.errors import BadNight, UsageError
from nightloop.lake.missing import runs
from nightloop.nights import Nights, parse_nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace

NIGHTS = 60  # that are compared where none are named


def run(options: argparse.Namespace) -> int:
    """Build both definitions in a scratch home, and print what differs."""
    workspace = Workspace.open(load_settings())
    now = load_use_case(options.use_case, workspace.settings.definitions)
    before = definition_at(now, workspace.settings, options.against)
    for use_case in (before, now):
        _check_sources(use_case)
    nights = parse_nights(options.nights) if options.nights else _newest(now, workspace)
    first = max(before.first_night, now.first_night)
    if nights.first < first:
        raise BadNight(f"{nights.first} is before the first night of both, {first}.", do=f"Ask for {first} or later.")
    with _scratch(workspace.settings.home) as folder, ProgressBars(in_turn=True) as progress:
        write_contracts_at(before, workspace.settings, options.against, folder / "contracts")
        of_then = workspace.settings.model_copy(update={"contracts": folder / "contracts"})
        sides = (
            Side.build(before, nights, of_then, folder / "before", progress),
            Side.build(now, nights, workspace.settings, folder / "now", progress),
        )
        comparison = compare(*sides, options.against)
    if options.json:
        print(json.dumps(comparison.as_json(), ensure_ascii=False))  # noqa: T201 - the command's answer
    else:
        show(comparison)
    return 0


def show(comparison: Comparison) -> None:
    """Print the columns that differ, and what the models are worth."""
    different = [pair for pair in comparison.columns if _differs(pair)]
    equal = len(comparison.columns) - len(different)
    output.print(f"{comparison.use_case} against {comparison.against}, nights {comparison.nights}", markup=False)
    if different:
        output.print(_table(different))
    output.print(f"{equal} of {len(comparison.columns)} columns are equal in every row")
    if comparison.rows_only_before or comparison.rows_only_now:
        output.print(f"rows on one side only: {comparison.rows_only_before:,} before, {comparison.rows_only_now:,} now")
    output.print(worth_line(comparison.worth), markup=False)


def worth_line(worth: Worth) -> str:
    """Return in a sentence what the models are worth."""
    if worth.why_not:
        return f"models: {worth.why_not}"
    measured = ", ".join(
        f"{item.metric.replace('_', ' ')} {item.value:.4f}"
        + (f" [{item.low:.4f} to {item.high:.4f}]" if item.low is not None and item.high is not None else "")
        for item in worth.figures
    )
    without = "" if worth.figures[-1].low is not None else "; one night gives no interval"
    return f"models on {worth.nights}, {worth.figures[0].n:,} rows: {measured} (above 0: the new one is better{without})"


def _differs(pair: Pair) -> bool:
    return pair.differ != 0 or pair.before is None or pair.now is None or pair.before.rows != pair.now.rows


def _table(pairs: list[Pair]) -> Table:
    rows = Table(box=None, header_style="bold", padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column("column", no_wrap=True)
    rows.add_column("")
    for heading in ("rows", "missing", "differ", "mean", *(f"{quantile:.0%}" for quantile in QUANTILES)):
        rows.add_column(heading, justify="right", no_wrap=True)
    for pair in pairs:
        for word, column in (("before", pair.before), ("now", pair.now)):
            differ = ("-" if pair.differ is None else f"{pair.differ:,}") if word == "now" and pair.before else ""
            if column is not None:
                rows.add_row(column.name, word, *_cells(column, differ))
    return rows


def _cells(column: Column, differ: str) -> Iterator[str]:
    yield f"{column.rows:,}"
    yield f"{column.missing / column.rows:.1%}" if column.rows else "-"
    yield differ
    for value in (column.mean, *(column.quantiles or (None,) * len(QUANTILES))):
        yield "-" if value is None else f"{value:.4g}"


def _newest(use_case: UseCase, workspace: Workspace) -> Nights:
    """Return the newest nights that the lake has features of, without a gap.

    Raises:
        UsageError: there are none.
    """
    published = runs(sorted(workspace.lake.states(f"{use_case.use_case}/features")))
    if not published:
        raise UsageError("the lake has no night of it yet.", where=use_case.use_case, do="Name some: --nights FIRST..LAST.")
    newest = list(published[-1])[-NIGHTS:]
    return Nights(newest[0], newest[-1])


def _check_sources(use_case: UseCase) -> None:
    for name, source in use_case.sources.items():
        if isinstance(source.connector, TableConnector):
            raise UsageError(
                f"source '{name}' reads a table of {source.connector.use_case}, which a scratch home does not have.",
                where=use_case.use_case,
                do="Compare the use case that makes it, or use `plan`.",
            )


@contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    """Give a folder below the home that goes when the command ends, however it ends."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    (home / "scratch").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="compare-", dir=home / "scratch"))
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield folder
    finally:
        signal.signal(signal.SIGTERM, before)
        shutil.rmtree(folder, ignore_errors=True)
