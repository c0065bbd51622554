"""Small charts as inline SVG; the same numbers draw the same text.

Colours are the page's, by class, so they follow light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from nightloop.evidence.verdict import Figure
from nightloop.reporting.week import Value

WIDTH, HEIGHT = 520, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 22, 16, 34
STRIP_LEFT = 86  # room for the name of a strip


@dataclass(frozen=True)
class Axis:
    """A straight scale from values to pixels, with round ticks."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        """Three to six round values within the scale."""
        rough = (self.high - self.low) / 4
        size = 10 ** math.floor(math.log10(rough))
        step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [i * step for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def interval_chart(
    values: Sequence[Value | None], labels: Sequence[str], *, name: str, line: float | None, line_name: str
) -> str:
    """Draw one dot with its interval per label; a gap where there is no value; a dashed line for a limit."""
    known = [item for item in values if item is not None]
    if not known:
        return ""
    ends = [end for item in known for end in (item.value, item.low, item.high, line) if end is not None]
    pad = max((max(ends) - min(ends)) * 0.1, 0.01)
    up = Axis(min(ends) - pad, max(ends) + pad, HEIGHT - BOTTOM, TOP)
    marks = [_grid(up, lambda value: f"{value:.2f}"), _limit(up, line, line_name)]
    for x, label, item in zip(_places(len(labels)), labels, values, strict=True):
        marks.append(_label(x, label))
        if item is None:
            marks.append(_gap(x, (TOP + HEIGHT - BOTTOM) / 2))
        else:
            marks += [_whisker(x, up, item.low, item.high), _dot(x, up(item.value), 5, _title(label, item))]
    return _svg(name, marks)


def verdict_strips(strips: Mapping[str, Sequence[tuple[str, str]]], labels: Sequence[str], *, name: str) -> str:
    """Draw one strip per name and one cell per night: its class, and what it says when pointed at.

    Args:
        strips: name -> (class, title) of each night.
        labels: of each night; those that are empty are not written.
        name: of the drawing.
    """
    top, height, gap = 8, 22, 12
    marks, width = [], (WIDTH - STRIP_LEFT - 4) / max(len(labels), 1)
    for row, (strip, cells) in enumerate(strips.items()):
        y = top + row * (height + gap)
        marks.append(f'<text class="tick" x="{STRIP_LEFT - 7}" y="{y + 15}" text-anchor="end">{escape(strip)}</text>')
        for place, (kind, title) in enumerate(cells):
            at = f'x="{STRIP_LEFT + place * width:.2f}" y="{y}" width="{max(width - 0.8, 0.5):.2f}" height="{height}"'
            marks.append(f'<rect class="cell {escape(kind)}" {at}><title>{escape(title)}</title></rect>')
    bottom = top + len(strips) * (height + gap)
    for place, label in enumerate(labels):
        if label:
            marks.append(f'<text class="tick" x="{STRIP_LEFT + place * width:.2f}" y="{bottom + 8}">{escape(label)}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {bottom + 14}" role="img" aria-label="{escape(name)}">{"".join(marks)}</svg>'


def bar_chart(
    values: Sequence[float | None],
    labels: Sequence[str],
    *,
    name: str,
    format_value: Callable[[float], str],
    line: float | None = None,
    line_name: str = "",
) -> str:
    """Draw one bar from zero per label, its value above it; bars over the line stand out."""
    top = max([item for item in values if item is not None] + [line or 0.0, 1e-9])
    up = Axis(0.0, top * 1.15, HEIGHT - BOTTOM, TOP)
    marks = [_grid(up, format_value)]
    for x, label, item in zip(_places(len(labels)), labels, values, strict=True):
        marks.append(_label(x, label))
        if item is None:
            marks.append(_gap(x, HEIGHT - BOTTOM - 8))
        else:
            kind = "bar over" if line is not None and item > line else "bar"
            marks.append(_bar(x, up(item), kind, label, format_value(item)))
    return _svg(name, [*marks, _limit(up, line, line_name)])


def calibration_chart(bins: Sequence[tuple[Value, Value]], *, name: str, shares: bool = True) -> str:
    """Draw the mean prediction against the observed mean per bin; on the diagonal they are equal. Shares go from 0 to 1."""
    if not bins:
        return ""
    ends = [end for predicted, observed in bins for end in (predicted.value, observed.value, observed.high) if end is not None]
    low, top = (0.0, min(1.0, max(ends) * 1.08 + 0.01)) if shares else _padded([*ends, *_lows(bins)])
    across, up = Axis(low, top, LEFT, WIDTH - RIGHT), Axis(low, top, HEIGHT - BOTTOM, TOP)

    def text(value: float, decimals: int = 0) -> str:
        return f"{value:.{decimals}%}" if shares else f"{value:.4g}"

    marks = [_grid(up, text), *(_label(across(tick), text(tick)) for tick in across.ticks)]
    marks.append(f'<line class="limit" x1="{across(low):.1f}" y1="{up(low):.1f}" x2="{across(top):.1f}" y2="{up(top):.1f}"/>')
    for predicted, observed in bins:
        x, high = across(predicted.value), None if observed.high is None else min(observed.high, top)
        title = f"predicted {text(predicted.value, 1)}, observed {text(observed.value, 1)}, n = {observed.n:,}"
        marks += [_whisker(x, up, observed.low, high), _dot(x, up(observed.value), 4, title)]
    return _svg(name, marks)


def short_count(count: float) -> str:
    """Write a count as short as a chart has room for: 1,234 or 98,765, then 123k, 1.23M, 123bn."""
    if count < 99_999.5:  # noqa: PLR2004 - six digits would not fit
        return f"{count:,.0f}"
    size, unit = next(
        (size, unit) for size, unit in ((1e12, "tn"), (1e9, "bn"), (1e6, "M"), (1e3, "k")) if count >= size * 0.9995
    )
    return f"{count / size:.3g}{unit}" if count < 1e15 else f"{count:.0e}"  # noqa: PLR2004 - beyond all names


STRIP_WIDTH, STRIP_HEIGHT = 300, 22


def interval_strip(item: Figure, scale: Sequence[float]) -> str:
    """Draw one interval on a line of its own, and shade where the figure may be; one row of a forest plot.

    Args:
        item: the figure.
        scale: all values, ends and limits of the rows that are drawn on the same scale.
    """
    if not math.isfinite(item.value):
        return ""
    pad = max((max(scale) - min(scale)) * 0.06, abs(max(scale)) * 1e-3, 1e-9)
    across, middle = Axis(min(scale) - pad, max(scale) + pad, 4, STRIP_WIDTH - 4), STRIP_HEIGHT / 2
    low = across.start if item.least is None else across(item.least)
    high = across.end if item.most is None else across(item.most)
    marks = []
    if item.least is not None or item.most is not None:
        marks.append(f'<rect class="allowed" x="{low:.1f}" y="0" width="{max(high - low, 0):.1f}" height="{STRIP_HEIGHT}"/>')
        ends = [end for end, limit in ((low, item.least), (high, item.most)) if limit is not None]
        marks += [f'<line class="limit" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{STRIP_HEIGHT}"/>' for x in ends]
    if item.low is not None and item.high is not None:
        left, right = across(item.low), across(item.high)
        marks.append(f'<line class="whisker" x1="{left:.1f}" x2="{right:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>')
    marks.append(f'<circle class="dot" cx="{across(item.value):.1f}" cy="{middle:.1f}" r="4"/>')
    return f'<svg class="strip" viewBox="0 0 {STRIP_WIDTH} {STRIP_HEIGHT}" aria-hidden="true">{"".join(marks)}</svg>'


def _title(label: str, item: Value) -> str:
    interval = "" if item.low is None else f" ({item.low:.3f} to {item.high:.3f})"
    return f"{label}: {item.value:.3f}{interval}, n = {item.n:,}"


def _dot(x: float, y: float, radius: int, title: str) -> str:
    return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{escape(title)}</title></circle>'


def _whisker(x: float, up: Axis, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f'<line class="whisker" x1="{x:.1f}" x2="{x:.1f}" y1="{up(low):.1f}" y2="{up(high):.1f}"/>'


def _gap(x: float, y: float) -> str:
    return f'<text class="quiet" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">–</text>'


def _bar(x: float, y: float, kind: str, label: str, value: str) -> str:
    return (
        f'<rect class="{kind}" x="{x - 18:.1f}" y="{y:.1f}" width="36" height="{HEIGHT - BOTTOM - y:.1f}" rx="3">'
        f"<title>{escape(label)}: {escape(value)}</title></rect>"
        f'<text class="value" x="{x:.1f}" y="{y - 5:.1f}" text-anchor="middle">{escape(value)}</text>'
    )


def _lows(bins: Sequence[tuple[Value, Value]]) -> list[float]:
    return [observed.low for _, observed in bins if observed.low is not None]


def _padded(values: Sequence[float]) -> tuple[float, float]:
    pad = max((max(values) - min(values)) * 0.05, 1e-6)
    return min(values) - pad, max(values) + pad


def _places(count: int) -> list[float]:
    width = (WIDTH - LEFT - RIGHT) / count
    return [LEFT + width * (i + 0.5) for i in range(count)]


def _grid(up: Axis, format_value: Callable[[float], str]) -> str:
    return "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(tick):.1f}" y2="{up(tick):.1f}"/>'
        f'<text class="tick" x="{LEFT - 7}" y="{up(tick) + 4:.1f}" text-anchor="end">{escape(format_value(tick))}</text>'
        for tick in up.ticks
    )


def _limit(up: Axis, line: float | None, name: str) -> str:
    if line is None:
        return ""
    return (
        f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(line):.1f}" y2="{up(line):.1f}"/>'
        f'<text class="limit-name" x="{WIDTH - RIGHT}" y="{up(line) - 5:.1f}" text-anchor="end">{escape(name)}</text>'
    )


def _label(x: float, label: str) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{escape(label)}</text>'


def _svg(name: str, marks: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(name)}">{"".join(marks)}</svg>'
