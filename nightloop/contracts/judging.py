"""Judge the rows that a night brought by its source's contract.

Rules that set rows aside look at all rows; rules that fail the night or warn look at the rows that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from nightloop.contracts.fast_path import fast_result
from nightloop.contracts.great_expectations_engine import cached_results
from nightloop.contracts.parameters import Parameters
from nightloop.contracts.results import Result, plain
from nightloop.contracts.suite import Contract, Rule
from nightloop.errors import UsageError, command

_UNIQUE = ("expect_column_values_to_be_unique", "expect_compound_columns_to_be_unique")
SHARE_RULE = "quarantined_share"
Exemption = Callable[[Sequence[int]], Collection[int]]


def no_exemption(rows: Sequence[int]) -> Collection[int]:  # noqa: ARG001 - the form of every Exemption
    """Exempt no row."""
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
    """What the contract says of one night of one source.

    Attributes:
        publishable: the rows that no rule sets aside.
        set_aside: position among the judged rows -> the first rule that the row breaks.
        breaches: what fails the night.
        warnings: what is broken and fails nothing.
        not_judged: names of the rules of which a parameter is not known.
    """

    publishable: pa.Table
    set_aside: Mapping[int, Rule]
    breaches: tuple[Breach, ...]
    warnings: tuple[Breach, ...]
    not_judged: tuple[str, ...]


def judge(
    contract: Contract,
    rows: pa.Table,
    parameters: Parameters,
    *,
    refused: int,
    cache: Path,
    exemption: Exemption = no_exemption,
) -> Judgement:
    """Judge one night of one source.

    Args:
        contract: the source's suite.
        rows: the night's rows in the declared form.
        parameters: the night's parameters; a rule whose parameter is absent is not judged, and named so.
        refused: how many records of the night are not in that form; they count as quarantined.
        cache: folder of verdicts given before.
        exemption: asked which of the rows about to be set aside stay, because a person let them in.

    Raises:
        DefinitionError: a rule that Great Expectations refuses or fails on.
    """
    arguments = {rule: parameters.arguments(rule) for rule in contract.rules}
    not_judged = tuple(rule.name for rule, known in arguments.items() if known is None)
    rules = [replace(rule, kwargs=known) for rule, known in arguments.items() if known is not None]
    row_results = _judged([rule for rule in rules if rule.on_breach == "quarantine"], rows, cache)
    set_aside = _set_aside(row_results, rows)
    for row in exemption(list(set_aside)) if set_aside else ():
        del set_aside[row]
    publishable = _without(rows, list(set_aside)) if set_aside else rows
    night_results = _judged([rule for rule in rules if rule.on_breach != "quarantine"], publishable, cache)
    broken = [(rule, _breach(rule, result)) for rule, result in night_results if not result.success]
    # A rule about the whole table cannot set rows aside: it fails the night.
    breaches = [_breach(rule, result) for rule, result in row_results if not result.success and not result.rows]
    breaches += [breach for rule, breach in broken if rule.on_breach == "fail"]
    breaches += _share(contract, refused + len(set_aside), refused + rows.num_rows)
    warnings = tuple(breach for rule, breach in broken if rule.on_breach == "warn")
    return Judgement(publishable, set_aside, tuple(breaches), warnings, not_judged)


def _judged(rules: Sequence[Rule], rows: pa.Table, cache: Path) -> list[tuple[Rule, Result]]:
    return list(zip(rules, rule_results(rules, rows, cache), strict=True))


def rule_results(rules: Sequence[Rule], rows: pa.Table, cache: Path) -> list[Result]:
    """Return the result of each rule, its parameters in place: by the fast path, or else by Great Expectations."""
    results = [fast_result(rule, rows) for rule in rules]
    unanswered = [i for i, result in enumerate(results) if result is None]
    for i, result in zip(unanswered, cached_results([rules[i] for i in unanswered], rows, cache), strict=True):
        results[i] = result
    return [result for result in results if result is not None]


def _without(rows: pa.Table, set_aside: Sequence[int]) -> pa.Table:
    stays = np.ones(rows.num_rows, dtype=np.bool_)
    stays[list(set_aside)] = False
    return rows.filter(pa.array(stays))


def _set_aside(results: Sequence[tuple[Rule, Result]], rows: pa.Table) -> dict[int, Rule]:
    broken: dict[int, Rule] = {}
    for rule, result in results:
        for row in _without_one_copy(rule, result.rows, rows) if rule.type in _UNIQUE else result.rows:
            broken.setdefault(row, rule)
    return dict(sorted(broken.items()))


def _without_one_copy(rule: Rule, repeated: Sequence[int], rows: pa.Table) -> list[int]:
    """Exemption one of several equal copies: a record delivered twice is still a record.

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


# --- records of the quarantine, judged once more beside what their night has published --------------------------------------


def still_broken(
    contract: Contract, published: pa.Table, candidates: pa.Table, parameters: Parameters, cache: Path
) -> dict[int, str]:
    """Return, for each candidate, the rule that still sets it aside; "" for one that passes today.

    A candidate is judged together with the published rows, for a key may be there already. Published rows stay whatever
    today's contract says of them: taking the night in again is what applies it to them.
    """
    rows = pa.concat_tables([published, candidates])
    set_aside = judge(contract, rows, parameters, refused=0, cache=cache).set_aside
    first = published.num_rows
    return {i: set_aside[first + i].name if first + i in set_aside else "" for i in range(candidates.num_rows)}


def check_keys(key: Sequence[str], published: pa.Table, accepted: pa.Table, where: str) -> None:
    """Refuse to accept records that would share a key, or that have none: nothing could tell their rows apart.

    Raises:
        UsageError: names the first such key.
    """
    known = {tuple(row.values()) for row in published.select(key).to_pylist()}
    for row in accepted.select(key).to_pylist():
        values = tuple(row.values())
        if None in values or values in known:
            why = "has no whole key" if None in values else "has a key that another row of the night has"
            raise UsageError(
                f"a record {why}: {', '.join(f'{name} {value}' for name, value in row.items())}.",
                where=where,
                do=f"Accept only one record of a key: name it with --record ({command('quarantine')} shows the digests).",
            )
        known.add(values)


def night_breaches(contract: Contract, rows: pa.Table, parameters: Parameters, cache: Path) -> tuple[Breach, ...]:
    """Return the limits of the whole night that these rows break; the share set aside was judged when the night came."""
    limits = replace(contract, rules=tuple(rule for rule in contract.rules if rule.on_breach == "fail"))
    breaches = judge(limits, rows, parameters, refused=0, cache=cache).breaches
    return tuple(breach for breach in breaches if breach.rule != SHARE_RULE)
