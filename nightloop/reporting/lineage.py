"""What features are made of, as a graph: sources, the nightly tiles of their records, groups of features, the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nightloop.definitions.features import (
    CategoryFeature,
    CrossFeature,
    ExpressionFeature,
    Feature,
    LagFeature,
    LookupFeature,
    PeersFeature,
)
from nightloop.definitions.use_case import UseCase


@dataclass(frozen=True)
class Group:
    """Features that are computed alike from one source.

    Attributes:
        title: how they are computed.
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
    features: dict[tuple[str, str], list[str]] = {}
    windows: dict[tuple[str, str], set[int]] = {}
    for name, feature in use_case.features.items():
        group = _source_and_title(feature, use_case.entity.source)
        features.setdefault(group, []).append(name)
        windows.setdefault(group, set()).update(nights_of(feature))
    ordered = sorted(features, key=lambda group: (group[0] != use_case.entity.source, sources.index(group[0])))
    groups = (Group(*group, tuple(features[group]), tuple(sorted(windows[group]))) for group in ordered)
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


def _source_and_title(feature: Feature, entity: str) -> tuple[str, str]:
    match feature:
        case ExpressionFeature() | CategoryFeature() | CrossFeature():
            return entity, "of the row itself"
        case LagFeature():
            return entity, "of the same key some nights ago"
        case PeersFeature():
            return entity, "among the night's rows"
        case LookupFeature():
            return feature.source, f"looked up by {', '.join(feature.by.values())}"
    return feature.source, f"by {', '.join(feature.by)}"
