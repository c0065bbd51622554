"""What a terminal shows: progress on standard error, tables on standard output, colour only where someone looks."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

WIDE = 200
"""Columns where nobody's terminal sets a limit: a file or a pipe gets whole lines."""
SECONDS_BETWEEN_LINES = 5.0
SECONDS_BETWEEN_SAME_LINES = 30.0

output = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDE)
errors = Console(stderr=True, soft_wrap=True, highlight=False, width=None if sys.stderr.isatty() else WIDE)


class Bars:
    """Progress of long work: bars on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self._last_line = 0.0
        self._last_told = ""
        self._tasks: dict[str, TaskID] = {}
        columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=errors, transient=True) if sys.stderr.isatty() else None

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
            if doing not in self._tasks:
                self._tasks[doing] = self._bars.add_task(doing, total=total)
            self._bars.update(self._tasks[doing], completed=done, total=total)
            return
        told, waited = f"{doing}: {done} of {total}", time.monotonic() - self._last_line
        if waited > (SECONDS_BETWEEN_SAME_LINES if told == self._last_told else SECONDS_BETWEEN_LINES):
            self._last_line, self._last_told = time.monotonic(), told
            errors.print(told)
