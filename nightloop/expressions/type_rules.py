"""The type rules of expressions: which operation takes which types, what it yields, and how large a number can get."""

from __future__ import annotations

from nightloop.errors import DefinitionError
from nightloop.expressions.tree import UNBOUNDED, Node
from nightloop.expressions.types import ValueType

_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%"}
_EQUALITY = {"eq": "=", "ne": "<>"}
_ORDER = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_ORDERED: tuple[ValueType, ...] = ("number", "date", "timestamp")
_ONE_ARGUMENT: dict[str, tuple[ValueType, ValueType]] = {
    "neg": ("number", "number"),
    "abs": ("number", "number"),
    "floor": ("number", "number"),
    "not": ("boolean", "boolean"),
    "to_number": ("boolean", "number"),
    "weekday": ("date", "number"),
    "year": ("date", "number"),
    "month": ("date", "number"),
    "day": ("date", "number"),
}
_SMALL = 24.0  # binary digits enough for a part of a date


def result(op: str, args: tuple[Node, ...], text: str) -> Node:
    """Return the node of ``op`` over ``args``, typed and bounded.

    Raises:
        DefinitionError: the types do not fit the operation.
    """
    if op == "is_null":
        return Node(op, "boolean", args)
    if op in _ONE_ARGUMENT:
        taken, yielded = _ONE_ARGUMENT[op]
        _require(op, args, (taken,), text)
        return Node(op, yielded, args, bits=(args[0].bits if taken == "number" else _SMALL) if yielded == "number" else 0)
    if op in _ARITHMETIC:
        _require(_ARITHMETIC[op], args, ("number",), text)
        return Node(op, "number", args, bits=_bits(op, args[0].bits, args[1].bits))
    if op in ("and", "or"):
        _require(op, args, ("boolean",), text)
        return Node(op, "boolean", args)
    if op in _EQUALITY or op in _ORDER:
        return _comparison(op, args, text)
    return _choice(op, args, text)


def _comparison(op: str, args: tuple[Node, ...], text: str) -> Node:
    symbol = _EQUALITY.get(op) or _ORDER[op]
    if any(arg.type == "null" for arg in args):
        raise DefinitionError(f"'{text}' compares with null, which never holds.", do="Write 'is null' or 'is not null'.")
    common = _common(symbol, args, text)
    if op in _ORDER and common not in _ORDERED:
        raise DefinitionError(
            f"'{symbol}' in '{text}' is applied to a {common}.", do=f"Only a {', a '.join(_ORDERED)} has an order."
        )
    return Node(op, "boolean", args)


def _choice(op: str, args: tuple[Node, ...], text: str) -> Node:
    """Type what picks one of its arguments: case, coalesce, nullif, least, greatest."""
    values = args
    if op == "case":
        _require("case when", args[:-1:2], ("boolean",), text)
        values = (*args[1:-1:2], args[-1])
    common = _common(op, values, text)
    if op in ("least", "greatest") and common not in _ORDERED:
        raise DefinitionError(
            f"'{op}' in '{text}' is applied to a {common}.", do=f"Only a {', a '.join(_ORDERED)} has an order."
        )
    if op == "nullif" and "null" in (args[0].type, args[1].type):
        raise DefinitionError(f"'nullif' in '{text}' is applied to null.", do="Give two values to compare.")
    return Node(op, common, args, bits=max(value.bits for value in values))


def _require(op: str, args: tuple[Node, ...], allowed: tuple[ValueType, ...], text: str) -> None:
    for arg in args:
        if arg.type not in allowed:
            raise DefinitionError(f"'{op}' in '{text}' is applied to a {arg.type}.", do=f"It takes a {' or a '.join(allowed)}.")


def _common(op: str, args: tuple[Node, ...], text: str) -> ValueType:
    types = sorted({arg.type for arg in args} - {"null"})
    if len(types) > 1:
        raise DefinitionError(f"'{op}' in '{text}' mixes a {' and a '.join(types)}.", do="All must be of one type.")
    return types[0] if types else "null"


def _bits(op: str, left: float, right: float) -> float:
    """Bound the result: what stays below 2**1023 cannot overflow and needs no check when it runs."""
    match op:
        case "add" | "sub":
            bits = max(left, right) + 1
        case "mul":
            bits = left + right
        case "mod":
            bits = left
        case _:
            bits = UNBOUNDED
    return bits if bits < UNBOUNDED - 1 else UNBOUNDED
