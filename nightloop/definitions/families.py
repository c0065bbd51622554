"""Families of features, written out before anything else looks at a definition.

A family is declared as one feature and stands for one of each group of columns in ``by`` and each number in ``nights``. What
comes after (validation, digests, plans, pages, messages) sees plain features; each has the lines of its family.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nightloop.definitions.defaults import feature_kinds, with_defaults
from nightloop.definitions.problems import Problems, shown
from nightloop.definitions.yaml_lines import Key, Lines
from nightloop.errors import meant, suggest

AXES = ("by", "nights")
"""What a family lists: groups of columns, numbers of nights, or both."""
NAMES, WORDS = "names", "words"
"""Keys that only a family has: the template of its features' names, and what its descriptions call a group or a number."""
_PLACEHOLDER = re.compile(r"\{[^{}]*\}?|\}")
_GROUPS = "List groups of columns, [[origin], [origin, destination]], or name them, {route: [origin, destination]}."


@dataclass(frozen=True)
class _Member:
    """One of what an axis lists: its value, and what stands for it in names and in descriptions."""

    value: Any
    name: str
    words: str


class _Family:
    """A feature that lists groups or numbers; its mistakes are noted in ``problems``."""

    def __init__(self, name: str, declared: Mapping[str, Any], problems: Problems) -> None:
        self.name, self.declared, self.problems = name, declared, problems
        self.axes = listed_axes(declared)
        by_default = ("{by}_" if "by" in self.axes else "") + name + ("_{nights}d" if "nights" in self.axes else "")
        self.template = declared.get(NAMES, by_default)

    def features(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the features by name; none where there are mistakes."""
        before = len(self.problems.noted)
        if self._has_unknown_keys():  # of an axis, perhaps: what else seems wrong would follow from it
            return []
        members = {axis: list(self._members(axis)) for axis in self.axes}
        self._check_words(members)
        self._check_template()
        return list(self._written_out(members)) if len(self.problems.noted) == before else []

    def _written_out(self, members: Mapping[str, list[_Member]]) -> Iterator[tuple[str, dict[str, Any]]]:
        plain = {key: value for key, value in self.declared.items() if key not in (NAMES, WORDS)}
        chosen: list[dict[str, _Member]] = [{}]
        for axis in self.axes:
            chosen = [{**one, axis: member} for one in chosen for member in members[axis]]
        for one in chosen:
            names, words = ({axis: getattr(member, part) for axis, member in one.items()} for part in ("name", "words"))
            values = {axis: member.value for axis, member in one.items()}
            yield _filled(self.template, names), {**{key: _described(plain[key], words, key) for key in plain}, **values}

    def _note(self, path: tuple[Key, ...], what: str, do: str) -> None:
        self.problems.add(("features", self.name, *path), what, do)

    def _members(self, axis: str) -> Iterator[_Member]:
        """Yield what an axis lists; note what is no group of columns and no number of nights."""
        listed, words = self.declared[axis], self.declared.get(WORDS)
        words = words if isinstance(words, dict) else {}
        if not listed:
            self._note((axis,), f"'{axis}' of the family '{self.name}' lists nothing.", "List at least one.")
        named = isinstance(listed, dict)
        for place, value in listed.items() if named else enumerate(listed):
            if axis == "nights":
                if isinstance(value, bool) or not isinstance(value, int):
                    what = f"'nights' of the family '{self.name}' lists {shown(value)}."
                    self._note((axis, place), what, "List whole numbers: [1, 7, 28].")
                    continue
                yield _Member(value, str(value), words.get(value, "1 night" if value == 1 else f"{value} nights"))
                continue
            columns = list(value.values()) if isinstance(value, dict) else value
            if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
                self._note(
                    (axis, str(place) if named else place), f"'by' of the family '{self.name}' lists {shown(value)}.", _GROUPS
                )
                continue
            name = str(place) if named else "_".join(columns)
            yield _Member(value, name, words.get(name, (name if named else " and ".join(columns)).replace("_", " ")))

    def _has_unknown_keys(self) -> bool:
        kind = feature_kinds().get(str(self.declared.get("kind")))
        allowed = {*kind.model_fields, NAMES, WORDS} if kind else set(self.declared)
        unknown = [str(key) for key in self.declared if key not in allowed]
        for key in unknown:
            self._note((key,), f"unknown key '{key}' in 'features > {self.name}'.", suggest(key, allowed, "Allowed keys"))
        return bool(unknown)

    def _check_words(self, members: Mapping[str, list[_Member]]) -> None:
        """Words are texts, of groups and numbers that the family lists."""
        words = self.declared.get(WORDS, {})
        if not isinstance(words, dict):
            self._note((WORDS,), f"'{WORDS}' reads {shown(words)}.", "Write a mapping: {route: of the route, 1: yesterday}.")
            return
        known = {member.value if axis == "nights" else member.name: member for axis in members for member in members[axis]}
        for key, value in words.items():
            if key not in known:
                do = suggest(str(key), map(str, known), "It lists")
                self._note((WORDS, str(key)), f"the family '{self.name}' has words of '{key}', which it does not list.", do)
            elif not isinstance(value, str):
                self._note((WORDS, str(key)), f"the words of '{key}' read {shown(value)}.", "Write a text.")

    def _check_template(self) -> None:
        """Names are made of the family's own axes, and of each that tells features apart."""
        allowed = " and ".join(f"{{{axis}}}" for axis in self.axes)
        if not isinstance(self.template, str):
            self._note((NAMES,), f"'{NAMES}' reads {shown(self.template)}.", f"Write a text with {allowed}.")
            return
        for placeholder in dict.fromkeys(_PLACEHOLDER.findall(self.template)):
            if placeholder.strip("{}") not in self.axes or not placeholder.startswith("{") or not placeholder.endswith("}"):
                what = f"'{NAMES}' holds '{placeholder}', which the family '{self.name}' does not list."
                self._note((NAMES,), what, f"{meant(placeholder.strip('{}'), self.axes)}Write {allowed}.")


def written_out(document: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """Return the document with plain features: defaults filled in, families written out.

    The lines of ``problems`` become those of what is returned. A family with a mistake is noted and left out.
    """
    document = with_defaults(document, problems)
    features = document.get("features")
    if not isinstance(features, dict):
        return document
    lines, plain = problems.lines.nearest(("features",)), dict[str, Any]()
    of_features = dict[Key, Lines]()
    for name, declared in features.items():
        if not isinstance(declared, dict) or not listed_axes(declared):
            members = [(name, declared)]
        else:
            members = _Family(str(name), declared, problems).features()
        for member, feature in members:
            if member in plain:
                what = f"the feature '{member}' is declared twice, first on line {of_features[str(member)].line}."
                problems.add(("features", str(name)), what, f"Give '{name}' another name, or names: a template with {{by}}.")
                break
            plain[member], of_features[str(member)] = feature, lines.nearest((str(name),))
    problems.lines = problems.lines.having({"features": Lines(lines.line, of_features, lines.file)})
    return {**document, "features": plain}


def listed_axes(feature: Mapping[str, Any]) -> list[str]:
    """Return the axes of which a feature lists several values: lists (or mappings) of columns, and lists of nights."""
    by = feature.get("by")
    groups = by if isinstance(by, list) else by.values() if isinstance(by, dict) else ()
    listed = {"by": any(isinstance(group, list | dict) for group in groups), "nights": isinstance(feature.get("nights"), list)}
    return [axis for axis in AXES if listed[axis]]


def _filled(template: str, values: Mapping[str, str]) -> str:
    for axis, value in values.items():
        template = template.replace(f"{{{axis}}}", value)
    return template


def _described(value: Any, words: Mapping[str, str], key: str) -> Any:
    """Return a description, or the words of reasons, with what a family's member is called; any other value as it is."""
    if key == "reason" and isinstance(value, dict):
        return {direction: _described(text, words, "description") for direction, text in value.items()}
    return _filled(value, words) if key == "description" and isinstance(value, str) else value
