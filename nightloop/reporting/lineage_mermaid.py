"""Write a lineage as a Mermaid flowchart, left to right: sources, tiles, features, model. Equal definitions give equal text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nightloop.reporting.lineage import Group, Lineage

SHOWN_FEATURES = 6  # of a group; the page's table has them all


def lineage_mermaid(graph: Lineage) -> str:
    """Return the flowchart's text, without the fence of a page."""
    lines = ["flowchart LR"]
    lines += _column("sources", "Sources", [_source(graph, name) for name in graph.sources])
    lines += _column("tiles", "Tiles by night", [_tiles(i, group) for i, group in enumerate(graph.groups) if group.tiles])
    lines += _column("features", "Features", [_features(i, group) for i, group in enumerate(graph.groups)])
    count = sum(len(group.features) for group in graph.groups)
    lines.append(_node("model", f"<b>{graph.use_case}</b>", f"{graph.task}, {count} features"))
    lines.append(_node("label", "<b>label</b>", _escape(graph.label)))
    lines += [f"{_edges(i, group)} --> model" for i, group in enumerate(graph.groups)]
    lines += [f"source_{graph.label_source} --> label", "label -. teaches .-> model"]
    return "\n  ".join(lines)


def _column(name: str, title: str, nodes: Sequence[str]) -> Iterator[str]:
    if nodes:
        yield f'subgraph {name}["{title}"]'
        yield from (f"  {node}" for node in nodes)
        yield "end"


def _source(graph: Lineage, name: str) -> str:
    roles = {"entity": name == graph.entity, "label": name == graph.label_source, "not used": name in graph.unused}
    return _node(f"source_{name}", f"<b>{name}</b>", ", ".join(role for role, holds in roles.items() if holds))


def _tiles(i: int, group: Group) -> str:
    nights = f"{', '.join(map(str, group.tiles))} night{'s' if group.tiles != (1,) else ''}"
    return _node(f"tiles_{i}", f"<b>{group.title}</b>", f"{group.source}, {nights}")


def _features(i: int, group: Group) -> str:
    rest = len(group.features) - SHOWN_FEATURES
    shown = [*group.features[:SHOWN_FEATURES], f"and {rest} more"] if rest > 1 else group.features
    return _node(f"features_{i}", f"<b>{group.source}: {group.title}</b>", *shown)


def _edges(i: int, group: Group) -> str:
    steps = [f"source_{group.source}", *([f"tiles_{i}"] if group.tiles else []), f"features_{i}"]
    return " --> ".join(steps)


def _node(identifier: str, *lines: str) -> str:
    return f'{identifier}["{"<br>".join(line for line in lines if line)}"]'


def _escape(text: str) -> str:
    """Return a text that ends no node and is no HTML: Mermaid's entity codes for what it would read."""
    plain = " ".join(text.split()).replace("#", "#35;").replace("&", "#amp;")
    return plain.replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;").replace("`", "#96;")
