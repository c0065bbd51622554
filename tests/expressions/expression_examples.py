"""Random expressions and rows for the property tests, and a slow, plain reading of what an expression means."""

from __future__ import annotations

import math
from datetime import date

import pyarrow as pa
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
rows = st.lists(st.fixed_dictionaries({name: _values[kind] for name, kind in TYPES.items()}), min_size=1, max_size=12)


def _number(deeper):
    two = st.tuples(deeper["number"], deeper["number"])
    return st.one_of(
        st.tuples(two, st.sampled_from("+-*/%")).map(lambda p: f"({p[0][0]} {p[1]} {p[0][1]})"),
        st.tuples(st.sampled_from(["coalesce", "nullif", "least", "greatest"]), two).map(
            lambda p: f"{p[0]}({p[1][0]}, {p[1][1]})"
        ),
        st.tuples(st.sampled_from(["abs", "floor", "-"]), deeper["number"]).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(st.sampled_from(["weekday", "year", "month", "day"]), deeper["date"]).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(deeper["boolean"], two).map(lambda p: f"case when {p[0]} then {p[1][0]} else {p[1][1]} end"),
        st.tuples(deeper["boolean"], deeper["number"]).map(lambda p: f"case when {p[0]} then {p[1]} end"),
        deeper["boolean"].map(lambda b: f"cast({b} as number)"),
    )


def _boolean(deeper):
    def compare(kind, operators):
        parts = st.tuples(deeper[kind], st.sampled_from(operators), deeper[kind])
        return parts.map(lambda p: f"({p[0]} {p[1]} {p[2]})")

    return st.one_of(
        compare("number", ["=", "<>", "<", "<=", ">", ">="]),
        compare("date", ["=", "<>", "<", "<=", ">", ">="]),
        compare("string", ["=", "<>"]),
        compare("boolean", ["and", "or", "=", "<>"]),
        deeper["boolean"].map(lambda b: f"(not {b})"),
        st.one_of(*(deeper[kind] for kind in ("number", "string", "date", "boolean"))).map(lambda v: f"({v} is null)"),
        deeper["string"].map(lambda s: f"({s} in ('a', 'b''c', ''))"),
        deeper["number"].map(lambda v: f"({v} not in (1, 2.5, -1))"),
        st.tuples(deeper["number"], deeper["number"]).map(lambda p: f"({p[0]} between 0 and {p[1]})"),
    )


def _string(deeper):
    two = st.tuples(deeper["string"], deeper["string"])
    return st.one_of(
        two.map(lambda p: f"coalesce({p[0]}, {p[1]})"),
        two.map(lambda p: f"nullif({p[0]}, {p[1]})"),
        st.tuples(deeper["boolean"], two).map(lambda p: f"case when {p[0]} then {p[1][0]} else {p[1][1]} end"),
    )


def _date(deeper):
    two = st.tuples(deeper["date"], deeper["date"])
    return st.tuples(st.sampled_from(["coalesce", "nullif", "least", "greatest"]), two).map(
        lambda p: f"{p[0]}({p[1][0]}, {p[1][1]})"
    )


_leaves = {
    "number": st.sampled_from(["i", "j", "x", "y", "0", "1", "2.5", "1e200", "0.1"]),
    "boolean": st.sampled_from(["b", "c", "true", "false"]),
    "string": st.sampled_from(["s", "t", "'a'", "'b''c'", "'back\\slash'"]),
    "date": st.sampled_from(["d", "e", "date '2012-02-29'"]),
}


def _level(deeper):
    made = {"number": _number(deeper), "boolean": _boolean(deeper), "string": _string(deeper), "date": _date(deeper)}
    return {kind: _leaves[kind] | made[kind] for kind in _leaves}


_deep = _level(_level(_level(_leaves)))
expressions = _deep["number"] | _deep["boolean"]


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
