"""What features are made of, as a graph: sources, the nightly tiles of their records, groups of features, the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nightloop.definitions.features import CrossFeature, ExpressionFeature, Feature, LagFeature, LookupFeature, PeersFeature
from nightloop.definitions.use_case import UseCase


@dataclass(frozen=True)
class Group:
    """Features that are made in one way from one source.

    Attributes:
        title: how they are made.
        tiles: nights of the tiles they are summed from; empty where there are none.
    """

    source: str
    title: str
    features: tuple[str, ...]
    tiles: tuple[int, ...] = ()


@dataclass(frozen=True)
class Lineage:
    """The whole graph."""

    use_case: str
    sources: tuple[str, ...]
    entity: str
    label_source: str
    label: str
    task: str
    groups: tuple[Group, ...]

    @property
    def unused(self) -> tuple[str, ...]:
        """Sources that neither a feature, nor the entity, nor the label reads."""
        read = {self.entity, self.label_source, *(group.source for group in self.groups)}
        return tuple(name for name in self.sources if name not in read)


def lineage(use_case: UseCase) -> Lineage:
    """Return the lineage that the use case declares, groups by the order of their sources."""
    sources = tuple(use_case.sources)
    found: dict[tuple[str, str], list[str]] = {}
    windows: dict[tuple[str, str], set[int]] = {}
    for name, feature in use_case.features.items():
        place = _place(feature, use_case.entity.source)
        found.setdefault(place, []).append(name)
        windows.setdefault(place, set()).update(nights_of(feature))
    ordered = sorted(found, key=lambda place: (place[0] != use_case.entity.source, sources.index(place[0])))
    groups = (Group(*place, tuple(found[place]), tuple(sorted(windows[place]))) for place in ordered)
    return Lineage(
        use_case.use_case,
        sources,
        use_case.entity.source,
        use_case.label.source,
        use_case.label.description,
        use_case.model.task,
        tuple(groups),
    )


def nights_of(feature: Feature) -> Iterator[int]:
    """Yield the lengths of the windows that a feature is summed over; none for one that is not."""
    for name in ("nights", "to_nights"):
        nights = getattr(feature, name, None)
        if nights is not None and not isinstance(feature, LagFeature):
            yield nights


def _place(feature: Feature, entity: str) -> tuple[str, str]:
    match feature:
        case ExpressionFeature() | CrossFeature():
            return entity, "of the row itself"
        case LagFeature():
            return entity, "of the same key some nights ago"
        case PeersFeature():
            return entity, "among the night's rows"
        case LookupFeature():
            return feature.source, f"looked up by {', '.join(feature.by.values())}"
    return feature.source, f"by {', '.join(feature.by)}"
