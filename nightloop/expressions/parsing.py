"""From the text of an expression to a typed tree of the operations in the subset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError, SqlglotError

from nightloop.errors import DefinitionError, suggest
from nightloop.expressions.tree import UNBOUNDED, Node
from nightloop.expressions.type_rules import result
from nightloop.expressions.types import ColumnType

FUNCTIONS = ("abs", "floor", "least", "greatest", "coalesce", "nullif", "weekday", "year", "month", "day", "cast", "case")
_BINARY: dict[type[exp.Expr], str] = {
    exp.Add: "add", exp.Sub: "sub", exp.Mul: "mul", exp.Div: "div", exp.Mod: "mod",
    exp.EQ: "eq", exp.NEQ: "ne", exp.LT: "lt", exp.LTE: "le", exp.GT: "gt", exp.GTE: "ge",
    exp.And: "and", exp.Or: "or", exp.Nullif: "nullif",
}  # fmt: skip
_UNARY: dict[type[exp.Expr], str] = {
    exp.Neg: "neg", exp.Not: "not", exp.Abs: "abs", exp.Floor: "floor", exp.Year: "year", exp.Month: "month", exp.Day: "day",
}  # fmt: skip
_VARIADIC: dict[type[exp.Expr], str] = {exp.Coalesce: "coalesce", exp.Least: "least", exp.Greatest: "greatest"}


def build(text: str, columns: Mapping[str, ColumnType]) -> Node:
    """Parse ``text`` and type-check it against ``columns``.

    Raises:
        DefinitionError: what was read, and what is allowed.
    """
    try:
        parsed = parse_one(text, dialect="duckdb")
    except SqlglotError as error:
        faults = error.errors if isinstance(error, ParseError) else []
        detail = faults[0].get("description") if faults else str(error)
        raise DefinitionError(f"'{text}' cannot be read as an expression: {detail}.", do=_SUBSET) from error
    node = _Builder(text, columns).node(parsed)
    if node.type == "null":
        raise DefinitionError(f"'{text}' is always null.", do="Write an expression that can have a value.")
    return node


_SUBSET = f"Allowed: columns, numbers, 'text', + - * / %, comparisons, and/or/not, in, is null, and {', '.join(FUNCTIONS)}."


@dataclass(frozen=True)
class _Builder:
    text: str
    columns: Mapping[str, ColumnType]

    def node(self, e: exp.Expr) -> Node:
        kind = type(e)
        if kind in _BINARY:
            return self.typed(_BINARY[kind], self.node(e.this), self.node(e.expression))
        if kind in _UNARY:
            self.only_arguments(e, "this")
            return self.typed(_UNARY[kind], self.node(e.this))
        if kind in _VARIADIC:
            return self.typed(_VARIADIC[kind], self.node(e.this), *map(self.node, e.expressions))
        if isinstance(e, exp.Paren):
            return self.node(e.this)
        if isinstance(e, exp.Column | exp.Literal | exp.Boolean | exp.Null):
            return self.leaf(e)
        return self.special(e)

    def special(self, e: exp.Expr) -> Node:
        match e:
            case exp.In() if e.expressions:
                tests = [self.typed("eq", self.node(e.this), self.node(option)) for option in e.expressions]
                return tests[0] if len(tests) == 1 else self.typed("or", *tests)
            case exp.Between():
                self.only_arguments(e, "this", "low", "high")  # 'between symmetric' means something else
                value = self.node(e.this)
                low, high = self.node(e.args["low"]), self.node(e.args["high"])
                return self.typed("and", self.typed("ge", value, low), self.typed("le", value, high))
            case exp.Is() if isinstance(e.expression, exp.Null):
                return self.typed("is_null", self.node(e.this))
            case exp.Case() if e.this is None:
                pairs = [self.node(part) for branch in e.args["ifs"] for part in (branch.this, branch.args["true"])]
                default = e.args.get("default")
                return self.typed("case", *pairs, self.node(default) if default else Node("literal", "null"))
            case exp.Cast():
                return self.cast(e)
            case exp.Anonymous() if e.name.lower() == "weekday" and len(e.expressions) == 1:
                return self.typed("weekday", self.node(e.expressions[0]))
        raise self.outside(e)

    def leaf(self, e: exp.Expr) -> Node:
        if isinstance(e, exp.Boolean):
            return Node("literal", "boolean", value=bool(e.this))
        if isinstance(e, exp.Null):
            return Node("literal", "null")
        if isinstance(e, exp.Literal):
            return Node("literal", "string", value=str(e.this)) if e.is_string else self.number(str(e.this))
        if e.name not in self.columns or e.args.get("table"):
            raise DefinitionError(f"unknown column '{e.sql()}' in '{self.text}'.", do=suggest(e.name, self.columns, "Columns"))
        declared = self.columns[e.name]
        if declared == "integer":
            return Node("integer_column", "number", value=e.name, bits=64)
        return Node("column", declared, value=e.name, bits=UNBOUNDED if declared == "number" else 0)

    def number(self, text: str) -> Node:
        try:
            value = float(text)
        except ValueError as error:  # 1e
            raise DefinitionError(f"'{text}' in '{self.text}' is no number.", do="Write 1, 0.5 or 1e-3.") from error
        if not math.isfinite(value):
            raise DefinitionError(f"the number {text} in '{self.text}' is too large.", do="A number is a finite double.")
        return Node("literal", "number", value=value, bits=max(1.0, math.frexp(value)[1]))

    def cast(self, e: exp.Cast) -> Node:
        target = e.to.this
        if target == exp.DType.DATE and isinstance(e.this, exp.Literal) and e.this.is_string:
            try:
                return Node("literal", "date", value=date.fromisoformat(e.this.name))
            except ValueError as error:
                raise DefinitionError(f"{e.this.sql()} in '{self.text}' is no date.", do="Write date '2013-01-31'.") from error
        inner = self.node(e.this)
        if target in _NUMERIC_TYPES and inner.type == "boolean":
            return self.typed("to_number", inner)
        raise DefinitionError(
            f"'{e.sql()}' in '{self.text}' is a cast from {inner.type}.",
            do="Allowed: cast(boolean as number). Convert text where the source's column is declared.",
        )

    def typed(self, op: str, *args: Node) -> Node:
        return result(op, args, self.text)

    def only_arguments(self, e: exp.Expr, *allowed: str) -> None:
        if any(value for key, value in e.args.items() if key not in allowed):
            raise self.outside(e)

    def outside(self, e: exp.Expr) -> DefinitionError:
        function = e.name if isinstance(e, exp.Anonymous) else type(e).__name__ if isinstance(e, exp.Func) else ""
        do = suggest(function.lower(), FUNCTIONS, "Functions") if function else _SUBSET
        return DefinitionError(f"'{e.sql(dialect='duckdb')}' in '{self.text}' is outside the subset of SQL.", do=do)


_NUMERIC_TYPES = (exp.DType.DECIMAL, exp.DType.INT, exp.DType.BIGINT, exp.DType.DOUBLE)
