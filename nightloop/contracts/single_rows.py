"""The rules of a contract that set single rows aside, as functions of a row: what comes one by one is held to what a night is.

An Arrow table for every request would cost more than the answer. tests/contracts/test_single_rows.py holds these equal to the
rules of tables. Rules that need other rows (unique keys), the night's own dates, or a condition that is not understood are left
to the night.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from nightloop.contracts.fast_path import comparable, is_known_condition
from nightloop.contracts.suite import Contract, Rule

Row = Mapping[str, Any]
Breaks = Callable[[Row], bool]
Kwargs = Mapping[str, Any]
Types = Mapping[str, pa.DataType]


@dataclass(frozen=True)
class RowRule:
    """A rule that a row breaks or keeps: ``breaks(row)``; a missing value is None."""

    rule: Rule
    breaks: Breaks


def row_rules(
    contract: Contract, types: Types, referred: Mapping[tuple[str, str], Collection[Any]], *, required: Collection[str]
) -> tuple[RowRule, ...]:
    """Return the rules that set aside single rows, in their order.

    Args:
        contract: of the source whose rows come.
        types: of the columns that a row has; a rule of others is left out.
        referred: source and column -> values that other sources hold; a rule that refers to others is left out.
        required: columns that must be named: only of these a missing value is a breach, for the others may be left out.
    """
    rules = (rule for rule in contract.rules if rule.on_breach == "quarantine" and {*rule.columns} <= types.keys())
    compiled = ((rule, _compile(rule, types, referred, required)) for rule in rules)
    return tuple(RowRule(rule, breaks) for rule, breaks in compiled if breaks is not None)


def broken_rules(rules: Iterable[RowRule], row: Row) -> list[Rule]:
    """Return the rules that a row breaks."""
    return [item.rule for item in rules if item.breaks(row)]


def _compile(
    rule: Rule, types: Types, referred: Mapping[tuple[str, str], Collection[Any]], required: Collection[str]
) -> Breaks | None:
    arguments = {name: value for name, value in rule.kwargs.items() if name != "mostly"}
    if rule.refers_to is not None:
        arguments |= {"value_set": referred.get(rule.refers_to)}
    if any(isinstance(value, dict) or value is None for value in arguments.values()):  # a parameter of the night
        return None
    if rule.type == "expect_column_values_to_not_be_null" and arguments.get("column") not in required:
        return None
    applies = _condition(arguments)
    if applies is None or rule.type not in _RULES:
        return None
    breaks = _RULES[rule.type](arguments, types)
    return breaks if breaks is None or applies is _always else lambda row: applies(row) and breaks(row)


def _always(_row: Row) -> bool:
    return True


def _condition(arguments: dict[str, Any]) -> Breaks | None:
    parser, condition = arguments.pop("condition_parser", None), arguments.pop("row_condition", None)
    if condition is None:
        return _always
    if not is_known_condition(condition, parser):
        return None
    column, _, test = condition.partition(".")
    return (lambda row: row[column] is None) if test == "isnull()" else (lambda row: row[column] is not None)


def _null(arguments: Kwargs, _types: Types) -> Breaks | None:
    column = arguments["column"]
    return lambda row: row[column] is not None


def _not_null(arguments: Kwargs, _types: Types) -> Breaks | None:
    column = arguments["column"]
    return lambda row: row[column] is None


def _between(arguments: Kwargs, types: Types) -> Breaks | None:
    column, low, high = arguments["column"], arguments.get("min_value"), arguments.get("max_value")
    limits = [limit for limit in (low, high) if limit is not None]
    if not limits or not arguments.keys() <= {"column", "min_value", "max_value"}:
        return None
    if not all(comparable(limit, types[column]) for limit in limits):
        return None

    def breaks(row: Row) -> bool:
        value = row[column]
        return value is not None and ((low is not None and value < low) or (high is not None and value > high))

    return breaks


def _in_set(arguments: Kwargs, types: Types) -> Breaks | None:
    values = _values(arguments, types)
    column = arguments["column"]
    return None if values is None else lambda row: row[column] is not None and row[column] not in values


def _not_in_set(arguments: Kwargs, types: Types) -> Breaks | None:
    values = _values(arguments, types)
    column = arguments["column"]
    return None if values is None else lambda row: row[column] in values


def _values(arguments: Kwargs, types: Types) -> frozenset[Any] | None:
    """Return the values of a set that are compared without turning one kind into another."""
    kind = {pa.string(): str, pa.int64(): int}.get(types[arguments["column"]])
    values = frozenset(arguments["value_set"])
    return values if kind and arguments.keys() == {"column", "value_set"} and all(type(of) is kind for of in values) else None


def _pair(arguments: Kwargs, types: Types) -> Breaks | None:
    one, other, or_equal = arguments["column_A"], arguments["column_B"], arguments.get("or_equal") is True
    if types[one] != types[other] or arguments.get("ignore_row_if") != "either_value_is_missing":
        return None

    def breaks(row: Row) -> bool:
        first, second = row[one], row[other]
        return first is not None and second is not None and not (first >= second if or_equal else first > second)

    return breaks


def _regex(arguments: Kwargs, types: Types) -> Callable[[str], bool] | None:
    """Return whether the regular expression of a rule is somewhere in a text."""
    if types[arguments["column"]] != pa.string() or arguments.keys() != {"column", "regex"}:
        return None
    search = re.compile(arguments["regex"]).search
    return lambda text: search(text) is not None


def _matches(arguments: Kwargs, types: Types) -> Breaks | None:
    column, matches = arguments["column"], _regex(arguments, types)
    return None if matches is None else lambda row: row[column] is not None and not matches(row[column])


def _matches_not(arguments: Kwargs, types: Types) -> Breaks | None:
    column, matches = arguments["column"], _regex(arguments, types)
    return None if matches is None else lambda row: row[column] is not None and matches(row[column])


_RULES: Mapping[str, Callable[[Kwargs, Types], Breaks | None]] = {
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_pair_values_a_to_be_greater_than_b": _pair,
    "expect_column_values_to_match_regex": _matches,
    "expect_column_values_to_not_match_regex": _matches_not,
}
