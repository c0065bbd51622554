"""A figure over nights with its interval, small enough for a row: inline SVG, coloured by the page's classes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from nightloop.reporting.charts import Axis

if TYPE_CHECKING:
    from nightloop.control_room.summary import Realised

WIDTH, HEIGHT, MARGIN = 150, 36, 4


def sparkline(realised: Realised) -> str:
    """Draw the values as a line over a band of their intervals, the limit dashed; "" where there is no value."""
    if not realised.values:
        return ""
    nights, values = zip(*realised.values, strict=True)
    ends = [end for item in values for end in (item.value, item.low, item.high) if end is not None]
    ends += [realised.limit] if realised.limit is not None else []
    pad = max((max(ends) - min(ends)) * 0.05, 1e-6)
    up = Axis(min(ends) - pad, max(ends) + pad, HEIGHT - MARGIN, MARGIN)
    first, last = nights[0].toordinal(), nights[-1].toordinal()
    across = Axis(first - 0.5, last + 0.5, MARGIN, WIDTH - MARGIN)
    places = [across(night.toordinal()) for night in nights]
    band = [(x, item) for x, item in zip(places, values, strict=True) if item.low is not None and item.high is not None]
    marks = [_band([(x, up(item.low), up(item.high)) for x, item in band])]
    if realised.limit is not None:
        y = f"{up(realised.limit):.1f}"
        marks.append(f'<line class="limit" x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y}" y2="{y}"/>')
    line = " ".join(f"{x:.1f},{up(item.value):.1f}" for x, item in zip(places, values, strict=True))
    marks.append(f'<polyline class="line" points="{line}"/>')
    marks.append(f'<circle class="dot" cx="{places[-1]:.1f}" cy="{up(values[-1].value):.1f}" r="2.5"/>')
    name = escape(f"realised {realised.title} of {nights[0]} to {nights[-1]}, newest {realised.in_words()}")
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}"><title>{name}</title>{"".join(marks)}</svg>'


def _band(places: list[tuple[float, float, float]]) -> str:
    if len(places) < 2:  # noqa: PLR2004 - a band has two ends
        return "".join(
            f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>' for x, low, high in places
        )
    lower = [f"{x:.1f},{low:.1f}" for x, low, _ in places]
    upper = [f"{x:.1f},{high:.1f}" for x, _, high in reversed(places)]
    return f'<polygon class="band" points="{" ".join([*lower, *upper])}"/>'
