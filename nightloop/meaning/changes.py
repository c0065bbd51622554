"""What differs between two definitions of a use case: in meaning, in the rules that judge, or only in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from nightloop.definitions import UseCase
from nightloop.meaning.digests import Digests, Meanings, meanings_of

Kind = Literal["changed", "added", "removed", "renamed", "rule", "words"]
RULES = ("gates", "monitoring", "retrain", "value", "model", "risk", "contracts")
"""What says how a value is judged, or a model is made, and not what a value is."""


@dataclass(frozen=True)
class Change:
    """One difference.

    Attributes:
        kind: of a meaning (changed, added, removed, renamed), of a rule, or of words.
        thing: what differs, for example ``feature spent``, or the path of a rule.
        detail: before and after, where there is something short to show.
    """

    kind: Kind
    thing: str
    detail: str = ""

    @property
    def new_name(self) -> str:
        """The thing by the name that it was given."""
        place = self.thing[: max(self.thing.rfind("."), self.thing.rfind(" ")) + 1]
        return place + self.detail.removeprefix("to ")

    @property
    def is_meaning(self) -> bool:
        """Whether values must be built again for it: a rename needs nothing, for it is found by its meaning."""
        return self.kind in ("changed", "added", "removed")


def changes(before: UseCase, now: UseCase) -> list[Change]:
    """Return what differs between two definitions, meanings first."""
    was, is_now = meanings_of(before), meanings_of(now)
    meanings = [change for of_thing in _things(before, was, now, is_now) for change in of_thing]
    named = {change.thing for change in meanings}
    named |= {change.new_name for change in meanings if change.kind == "renamed"}
    return [*meanings, *_rest(before, now, named)]


def _things(before: UseCase, was: Meanings, now: UseCase, is_now: Meanings) -> Iterator[Iterator[Change]]:
    yield _named("source", was.rows, is_now.rows, {}, {})
    for source in was.columns.keys() & is_now.columns.keys():
        texts = [{name: of.sql for name, of in each.sources[source].columns.items()} for each in (before, now)]
        yield _named(f"column {source}", was.columns[source], is_now.columns[source], *texts)
    texts = [
        {name: _short(feature.model_dump(exclude_none=True)) for name, feature in each.features.items()}
        for each in (before, now)
    ]
    yield _named("feature", was.features, is_now.features, *texts)
    for thing in ("entity", "label"):
        if getattr(was, thing) != getattr(is_now, thing):
            yield iter([Change("changed", thing)])


def _named(kind: str, was: Digests, is_now: Digests, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Change]:
    """Yield what became of each thing of a kind, by name and by digest."""
    join = "." if " " in kind else " "
    renamed = {}
    for name in was.keys() - is_now.keys():
        new = next((other for other, digest in is_now.items() if digest == was[name] and other not in was), None)
        if new is not None:
            renamed[name] = new
    for name in sorted(was.keys() | is_now.keys()):
        thing = f"{kind}{join}{name}"
        if name in renamed:
            yield Change("renamed", thing, f"to {renamed[name]}")
        elif name not in is_now:
            yield Change("removed", thing)
        elif name not in was:
            if name not in renamed.values():
                yield Change("added", thing, now.get(name, ""))
        elif was[name] != is_now[name]:
            both = before.get(name, ""), now.get(name, "")
            yield Change("changed", thing, f"{both[0]} -> {both[1]}" if both[0] != both[1] else "what it is made from changed")


def _short(declared: Mapping[str, object]) -> str:
    words = ("kind", "description", "unit", "owner", "range", "personal", "sensitive", "calendar", "reason")
    values = [value for name, value in declared.items() if name not in words]
    return (
        str(values[0])
        if len(values) == 1
        else ", ".join(f"{name} {value}" for name, value in declared.items() if name not in words)
    )


def _rest(before: UseCase, now: UseCase, named: set[str]) -> Iterator[Change]:
    """Yield what differs beside meanings: rules, and words."""
    was, is_now = (dict(_leaves(each.model_dump(mode="json"))) for each in (before, now))
    for path in sorted(was.keys() | is_now.keys()):
        if was.get(path) == is_now.get(path) or _belongs_to(path, named):
            continue
        kind: Kind = "rule" if path.split(".")[0] in RULES else "words"
        yield Change(kind, path, f"{was.get(path)} -> {is_now.get(path)}")


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    else:
        yield path, str(value)


def _belongs_to(path: str, named: set[str]) -> bool:
    """Whether a path is of a thing that is told already."""
    parts = path.split(".")
    match parts:
        case ["features", name, *_]:
            return f"feature {name}" in named
        case ["sources", source, "columns", name, *_]:
            return f"column {source}.{name}" in named or f"source {source}" in named
        case ["sources", source, *_]:
            return f"source {source}" in named
        case [thing, *_] if thing in ("label", "entity"):
            return thing in named
    return False
