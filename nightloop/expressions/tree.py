"""The typed tree of an expression: what parsing builds, and what SQL and NumPy are made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from nightloop.expressions.types import ValueType

UNBOUNDED = 1024.0  # binary digits of a double's largest power of two


@dataclass(frozen=True)
class Node:
    """One operation. ``bits`` bounds a number's size (abs(x) < 2**bits); at UNBOUNDED the result may not be finite."""

    op: str
    type: ValueType
    args: tuple[Node, ...] = ()
    value: float | str | bool | date | None = None
    bits: float = 0.0

    def columns(self) -> frozenset[str]:
        """Return the names of the columns below this node."""
        names = frozenset([str(self.value)]) if self.op in ("column", "integer_column") else frozenset[str]()
        return names.union(*(arg.columns() for arg in self.args))
