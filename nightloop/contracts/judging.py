"""Judge the rows that a night brought by its source's contract.

Rules that set rows aside look at all rows; rules that fail the night or warn look at the rows that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from nightloop.contracts.parameters import Parameters
from nightloop.contracts.results import Result, plain
from nightloop.contracts.rule_results import results
from nightloop.contracts.suite import Contract, Rule

_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
SHARE_RULE = "quarantined_share"
Spare = Callable[[Sequence[int]], Collection[int]]


def none(rows: Sequence[int]) -> Collection[int]:  # noqa: ARG001 - the form of every Spare
    """Spare no row."""
    return ()


@dataclass(frozen=True)
class Breach:
    """A rule that the night broke."""

    rule: str
    observed: str
    expected: str
    description: str
    place: str


@dataclass(frozen=True)
class Judgement:
    """What the contract says of one night of one source."""

    kept: pa.Table
    set_aside: Mapping[int, Rule]  # position among the judged rows -> the first rule it broke
    breaches: tuple[Breach, ...]
    warnings: tuple[Breach, ...]
    not_judged: tuple[str, ...]


def judge(
    contract: Contract, rows: pa.Table, numbers: Parameters, *, refused: int, cache: Path, spare: Spare = none
) -> Judgement:
    """Judge one night of one source.

    Args:
        contract: the source's suite.
        rows: the night's rows in the declared form.
        numbers: the night's parameters; a rule whose parameter is absent is not judged, and told so.
        refused: how many records of the night are not in that form; they count as quarantined.
        cache: folder of verdicts given before.
        spare: asked which of the rows about to be set aside stay, because a person let them in.

    Raises:
        DefinitionError: a rule that Great Expectations refuses or fails on.
    """
    asked = {rule: numbers.arguments(rule) for rule in contract.rules}
    judged = [replace(rule, kwargs=arguments) for rule, arguments in asked.items() if arguments is not None]
    not_judged = tuple(rule.name for rule, arguments in asked.items() if arguments is None)
    setting_aside = [rule for rule in judged if rule.on_breach == "quarantine"]
    first = list(zip(setting_aside, results(setting_aside, rows, cache), strict=True))
    set_aside = _set_aside(first, rows)
    for row in spare(list(set_aside)) if set_aside else ():
        del set_aside[row]
    kept = _without(rows, list(set_aside)) if set_aside else rows
    others = [rule for rule in judged if rule.on_breach != "quarantine"]
    found = list(zip(others, results(others, kept, cache), strict=True))  # these are about the rows that stay
    broken = [(rule, _breach(rule, result)) for rule, result in found if not result.success]
    breaches = [_breach(rule, result) for rule, result in first if not result.success and not result.rows]
    breaches += [breach for rule, breach in broken if rule.on_breach == "fail"]
    breaches += _share(contract, refused + len(set_aside), refused + rows.num_rows)
    warnings = tuple(breach for rule, breach in broken if rule.on_breach == "warn")
    return Judgement(kept, set_aside, tuple(breaches), warnings, not_judged)


def _without(rows: pa.Table, set_aside: Sequence[int]) -> pa.Table:
    keep = np.ones(rows.num_rows, dtype=np.bool_)
    keep[list(set_aside)] = False
    return rows.filter(pa.array(keep))


def _set_aside(found: Sequence[tuple[Rule, Result]], rows: pa.Table) -> dict[int, Rule]:
    broken: dict[int, Rule] = {}
    for rule, result in found:
        for row in _without_one_copy(rule, result.rows, rows) if rule.type in _UNIQUE else result.rows:
            broken.setdefault(row, rule)
    return dict(sorted(broken.items()))


def _without_one_copy(rule: Rule, repeated: Sequence[int], rows: pa.Table) -> list[int]:
    """Spare one of several equal copies: a record delivered twice is still a record.

    Rows that share a key but differ elsewhere all go, for nothing says which is right.
    """
    groups: dict[tuple[object, ...], dict[tuple[object, ...], list[int]]] = {}
    for row, values in zip(repeated, rows.take(pa.array(repeated, pa.int64())).to_pylist(), strict=True):
        key = tuple(values[column] for column in rule.columns)
        groups.setdefault(key, {}).setdefault(tuple(map(repr, values.values())), []).append(row)
    aside: list[int] = []
    for versions in groups.values():
        members = [row for copies in versions.values() for row in sorted(copies)]
        aside += members[1:] if len(versions) == 1 else members
    return aside


def _breach(rule: Rule, result: Result) -> Breach:
    shown = {key: value for key, value in rule.kwargs.items() if not key.startswith("column")}
    if rule.refers_to is not None:
        shown["value_set"] = "of {}.{}".format(*rule.refers_to)
    expected = ", ".join(f"{key} {plain(value)}" for key, value in shown.items())
    return Breach(rule.name, result.observed, expected or rule.description, rule.description, rule.place)


def _share(contract: Contract, quarantined: int, arrived: int) -> list[Breach]:
    """Fail a night of which too much would be set aside: what is left says nothing about the whole."""
    share, limit = quarantined / max(arrived, 1), contract.quarantined_share_limit
    if share <= limit:
        return []
    observed = f"{quarantined} of {arrived} records ({share:.1%})"
    return [Breach(SHARE_RULE, observed, f"at most {limit:.1%}", "Share of records set aside in the night.", contract.file)]
