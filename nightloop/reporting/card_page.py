"""Lay a model card or a datasheet out as one self-contained HTML page: its Markdown, with pictures where they belong."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from nightloop.reporting.charts import interval_chart
from nightloop.reporting.pages import Picture, page_template
from nightloop.reporting.week import Value

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

OF_MODELS = {"": "candidate", "baseline_": "baseline", "champion_": "champion", "anchor_": "best of the year"}


@dataclass(frozen=True)
class Tile:
    """One short value at the head of the page, and what it is."""

    value: str
    text: str


@dataclass(frozen=True)
class Section:
    """One section of the card, as HTML."""

    heading: str
    anchor: str
    body: Markup
    pictures: Sequence[Picture]


def render(
    sections: Mapping[str, str],
    *,
    kind: str = "Model card",
    tiles: Sequence[Tile] = (),
    pictures: Mapping[str, Sequence[Picture]] = MappingProxyType({}),
) -> str:
    """Return the page's HTML; the same card and pictures give the same page.

    Args:
        sections: Markdown by heading; under "" the title and the question.
        kind: what sort of page it is.
        tiles: what is shown first.
        pictures: heading -> drawings that are shown below its text.
    """
    title, _, question = sections[""].removeprefix("# ").partition("\n")
    shown = [
        Section(heading, _anchor(heading), _html(body), pictures.get(heading, ()))
        for heading, body in sections.items()
        if heading
    ]
    template = page_template("card.html.j2")
    return template.render(kind=kind, title=title, question=question.strip(), tiles=tiles, sections=shown) + "\n"


def image(title: str, text: str, png: bytes) -> Picture:
    """Return a PNG as a picture that is part of the page."""
    data = base64.b64encode(png).decode("ascii")
    return Picture(title, text, Markup('<img alt="{}" src="data:image/png;base64,{}">').format(title, data))


def by_model(metric: str, title: str, figures: Sequence[Mapping[str, Any]]) -> list[Picture]:
    """Return a chart of the task's metric by model, from the figures of the performance gate; nothing without any.

    Args:
        metric: name of the figure.
        title: the same, for people.
        figures: of the verdict, as plain values.
    """
    named = {figure["metric"]: figure for figure in figures}
    measured = {label: named[f"{head}{metric}"] for head, label in OF_MODELS.items() if f"{head}{metric}" in named}
    values = [Value(of["value"], of["low"], of["high"], of["n"], "performance gate") for of in measured.values()]
    if not values:
        return []
    svg = interval_chart(values, list(measured), name=f"{title} by model", line=None, line_name="")
    text = "On the same validation rows, with 95 % intervals over nights."
    return [Picture(f"{title} by model.", text, Markup(svg))]  # noqa: S704 - our own SVG, its texts are escaped


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # No HTML of a definition's texts becomes the page's: what is written as a tag is shown as one.
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _html(body: str) -> Markup:
    return Markup(_markdown().render(body))  # noqa: S704 - markdown-it escapes what the card's texts hold


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")
