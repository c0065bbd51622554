"""Lay the control room and the index of reports out as HTML: no script, nothing from outside, a style named by its digest."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from nightloop.control_room.cells import SIGNS, WRONG, Answer, Cell
from nightloop.control_room.room import Overview
from nightloop.control_room.sparkline import sparkline
from nightloop.control_room.summary import Realised, Summary, is_open
from nightloop.daily import DAY
from nightloop.lake.missing import in_words
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.alerts import StoredAlert

Address = Callable[[str, Night | None, Answer], str]
"""(use case, night, answer) -> the address where it is, "" where there is none."""
APART = 7
"""Nights by which the newest of two use cases may differ for both to stand in one grid."""


@dataclass(frozen=True)
class Grid:
    """Use cases whose newest nights lie together, over the same columns."""

    nights: tuple[Night, ...]
    rows: tuple[tuple[Summary, tuple[Cell, ...]], ...]


@dataclass(frozen=True)
class Trouble:
    """Nights whose scores people lack for one reason, or a thing that waits.

    Attributes:
        nights: that it is about; none where it is about no night.
        answer: of the first of them.
    """

    use_case: str
    nights: tuple[Night, ...]
    text: str
    answer: Answer

    def in_words(self) -> str:
        """Say it in a line, without the use case."""
        return f"{in_words(list(self.nights))}: {self.text}" if self.nights else self.text


def render(overview: Overview, address: Address) -> str:
    """Return the control room's HTML.

    Args:
        overview: what it shows.
        address: where each answer is.
    """
    idle = [summary for summary in overview.summaries if summary.is_idle]
    shown = [summary for summary in overview.summaries if summary.cells and not summary.is_idle]
    return _environment().get_template("control_room.html.j2").render(
        overview=overview,
        grids=grids(shown),
        idle=idle,
        broken=[summary for summary in overview.summaries if summary.error],
        troubles=list(troubles(shown, overview.alerts)),
        is_open=is_open,
        signs=SIGNS,
        address=_safe(address),
        sparkline=_drawn,
        style=Markup(style()),  # noqa: S704 - our own file
    )  # fmt: skip


def render_reports(reports: Mapping[str, Sequence[str]]) -> str:
    """Return the index of the reports: use case -> pages, as addresses relative to the index."""
    template = _environment().get_template("reports.html.j2")
    return template.render(reports=reports, style=Markup(style()))  # noqa: S704 - our own file


def grids(summaries: Sequence[Summary]) -> list[Grid]:
    """Put use cases whose newest nights lie together over the same columns; the grid of the newest nights comes first."""
    groups: list[list[Summary]] = []
    for summary in sorted(summaries, key=_last_night, reverse=True):
        if groups and (_last_night(groups[-1][0]) - _last_night(summary)).days <= APART:
            groups[-1].append(summary)
        else:
            groups.append([summary])
    return [_grid(sorted(group, key=lambda summary: summary.name)) for group in groups]


def troubles(summaries: Sequence[Summary], alerts: Sequence[StoredAlert] = ()) -> Iterator[Trouble]:
    """Yield what a person should look at first: alerts to the whole installation, what waits, the nights that are not there."""
    for stored in alerts:
        yield Trouble(stored.alert.where, (), stored.alert.title, Answer("address", stored.alert.link))
    for summary in summaries:
        for wait in summary.waits:
            yield Trouble(summary.name, (), wait.what, wait.answer)
        cells: dict[str, list[Cell]] = {}
        for cell in summary.cells:
            if cell.state in WRONG or (cell.state == "waiting" and cell.answer.target != "approvals"):
                cells.setdefault(f"{cell.state}: {cell.why}", []).append(cell)
        for text, of_text in cells.items():
            yield Trouble(summary.name, tuple(cell.night for cell in of_text), text, of_text[0].answer)
        for stored in summary.alerts:
            if is_open(stored) and stored.alert.night is None:
                yield Trouble(summary.name, (), stored.alert.title, Answer("address", stored.alert.link))


def policy() -> str:
    """Return the Content-Security-Policy of both pages: their one style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"


@cache
def style() -> str:
    """Return the style sheet."""
    return (Path(__file__).parent / "control_room.css").read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _last_night(summary: Summary) -> Night:
    return summary.cells[-1].night


def _grid(group: Sequence[Summary]) -> Grid:
    last, length = max(_last_night(summary) for summary in group), len(group[0].cells)
    nights = tuple(last - n * DAY for n in reversed(range(length)))
    rows = []
    for summary in group:
        by_night = {cell.night: cell for cell in summary.cells}
        rows.append((summary, tuple(by_night.get(night) or Cell(night, "none", "") for night in nights)))
    return Grid(nights, tuple(rows))


def _safe(address: Address) -> Callable[[Any, Any, Answer], str]:
    """Return addresses of pages only: a link that an alert carries may be anything."""

    def checked(use_case: str, night: Night | None, answer: Answer) -> str:
        link = address(use_case, night, answer)
        return link if urlsplit(link).scheme in {"", "http", "https"} else ""

    return checked


def _drawn(realised: Realised) -> Markup:
    return Markup(sparkline(realised))  # noqa: S704 - our own SVG, its texts are escaped where they are written
