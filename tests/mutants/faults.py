"""The faults that can be put into a source text: each one small, and of a kind that people make."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "less": "greater", "less_equal": "less"}
_SQL = {
    " <= ": " < ",
    " >= ": " > ",
    " < ": " <= ",
    " > ": " >= ",
    " and ": " or ",
    " AND ": " OR ",
    " + ": " - ",
    " - ": " + ",
}
_SQL |= {
    "min(": "max(",
    "max(": "min(",
    "sum(": "count(",
    " is null": " is not null",
    " IS NULL": " IS NOT NULL",
    " desc": " asc",
}


@dataclass(frozen=True)
class Fault:
    """One change of a source text: what stands from ``start`` to ``end`` (offsets in characters) becomes ``text``."""

    line: int
    start: int
    end: int
    text: str
    what: str

    def applied_to(self, source: str) -> str:
        """Return the source with the fault in it."""
        return source[: self.start] + self.text + source[self.end :]


def faults(source: str, *, sql: bool = False) -> list[Fault]:
    """Return every fault for a source, in the order of the lines; with ``sql`` those inside its texts too."""
    tree = ast.parse(source)
    finder = _Finder(source, sql)
    found = {fault for node, skipped in _walk(tree, skipped=False) if not skipped for fault in finder.of(node)}
    whole = ast.dump(tree)
    return sorted(
        (fault for fault in found if _changes(fault, source, whole)), key=lambda fault: (fault.start, fault.end, fault.text)
    )


def _changes(fault: Fault, source: str, whole: str) -> bool:
    """Whether the source with the fault is a program, and another one."""
    try:
        return ast.dump(ast.parse(fault.applied_to(source))) != whole
    except SyntaxError:
        return False


def _walk(node: ast.AST, *, skipped: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Yield nodes; annotations, what only type checkers read, and the text of errors are skipped."""
    yield node, skipped
    for name, value in ast.iter_fields(node):
        unread = name in ("annotation", "returns", "decorator_list")
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                words = isinstance(child, ast.Raise) or _is_type_checking(child) or _is_docstring(child)
                if isinstance(child, ast.Raise):
                    yield child, skipped
                yield from _walk(child, skipped=skipped or unread or words)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


class _Finder:
    def __init__(self, source: str, sql: bool) -> None:
        self.source, self.sql = source, sql
        self.lines = [0]
        for line in source.splitlines(keepends=True):
            self.lines.append(self.lines[-1] + len(line))
        self.bytes = source.isascii()

    def of(self, node: ast.AST) -> Iterator[Fault]:
        """Return the faults of one node."""
        yield from self._operator(node)
        yield from self._statement(node)
        yield from self._value(node)

    def _operator(self, node: ast.AST) -> Iterator[Fault]:
        match node:
            case ast.Compare(left=left, ops=ops, comparators=others):
                for before, op, after in zip([left, *others], ops, others, strict=False):
                    yield from self._between(before, after, *_COMPARISONS[type(op)])
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                yield from self._between(left, right, *_ARITHMETIC[type(op)])
            case ast.BoolOp(op=op, values=values):
                words = ("and", "or") if isinstance(op, ast.And) else ("or", "and")
                for before, after in pairwise(values):
                    yield from self._between(before, after, *words)
            case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert(), operand=operand):
                yield self._fault(node, self._text(operand), "sign or negation taken away")

    def _statement(self, node: ast.AST) -> Iterator[Fault]:
        match node:
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                yield self._fault(test, f"(not ({self._text(test)}))", "condition negated")
            case ast.comprehension(ifs=ifs):
                for test in ifs:
                    yield self._fault(test, "True", "filter taken away")
            case ast.Raise() | ast.Expr(value=ast.Call()):
                yield self._fault(node, "pass", "statement taken away")

    def _value(self, node: ast.AST) -> Iterator[Fault]:
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _NAMES:
                _, end = self._place(node)
                yield Fault(node.lineno, end - len(name), end, _NAMES[name], f"{name} -> {_NAMES[name]}")
            case ast.Constant():
                yield from self._constant(node)

    def _constant(self, node: ast.Constant) -> Iterator[Fault]:
        value = node.value
        if isinstance(value, bool):
            yield self._fault(node, str(not value), f"{value} -> {not value}")
        elif isinstance(value, int | float):
            yield self._fault(node, repr(value + 1), f"{value} -> {value + 1}")
        elif isinstance(value, str) and self.sql and "\n" not in value[:1]:
            yield from self._in_text(node)

    def _in_text(self, node: ast.Constant) -> Iterator[Fault]:
        start, end = self._place(node)
        text = self.source[start:end]
        for old, new in _SQL.items():
            for found in re.finditer(re.escape(old), text):
                yield Fault(node.lineno, start + found.start(), start + found.end(), new, f"SQL:{old}->{new}")

    def _between(self, before: ast.expr, after: ast.expr, old: str, new: str) -> Iterator[Fault]:
        start, end = self._place(before)[1], self._place(after)[0]
        pattern = rf"(?<![\w<>=!]){re.escape(old)}(?![\w<>=])" if old[0].isalpha() or old[0] in "<>=!" else re.escape(old)
        if found := re.search(pattern, self.source[start:end]):
            line = self.source.count("\n", 0, start + found.start()) + 1
            yield Fault(line, start + found.start(), start + found.end(), new, f"{old} -> {new}")

    def _fault(self, node: ast.AST, text: str, what: str) -> Fault:
        start, end = self._place(node)
        return Fault(node.lineno, start, end, text, what)  # type: ignore[attr-defined]

    def _place(self, node: Any) -> tuple[int, int]:
        return self._offset(node.lineno, node.col_offset), self._offset(node.end_lineno, node.end_col_offset)

    def _offset(self, line: int, column: int) -> int:
        """Turn Python's column in bytes into an offset in characters."""
        start = self.lines[line - 1]
        if self.bytes:
            return start + column
        text = self.source[start : self.lines[line]]
        return start + len(text.encode()[:column].decode())

    def _text(self, node: ast.AST) -> str:
        start, end = self._place(node)
        return self.source[start:end]
