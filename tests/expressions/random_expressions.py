"""Random expressions and rows for the property tests, and a slow, plain reading of what an expression means."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from nightloop.expressions.tree import Node

TYPES = {
    **dict.fromkeys("ij", "integer"),
    **dict.fromkeys("xy", "number"),
    **dict.fromkeys("bc", "boolean"),
    **dict.fromkeys("st", "string"),
    **dict.fromkeys("de", "date"),
}
ARROW = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "string": pa.string(), "date": pa.date32()}
ARROW["timestamp"] = pa.timestamp("us", "UTC")

_integers = st.sampled_from([None, 0, 1, -1, 2, 3, 7, -12, 60, 2**53 + 1, 2**63 - 1, -(2**63)])
_numbers = st.sampled_from(
    [
        None,
        0.0,
        -0.0,
        0.1,
        -0.3,
        1.5,
        -2.5,
        3.0,
        7.25,
        1e16,
        1e19,
        -1e19,
        1e200,
        1e308,
        -1e308,
        5e-324,
        math.nan,
        math.inf,
        -math.inf,
    ]
)
_texts = st.sampled_from([None, "", "a", "A", "b'c", "ü|%", "back\\slash", " a"])
_dates = st.sampled_from(
    [None, date(1900, 2, 28), date(1969, 12, 28), date(1970, 1, 1), date(2012, 2, 29), date(2013, 12, 30), date(2024, 12, 31)]
)
_values = {
    "integer": _integers,
    "number": _numbers,
    "boolean": st.sampled_from([None, True, False]),
    "string": _texts,
    "date": _dates,
}
rows = st.lists(st.fixed_dictionaries({name: _values[kind] for name, kind in TYPES.items()}), min_size=1, max_size=5)


# By the type that it yields, an expression of each operator. Hypothesis does not draw evenly, so each is made the root in turn.
NUMBER = (
    *(f"({{number}} {op} {{number}})" for op in "+-*/%"),
    *(f"{name}({{number}}, {{number}})" for name in ("coalesce", "nullif", "least", "greatest")),
    *(f"{name}({{number}})" for name in ("abs", "floor", "-")),
    *(f"{name}({{date}})" for name in ("weekday", "year", "month", "day")),
    "case when {boolean} then {number} when {boolean} then {number} else {number} end",
    "case when {boolean} then {number} end",
    "cast({boolean} as number)",
)
BOOLEAN = (
    *(f"({{number}} {op} {{number}})" for op in ("=", "<>", "<", "<=", ">", ">=")),
    *(f"({{date}} {op} {{date}})" for op in ("=", "<>", "<", "<=", ">", ">=")),
    *(f"({{string}} {op} {{string}})" for op in ("=", "<>")),
    *(f"({{boolean}} {op} {{boolean}})" for op in ("=", "<>", "and", "or")),
    "(not {boolean})",
    *(f"({{{kind}}} is null)" for kind in ("number", "string", "date", "boolean")),
    "({number} is not null)",
    "({string} in ('a', 'b''c', ''))",
    "({number} in (1, 2.5, {number}))",
    "({number} not in (1, 2.5, -1))",
    "({number} between {number} and {number})",
)
STRING = ("coalesce({string}, {string})", "nullif({string}, {string})", "case when {boolean} then {string} else {string} end")
DATE = tuple(f"{name}({{date}}, {{date}})" for name in ("coalesce", "nullif", "least", "greatest"))
_PRODUCTIONS = {"number": NUMBER, "boolean": BOOLEAN, "string": STRING, "date": DATE}
_LEAVES = {
    "number": ["i", "j", "x", "y", "0", "1", "2.5", "1e200", "0.1"],
    "boolean": ["b", "c", "true", "false"],
    "string": ["s", "t", "'a'", "'b''c'", "'back\\slash'"],
    "date": ["d", "e", "date '2012-02-29'"],
}


@st.composite
def _one_of(draw, options, offset):
    """Draw one of the options. What Hypothesis draws most often, another offset makes another option."""
    return options[(draw(st.integers(0, len(options) - 1)) + offset) % len(options)]


@st.composite
def _expression(draw, roots, depth, offset):
    """Draw a production, and something of the right type for each of its places: a smaller expression or a leaf."""
    parts = re.split(r"\{(\w+)\}", draw(_one_of(roots, offset)))
    for place in range(1, len(parts), 2):
        kind, inner = parts[place], 7 * offset + 3 * place + depth
        deeper = depth and draw(st.booleans())
        parts[place] = draw(_expression(_PRODUCTIONS[kind], depth - 1, inner) if deeper else _one_of(_LEAVES[kind], inner))
    return "".join(parts)


ROOTS = NUMBER + BOOLEAN + STRING + DATE
ROOTED = {root: _expression((root,), 2, number) for number, root in enumerate(ROOTS)}


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Return examples of a strategy, the same every time."""
    examples = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(value: Any) -> None:
        examples.append(value)

    draw()
    return examples


def operations(node: Node) -> Iterator[str]:
    """Yield the operation of a node and of all below it."""
    yield node.op
    for arg in node.args:
        yield from operations(arg)


def plain(node: Node, row: dict) -> object:  # noqa: C901, PLR0911
    """The value of an expression for one row, in plain Python: None is null, numbers are floats."""
    if node.op in ("column", "integer_column"):
        value = row[node.value]
        return _finite(float(value)) if node.type == "number" and value is not None else value
    if node.op == "literal":
        return node.value
    if node.op == "case":
        for test, then in zip(node.args[:-1:2], node.args[1:-1:2], strict=True):
            if plain(test, row) is True:
                return plain(then, row)
        return plain(node.args[-1], row)
    args = [plain(arg, row) for arg in node.args]
    present = [arg for arg in args if arg is not None]
    match node.op:
        case "is_null":
            return args[0] is None
        case "and":
            return False if False in present else None if None in args else True
        case "or":
            return True if True in present else None if None in args else False
        case "coalesce":
            return present[0] if present else None
        case "least" | "greatest":
            return (min if node.op == "least" else max)(present) if present else None
        case "nullif":
            return None if args[0] is not None and args[0] == args[1] else args[0]
    return None if None in args else _finite(_PLAIN[node.op](*args))


def _finite(value):
    return None if isinstance(value, float) and not math.isfinite(value) else value


_PLAIN = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b else None,
    "mod": lambda a, b: math.fmod(a, b) if b else None,
    "neg": lambda a: -a,
    "abs": abs,
    "floor": lambda a: float(math.floor(a)),
    "not": lambda a: not a,
    "to_number": float,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "weekday": lambda a: float(a.isoweekday()),
    "year": lambda a: float(a.year),
    "month": lambda a: float(a.month),
    "day": lambda a: float(a.day),
}
