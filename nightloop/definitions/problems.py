"""The mistakes of one file: gathered, put into plain words, and raised as one error that shows each at its line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from textwrap import shorten
from typing import Any

from nightloop.definitions.yaml_lines import Key, Lines
from nightloop.errors import DefinitionError, meant

_BY_TYPE = {
    "string_type": "Write a text; a number, a date or a yes that is meant as one needs quotes.",
    "bool_type": "Write true or false.",
    "list_type": "Write a list: [one, two].",
    "dict_type": "Write a mapping: {key: value}.",
    "model_type": "Write a mapping: {key: value}.",
    "model_attributes_type": "Write a mapping: {key: value}.",
    "tuple_type": "Write two numbers: [low, high].",
    "float_type": "Write a number, for example 0.5.",
    "int_type": "Write a whole number, for example 7.",
    "int_from_float": "Write a whole number, for example 7.",
    "finite_number": "Write a finite number.",
    "date_type": "Write a day as YYYY-MM-DD.",
}


@dataclass(frozen=True)
class Problem:
    """One mistake: in which file and line, what was read, and what is allowed."""

    file: str
    line: int
    what: str
    do: str


@dataclass
class Problems:
    """The mistakes noted so far in one file, and in those that it extends."""

    file: str
    lines: Lines
    noted: list[Problem] = field(default_factory=list)
    _of_members: set[tuple[object, ...]] = field(default_factory=set)

    def add(self, path: Sequence[Key], what: str, do: str) -> None:
        """Note a mistake at the value that ``path`` leads to; once, where the features of a family share it."""
        nearest = self.lines.nearest(path)
        if path[:1] in (("features",), ["features"]) and len(path) > 1:
            shared = (id(nearest), *path[2:], what.replace(f"{path[1]}", ""), do)
            if shared in self._of_members:
                return
            self._of_members.add(shared)
        self.noted.append(Problem(nearest.file or self.file, nearest.line, what, do))

    def raise_if_any(self) -> None:
        """Raise one error for all mistakes: the file's own first, first line first.

        Raises:
            DefinitionError: at least one mistake was noted.
        """
        if not self.noted:
            return
        first, *others = sorted(self.noted, key=lambda problem: (problem.file != self.file, problem.file, problem.line))
        more = "".join(f"\n{problem.file}:{problem.line}: {problem.what} {problem.do}" for problem in others)
        error = DefinitionError(first.what, where=f"{first.file}:{first.line}", do=first.do + more)
        error.mistakes = tuple((f"{problem.file}:{problem.line}", problem.what, problem.do) for problem in (first, *others))
        raise error


def expected(item: Any) -> str:
    """Return what is allowed, as a sentence, for one error of pydantic."""
    kind = str(item["type"])
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    if kind.startswith("date"):
        return "Write a day that exists as YYYY-MM-DD."
    if kind == "literal_error":
        allowed = re.findall("'([^']*)'", item["ctx"]["expected"])
        return f"{meant(str(item['input']), allowed)}Allowed: {', '.join(allowed)}."
    if kind == "too_long" and item.get("ctx", {}).get("field_type") == "Tuple":
        return _BY_TYPE["tuple_type"]
    return f"{item['msg']}."


def shown(value: object) -> str:
    """Return a value that was read, shortened, for a sentence."""
    return shorten(repr(value), width=60, placeholder="…")
