"""What a terminal shows: progress on standard error, tables on standard output, colour only where someone looks."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
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


class ProgressLines:
    """Progress where nobody sees bars: a line as something changes, with the time it took and, side by side, what is to come.

    Steps in turn share their lines, one every five seconds at most. Steps side by side have lines of their own each; a last
    step is always shown, and where nothing changes for half a minute the newest line comes again.

    Args:
        show: prints a line.
        in_turn: the steps follow one another.
        clock: seconds that only grow.
    """

    def __init__(self, show: Callable[[str], None], *, in_turn: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._show, self._in_turn, self._clock = show, in_turn, clock
        self._began: dict[str, tuple[float, int]] = {}  # what -> when it was first heard of, and how far it was then
        self._shown: dict[str, tuple[float, int]] = {}  # what -> when it was last shown, and how far it was then
        self._newest = -math.inf

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps of ``doing`` are finished, if it is time."""
        now, lines = self._clock(), "" if self._in_turn else doing
        began, first = self._began.setdefault(lines, (now, done))
        shown, before = self._shown.get(lines, (-math.inf, -1))
        is_change, is_end = self._in_turn or done != before, done >= total and not self._in_turn
        waited = now - shown if is_change else now - max(shown, self._newest)
        needed = 0.0 if is_change and is_end else SECONDS_BETWEEN_LINES if is_change else SECONDS_BETWEEN_SAME_LINES
        if waited < needed or (not is_change and is_end):
            return
        self._shown[lines], self._newest = (now, done), now
        self._show(f"{doing}: {done} of {total}{self._times(now - began, done - first, total - done)}")

    def _times(self, seconds: float, done: int, left: int) -> str:
        """Say how long it took so far, and how long the rest takes at this pace where that can be told."""
        if self._in_turn or seconds < 1:
            return ""
        to_come = f", about {_in_minutes(seconds / done * left)} to go" if done and left else ""
        return f" ({_in_minutes(seconds)}{to_come})"


def _in_minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


class ProgressBars:
    """Progress of long work: bars on a terminal, a line now and then elsewhere.

    ``in_turn``: the steps follow one another, and share a bar until their count begins anew; else each has a bar to itself.
    """

    def __init__(self, *, in_turn: bool = False) -> None:
        self._in_turn = in_turn
        self._newest: tuple[TaskID, int, int] | None = None
        self._lines = ProgressLines(errors.print, in_turn=in_turn)
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
        self._lines(doing, done, total)

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
