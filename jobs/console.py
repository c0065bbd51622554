"""What a terminal shows: progress on standard error, tables on standard output, colour only where someone looks."""

from __future__ import annotations

import json
import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from jobs.published import Published

WIDE = 200
"""Columns where nobody's terminal sets a limit: a file or a pipe gets whole lines."""
SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_SAME_LINES = 30.0

output = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True, soft_wrap=True, highlight=False, width=None if sys.stderr.isatty() else WIDE)


class ProgressBars:
    """Progress of long work: bars on a terminal, a line now and then elsewhere.

    ``in_turn``: the steps follow one another, and share a bar until their count begins anew; else each has a bar to itself.
    """

    def __init__(self, *, in_turn: bool = False) -> None:
        self._in_turn = in_turn
        self._newest: tuple[TaskID, int, int] | None = None
        self._last_line = 0.0
        self._last_text = ""
        self._tasks: dict[str, TaskID] = {}
        columns = (TextColumn("{task.description:<32}"), BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=errors, transient=True) if errors.is_terminal else None

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bars:
            self._bars.stop()

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps of ``doing`` are finished."""
        if self._bars:
            self._bars.update(self._bar(self._bars, doing, done, total), description=doing, completed=done, total=total)
            return
        text, waited = f"{doing}: {done} of {total}", time.monotonic() - self._last_line
        if waited > (SECONDS_BETWEEN_SAME_LINES if text == self._last_text else SECONDS_BETWEEN_LINES):
            self._last_line, self._last_text = time.monotonic(), text
            errors.print(text)

    def _bar(self, bars: Progress, doing: str, done: int, total: int) -> TaskID:
        """Return the bar to move: the newest, or a new one for what is done beside or after it."""
        if not self._in_turn:
            if doing not in self._tasks:
                self._tasks[doing] = bars.add_task(doing, total=total)
            return self._tasks[doing]
        if self._newest and (self._newest[2] != total or done < self._newest[1]):
            bars.update(self._newest[0], completed=self._newest[2])
            self._newest = None
        bar = self._newest[0] if self._newest else bars.add_task(doing, total=total)
        self._newest = (bar, done, total)
        return bar


def print_error(name: str, message: str) -> None:
    """Print an error: broken between words on a terminal, in whole lines elsewhere."""
    errors.print(Text.assemble((name, "bold red"), ": ", message), soft_wrap=not errors.is_terminal)


def print_published(partition: Published, *, as_json: bool) -> None:
    """Print what was published: a line for people, or one JSON object."""
    if as_json:
        print(json.dumps(partition.as_json(), default=str))  # noqa: T201 - the command's answer
        return
    details = "  ".join(f"{key}={value}" for key, value in partition.details.items() if isinstance(value, str | int | float))
    version, rows = f"v{partition.table_version:<5}", f"{partition.rows:>8,} rows"
    line = f"{partition.night}  {partition.table:<26} {version} {rows}  {partition.content_digest[:12]}"
    output.print(f"{line}  {details}", markup=False, soft_wrap=not output.is_terminal)
