"""Gather every mistake of one file, and raise them as one error that shows each at its line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nightloop.definitions.yaml_lines import Key, Lines
from nightloop.errors import DefinitionError


@dataclass(frozen=True)
class Problem:
    """One mistake: on which line, what was read, and what is allowed."""

    line: int
    what: str
    do: str


@dataclass
class Problems:
    """The mistakes found so far in one file."""

    file: str
    lines: Lines
    found: list[Problem] = field(default_factory=list)

    def add(self, path: Sequence[Key], what: str, do: str) -> None:
        """Note a mistake at the value that ``path`` leads to."""
        self.found.append(Problem(self.lines.of(path), what, do))

    def raise_if_any(self) -> None:
        """Raise one error for all mistakes, first line first.

        Raises:
            DefinitionError: at least one mistake was noted.
        """
        if not self.found:
            return
        first, *others = sorted(self.found, key=lambda problem: problem.line)
        more = "".join(f"\n{self.file}:{problem.line}: {problem.what} {problem.do}" for problem in others)
        error = DefinitionError(first.what, where=f"{self.file}:{first.line}", do=first.do + more)
        error.mistakes = tuple((f"{self.file}:{problem.line}", problem.what, problem.do) for problem in (first, *others))
        raise error
