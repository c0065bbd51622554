"""A definition that extends another: what the other declares, with its own keys put over it.

Mappings are laid over each other key by key; every other value, and a mapping that says its own ``kind`` or ``task``, replaces
what stood there; null takes it away. The file that something came from is told with its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nightloop.definitions.problems import shown
from nightloop.definitions.yaml_lines import Lines
from nightloop.errors import DefinitionError, suggest

SHARED = "shared"
"""Folder, within that of the definitions, of files that are only extended."""
EXTENDS = "extends"
MOST_FILES = 4
_NAME = re.compile(rf"(?:{SHARED}/)?[a-z][a-z0-9_]*")


@dataclass(frozen=True, eq=False)
class Document:
    """One file as it was read: under which name others extend it, its text, its values and their lines."""

    name: str
    text: str
    value: Any
    lines: Lines


@dataclass(frozen=True)
class Beside:
    """The files that a definition may extend: ``read`` gives one by its name, or None; ``names`` are those that there are."""

    read: Callable[[str], Document | None]
    names: Sequence[str] = ()


NOTHING = Beside(lambda _: None)


def chain(first: Document, beside: Beside) -> tuple[Document, ...]:
    """Return the file, the one that it extends, the one that this extends, and so on.

    Raises:
        DefinitionError: no such file, a circle, or more than ``MOST_FILES``.
    """
    documents = [first]
    while (name := _extended(documents[-1])) is not None:
        place = documents[-1].lines.place((EXTENDS,))
        names = [document.name for document in documents]
        if name in names:
            circle = " -> ".join([*names[names.index(name) :], name])
            raise DefinitionError(
                f"definitions extend each other in a circle: {circle}.", where=place, do="Leave out one 'extends'."
            )
        if len(documents) == MOST_FILES:
            raise DefinitionError(
                f"{' -> '.join([*names, name])} are more than {MOST_FILES} files, one extending the other.",
                where=place,
                do=f"Let '{first.name}' extend one that stands nearer to the end.",
            )
        extended = beside.read(name)
        if extended is None:
            others = [other for other in beside.names if other != first.name]
            do = suggest(name, others, "There are") if others else "Write the name of a definition that is there."
            raise DefinitionError(f"there is no definition '{name}' to extend.", where=place, do=do)
        if not isinstance(extended.value, dict):
            raise DefinitionError(
                f"it is extended, and is no mapping of keys to values; read {shown(extended.value)}.",
                where=extended.lines.place(()),
                do="See docs/definitions.md.",
            )
        documents.append(extended)
    return tuple(documents)


def _extended(document: Document) -> str | None:
    """Return the name that a file extends, None where it extends nothing."""
    if not isinstance(document.value, dict) or EXTENDS not in document.value:
        return None
    name = document.value[EXTENDS]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DefinitionError(
            f"'{EXTENDS}' reads {shown(name)}.",
            where=document.lines.place((EXTENDS,)),
            do=f"Write the name of another use case, or {SHARED}/NAME for a file of that folder, without .yaml.",
        )
    return name


def merged(documents: Sequence[Document]) -> tuple[Any, Lines]:
    """Return what a file declares with all that it extends, and where each value stands."""
    *above, last = documents
    value, lines = last.value, last.lines
    for document in reversed(above):
        # A use case names itself.
        below = {key: item for key, item in value.items() if key != "use_case"}
        of_below = Lines(lines.line, {key: item for key, item in lines.children.items() if key != "use_case"}, lines.file)
        value, lines = _laid_over(document.value, document.lines, below, of_below)
    return {key: item for key, item in value.items() if key != EXTENDS} if above else value, lines


def _laid_over(above: Any, above_lines: Lines, below: Any, below_lines: Lines) -> tuple[Any, Lines]:
    """Return one mapping over another, with the lines of what is left of both."""
    value, children = dict(below), dict(below_lines.children)
    for key, item in above.items():
        name, lines = str(key), above_lines.children.get(str(key), above_lines)
        if item is None and key in below:
            del value[key], children[name]
        elif isinstance(item, dict) and isinstance(below.get(key), dict) and not {"kind", "task"} & item.keys():
            value[key], children[name] = _laid_over(item, lines, below[key], below_lines.children.get(name, below_lines))
        else:
            value[key], children[name] = item, lines
    return value, Lines(above_lines.line, children, above_lines.file)
