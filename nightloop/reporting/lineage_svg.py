"""Draw a lineage, left to right: sources, tiles, features, model. Equal definitions give equal bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from nightloop.reporting.lineage import Group, Lineage

ROW, HEAD, GAP, MARGIN, TITLES = 18, 26, 16, 24, 64
SOURCES, TILES, FEATURES, MODEL = (24, 190), (284, 206), (556, 290), (930, 190)  # x and width of each column
WIDTH = MODEL[0] + MODEL[1] + MARGIN
BOX = 46
CHARACTER = 7.4  # widest that a letter is on average, in pixels: long texts are cut before they leave their box

STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1d2433 }
  .column { font-size: 13px; font-weight: 600; fill: #5b6475 }
  .name { font-weight: 600 }
  .quiet { fill: #5b6475; font-size: 11px }
  .source { fill: #e8f0fe; stroke: #4472c4 }
  .tiles { fill: #fdf1dc; stroke: #c98a1b }
  .features { fill: #ffffff; stroke: #9aa3b2 }
  .head { fill: #f1f3f6 }
  .model { fill: #e3f4e8; stroke: #2e7d4f }
  .unused { fill: #f6f7f9; stroke: #c4cad4; stroke-dasharray: 4 3 }
  .edge { fill: none; stroke: #9aa3b2; stroke-width: 1.4 }
  .label { stroke: #2e7d4f; stroke-dasharray: 5 3 }
"""


@dataclass(frozen=True)
class _Placed:
    group: Group
    top: float

    @property
    def height(self) -> float:
        return HEAD + ROW * len(self.group.features) + 8

    @property
    def middle(self) -> float:
        return self.top + self.height / 2


def lineage_svg(graph: Lineage) -> str:
    """Return the picture as a document of SVG."""
    placed = _stacked(graph.groups)
    sources = _sources(graph, placed)
    bottom = placed[-1].top + placed[-1].height
    middle = sum(item.middle for item in placed) / len(placed)
    marks = [_title(column, name) for column, name in zip((SOURCES, TILES, FEATURES, MODEL), _COLUMNS, strict=True)]
    marks += [_edges(item, sources, middle) for item in placed]
    label = _label_top(graph, sources, middle)
    marks.append(_label_edges(sources[graph.label_source], label, middle, bottom))
    marks += [_source(graph, name, top) for name, top in sources.items()]
    marks += [_tiles(item) for item in placed if item.group.tiles]
    marks += [_features(item) for item in placed]
    marks.append(_box((MODEL[0], label), MODEL[1], "model", "label", graph.label))
    said = f"{graph.task}, {sum(len(group.features) for group in graph.groups)} features"
    marks.append(_box((MODEL[0], middle - BOX / 2), MODEL[1], "model", graph.use_case, said))
    height = max(bottom + LANE, label + BOX, *(top + BOX for top in sources.values())) + MARGIN
    name = f"Lineage of {graph.use_case}: from sources over tiles and features to the model"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" height="{height:.0f}" '
        f'role="img" aria-label="{escape(name)}">\n<style>{STYLE}</style>\n'
        f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>\n' + "\n".join(marks) + "\n</svg>\n"
    )


_COLUMNS = ("Sources", "Tiles by night", "Features", "Model")
LANE = 18  # below everything: the label's way to the model crosses no feature


def _stacked(groups: Sequence[Group]) -> list[_Placed]:
    placed, top = [], float(TITLES)
    for group in groups:
        placed.append(_Placed(group, top))
        top += placed[-1].height + GAP
    return placed


def _sources(graph: Lineage, placed: Sequence[_Placed]) -> dict[str, float]:
    """Return the top of each source: as near to the middle of its features as those above it let it be."""
    wanted = {}
    for name in graph.sources:
        own = [item.middle for item in placed if item.group.source == name]
        wanted[name] = sum(own) / len(own) - BOX / 2 if own else 1e9 + (name in graph.unused)
    tops, free = {}, float(TITLES)
    for name in sorted(wanted, key=lambda each: wanted[each]):
        tops[name] = max(free, wanted[name]) if wanted[name] < 1e9 else free  # noqa: PLR2004 - see above
        free = tops[name] + BOX + GAP
    return tops


def _label_top(graph: Lineage, sources: dict[str, float], middle: float) -> float:
    return max(sources[graph.label_source], middle + BOX)


def _edges(item: _Placed, sources: dict[str, float], middle: float) -> str:
    start, y = sources[item.group.source] + BOX / 2, item.middle
    first = _curve(SOURCES[0] + SOURCES[1], start, TILES[0], y)
    straight = f'<path class="edge" d="M{TILES[0]} {y:.1f} H{FEATURES[0]}"/>'
    return first + straight + _curve(FEATURES[0] + FEATURES[1], y, MODEL[0], middle)


def _label_edges(source: float, label: float, middle: float, bottom: float) -> str:
    """Lead the label's edge below all features, and up to the model."""
    x, y, lane = SOURCES[0] + SOURCES[1], source + BOX / 2 + 8, bottom + LANE
    left, right, target = x + 30, MODEL[0] - 30, label + BOX / 2
    path = f"M{x} {y:.1f} C{left} {y:.1f} {left - 10} {lane:.1f} {left + 50} {lane:.1f} H{right - 50}"
    path += f" C{right + 20} {lane:.1f} {right - 10} {target:.1f} {MODEL[0]} {target:.1f}"
    up = f'<path class="edge label" d="M{MODEL[0] + MODEL[1] / 2} {label:.1f} V{middle + BOX / 2:.1f}"/>'
    return f'<path class="edge label" d="{path}"/>{up}'


def _curve(x1: float, y1: float, x2: float, y2: float) -> str:
    half = (x1 + x2) / 2
    return f'<path class="edge" d="M{x1} {y1:.1f} C{half:.1f} {y1:.1f} {half:.1f} {y2:.1f} {x2} {y2:.1f}"/>'


def _source(graph: Lineage, name: str, top: float) -> str:
    roles = [role for role, is_it in (("entity", name == graph.entity), ("label", name == graph.label_source)) if is_it]
    kind, said = ("unused", "not used") if name in graph.unused else ("source", ", ".join(roles))
    return _box((SOURCES[0], top), SOURCES[1], kind, name, said)


def _tiles(item: _Placed) -> str:
    nights = item.group.tiles
    said = f"{item.group.source}, {', '.join(map(str, nights))} night{'s' if nights != (1,) else ''}"
    return _box((TILES[0], item.middle - BOX / 2), TILES[1], "tiles", item.group.title, said)


def _features(item: _Placed) -> str:
    (x, width), top, head = FEATURES, item.top, f"{item.group.source}: {item.group.title}"
    rows = "".join(
        f'<text x="{x + 12}" y="{top + HEAD + ROW * (i + 1) - 3:.1f}">{_cut(name, width - 24)}</text>'
        for i, name in enumerate(item.group.features)
    )
    return (
        f'<rect class="features" x="{x}" y="{top:.1f}" width="{width}" height="{item.height:.1f}" rx="6"/>'
        f'<rect class="head" x="{x + 1}" y="{top + 1:.1f}" width="{width - 2}" height="{HEAD - 4}" rx="5"/>'
        f'<text class="quiet" x="{x + 12}" y="{top + 17:.1f}">{_cut(head, width - 24)}</text>'
        f"{rows}"
    )


def _box(corner: tuple[float, float], width: float, kind: str, name: str, said: str) -> str:
    x, top = corner
    title = f"<title>{escape(f'{name}: {said}' if said else name)}</title>"
    y = top + (20 if said else 28)
    more = f'<text class="quiet" x="{x + 12}" y="{top + 37:.1f}">{_cut(said, width - 20)}</text>' if said else ""
    return (
        f'<g>{title}<rect class="{kind}" x="{x}" y="{top:.1f}" width="{width}" height="{BOX}" rx="6"/>'
        f'<text class="name" x="{x + 12}" y="{y:.1f}">{_cut(name, width - 20)}</text>{more}</g>'
    )


def _title(column: tuple[int, int], name: str) -> str:
    return f'<text class="column" x="{column[0]}" y="38">{name}</text>'


def _cut(text: str, width: float) -> str:
    most = int(width / CHARACTER)
    return escape(text if len(text) <= most else text[: most - 1] + "…")
