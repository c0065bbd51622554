"""Judge the rows that a night brought by its source's contract.

Rules that set rows aside look at all rows; rules that fail the night or warn look at the rows that are left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from nightloop.contracts.library import Result, plain
from nightloop.contracts.limits import Parameter
from nightloop.contracts.suite import Contract, Rule
from nightloop.contracts.verdicts import results

_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
SHARE_RULE = "quarantined_share"


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


def judge(contract: Contract, rows: pa.Table, refused: int, numbers: Mapping[str, Parameter], cache: Path) -> Judgement:
    """Judge one night of one source.

    Args:
        contract: the source's suite.
        rows: the night's rows in the declared form.
        refused: how many records of the night are not in that form; they count as quarantined.
        numbers: the night's parameters; a rule whose parameter is absent is not judged, and told so.
        cache: folder of verdicts given before.

    Raises:
        DefinitionError: a rule that Great Expectations refuses or fails on.
    """
    judged = [rule for rule in contract.rules if all(name in numbers for name in rule.parameters)]
    not_judged = tuple(rule.name for rule in contract.rules if rule not in judged)
    found = dict(zip(judged, results(judged, rows, numbers, cache), strict=True))
    set_aside = _set_aside({rule: result for rule, result in found.items() if rule.on_breach == "quarantine"}, rows)
    kept, others = rows, [rule for rule in judged if rule.on_breach != "quarantine"]
    if set_aside:  # what fails the night or warns is about the rows that stay
        kept = rows.filter(pa.array([i not in set_aside for i in range(rows.num_rows)]))
        found = dict(zip(others, results(others, kept, numbers, cache), strict=True))
    broken = [(rule, _breach(rule, found[rule], numbers)) for rule in others if not found[rule].success]
    breaches = [breach for rule, breach in broken if rule.on_breach == "fail"]
    breaches += _share(contract, refused + len(set_aside), refused + rows.num_rows)
    warnings = tuple(breach for rule, breach in broken if rule.on_breach == "warn")
    return Judgement(kept, set_aside, tuple(breaches), warnings, not_judged)


def _set_aside(found: Mapping[Rule, Result], rows: pa.Table) -> dict[int, Rule]:
    broken: dict[int, Rule] = {}
    for rule, result in found.items():
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


def _breach(rule: Rule, result: Result, numbers: Mapping[str, Parameter]) -> Breach:
    shown = {
        key: numbers[value["$PARAMETER"]] if isinstance(value, dict) and "$PARAMETER" in value else value
        for key, value in rule.kwargs.items()
    }
    expected = ", ".join(f"{key} {plain(value)}" for key, value in shown.items() if not key.startswith("column"))
    return Breach(rule.name, result.observed, expected or rule.description, rule.description, rule.place)


def _share(contract: Contract, quarantined: int, arrived: int) -> list[Breach]:
    """Fail a night of which too much would be set aside: what is left says nothing about the whole."""
    share, limit = quarantined / max(arrived, 1), contract.quarantined_share_limit
    if share <= limit:
        return []
    observed = f"{quarantined} of {arrived} records ({share:.1%})"
    return [Breach(SHARE_RULE, observed, f"at most {limit:.1%}", "Share of records set aside in the night.", contract.file)]
