"""Read YAML and keep the line of every value, so that a mistake can be shown where it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from nightloop.errors import DefinitionError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Key = str | int


@dataclass(frozen=True)
class Lines:
    """The line (from 1) of a value and its file, and the lines of what it contains."""

    line: int
    children: dict[Key, Lines] = field(default_factory=dict)
    file: str = field(default="", compare=False)

    def nearest(self, path: Sequence[Key]) -> Lines:
        """Return the lines of the value at ``path``, or of the nearest one above it that is written."""
        nearest = self
        for key in path:
            if key not in nearest.children:
                break
            nearest = nearest.children[key]
        return nearest

    def of(self, path: Sequence[Key]) -> int:
        """Return the line of the value at ``path``, or of the nearest one above it that is written."""
        return self.nearest(path).line

    def place(self, path: Sequence[Key]) -> str:
        """Return where that value stands: file:line."""
        nearest = self.nearest(path)
        return f"{nearest.file}:{nearest.line}"

    def having(self, children: Mapping[Key, Lines]) -> Lines:
        """Return the same line holding these too."""
        return Lines(self.line, {**self.children, **children}, self.file)


def read_yaml(text: str, file: str) -> tuple[Any, Lines]:
    """Parse one YAML document safely.

    Raises:
        DefinitionError: not YAML, an empty document, a key written twice, or a value of an unsafe kind.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise DefinitionError("the file is empty.", where=f"{file}:1", do="Write a use case, see docs/definitions.md.")
        lines = _lines(node, file)
        return loader.construct_document(node), lines
    except yaml.YAMLError as error:
        raise _not_yaml(error, file) from error
    except ValueError as error:  # a value is marked as something that it is not: !!int x
        raise DefinitionError(f"a value cannot be read: {error}.", where=file, do="Look at the values with '!!'.") from error


def _not_yaml(error: yaml.YAMLError, file: str) -> DefinitionError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    where = f"{file}:{mark.line + 1}" if mark else file
    return DefinitionError(
        f"this is not YAML: {problem}.",
        where=where,
        do="Look at this line and the one above it; text with ': ', '#' or a leading '*', '&', '%' or '@' needs quotes.",
    )


def _lines(node: yaml.Node, file: str) -> Lines:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Lines(line, {i: _lines(child, file) for i, child in enumerate(node.value)}, file)
    if isinstance(node, yaml.ScalarNode):
        _check_day(node, f"{file}:{line}")
    if not isinstance(node, yaml.MappingNode):
        return Lines(line, file=file)
    children: dict[Key, Lines] = {}
    for key, value in node.value:
        name = str(key.value)
        if name in children:
            raise DefinitionError(
                f"the key '{name}' is written twice (first on line {children[name].line}).",
                where=f"{file}:{key.start_mark.line + 1}",
                do="Keep one of them.",
            )
        inner = _lines(value, file)
        # A mapping is shown at its key: the value may begin a line later.
        children[name] = Lines(key.start_mark.line + 1, inner.children, file)
    return Lines(line, children, file)


def _check_day(node: yaml.ScalarNode, where: str) -> None:
    """YAML reads what looks like a day as one, and has no line to tell when there is none such."""
    if node.tag != "tag:yaml.org,2002:timestamp":
        return
    try:
        yaml.SafeLoader("").construct_yaml_timestamp(node)
    except ValueError as error:
        raise DefinitionError(
            f"'{node.value}' is no day of the calendar: {error}.",
            where=where,
            do="Write a day that exists as YYYY-MM-DD; a text that looks like one needs quotes.",
        ) from error
