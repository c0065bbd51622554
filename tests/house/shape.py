"""Measure the house: sizes of files, functions and rooms, and who imports whom, read from the source without importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nightloop.settings import REPOSITORY

PACKAGES = ("dags", "plugins", "jobs", "serving", "nightloop")


@dataclass(frozen=True)
class File:
    """One Python file: its path from the repository's root, and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def module(self) -> str:
        """Its dotted name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        """The folder it stands in, dotted."""
        return self.path.rpartition("/")[0].replace("/", ".")

    @property
    def lines(self) -> int:
        """How many lines it has."""
        return len(self.text.splitlines())


@cache
def files(*folders: str) -> tuple[File, ...]:
    """Return the Python files below the folders."""
    paths = sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> File:
    text = path.read_text(encoding="utf-8")
    return File(str(path.relative_to(REPOSITORY)), text, ast.parse(text))


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield each function's name and the lines of its body, docstring and inner functions' own bodies included once."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, _body_lines(node)


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return lines from the first statement after the docstring to the last."""
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not statements:
        return 0
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1


def imports(file: File, known: Iterable[str]) -> set[str]:
    """Return the modules of ours that a file imports, wherever it does, but for type checking only.

    ``from room import name`` counts as the module ``room.name`` where there is one, else as the room itself.
    """
    known = set(known)
    found = set[str]()
    for node in _walk_without_type_checking(file.tree):
        if isinstance(node, ast.Import):
            found |= {_longest(alias.name, known) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {_longest(f"{node.module}.{alias.name}", known) for alias in node.names}
    return found - {"", file.module}


def _walk_without_type_checking(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _walk_without_type_checking(child)


def _longest(name: str, known: set[str]) -> str:
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return groups of nodes that reach one another, each sorted (Tarjan 1972 would be faster; the house is small)."""
    reach = {node: _reachable(node, graph) for node in graph}
    groups = {frozenset({node, *(other for other in reach[node] if node in reach.get(other, ()))}) for node in graph}
    return sorted(sorted(group) for group in groups if len(group) > 1)


def _reachable(start: str, graph: Mapping[str, set[str]]) -> set[str]:
    reached, fresh = set[str](), set(graph.get(start, ()))
    while fresh:
        node = fresh.pop()
        reached.add(node)
        fresh |= graph.get(node, set()) - reached
    return reached


def identifiers(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield names that the code gives: of functions, classes, parameters, variables, attributes and imports, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def strings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield texts in the code, f-strings' parts too, but no docstrings."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value, node.lineno


def room_of(file: File) -> str:
    """Return the folder of the second level that a file belongs to; a loose file is a room of its own."""
    parts = file.path.removesuffix(".py").split("/")
    return ".".join(parts[:2]) if parts[-1] != "__init__" or len(parts) > 2 else parts[0]


def file_graph(*folders: str) -> dict[str, set[str]]:
    """Return which module imports which, wherever in its file."""
    modules = {file.module for file in files(*folders)}
    return {file.module: imports(file, modules) for file in files(*folders)}


def room_graph(*folders: str) -> dict[str, set[str]]:
    """Return which room imports from which."""
    rooms = {file.module: room_of(file) for file in files(*folders)}
    graph: dict[str, set[str]] = {room: set() for room in rooms.values()}
    for module, imported in file_graph(*folders).items():
        graph[rooms[module]] |= {rooms[other] for other in imported} - {rooms[module]}
    return graph
