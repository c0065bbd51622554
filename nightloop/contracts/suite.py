"""Read a source's suite from great_expectations/<use case>/<source>.yaml and check it before any data is touched.

The file is a plain Great Expectations suite. Each expectation's ``meta`` says what happens on a breach (``on_breach``) and,
in words, what the rule means (``description``). A value that depends on the night is written ``{$PARAMETER: name}``.
Parameters that come from recent nights may have a ``tolerance``; ``refers_to`` names a column of another source.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, cast

from nightloop.contracts.history_limits import TOLERANCE
from nightloop.contracts.suite_checks import SPANS, OnBreach, check_suite, columns_of
from nightloop.definitions.problems import Problems
from nightloop.definitions.yaml_lines import read_yaml
from nightloop.errors import DefinitionError, suggest


@dataclass(frozen=True, eq=False)  # a rule is itself: hashed by identity, for its arguments are lists and mappings
class Rule:
    """One expectation of a suite, and what its breach means."""

    name: str
    type: str
    kwargs: dict[str, Any]
    on_breach: OnBreach
    description: str
    place: str  # file:line
    refers_to: tuple[str, str] | None = None  # source and column of which the values must be some
    tolerance: float = TOLERANCE  # how many spreads of the recent nights a limit lies from their median

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rule reads."""
        return tuple(columns_of(self.kwargs))


@dataclass(frozen=True)
class Contract:
    """The suite of one source."""

    source: str
    file: str
    rules: tuple[Rule, ...]
    quarantined_share_limit: float
    rows_against_recent_nights: tuple[float, float]
    rows_against_same_weekdays: tuple[float, float]
    text: str = ""  # of the file

    @cached_property
    def digest(self) -> str:
        """Digest of all that the suite says; comments do not count."""
        rules = [
            (rule.type, rule.kwargs, rule.on_breach, rule.description, rule.refers_to, rule.tolerance) for rule in self.rules
        ]
        spans = (self.rows_against_recent_nights, self.rows_against_same_weekdays)
        whole = [rules, self.quarantined_share_limit, *spans]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


def load_contract(folder: Path, use_case: str, source: str, columns: list[str]) -> Contract:
    """Read and check one suite.

    Args:
        folder: great_expectations/.
        use_case: name of the use case, and of the folder within.
        source: name of the source, of the file, and of the suite.
        columns: of the source's raw table.

    Raises:
        DefinitionError: no suite, or mistakes in it, each at its line.
    """
    path = folder / use_case / f"{source}.yaml"
    shown = f"{folder.name}/{use_case}/{source}.yaml"
    if not path.is_file():
        raise DefinitionError(
            f"source '{source}' has no contract.", where=shown, do="Write its suite; docs/contracts.md shows how."
        )
    return parse_contract(path.read_text("utf-8"), shown, source, columns)


def parse_contract(text: str, shown: str, source: str, columns: Sequence[str]) -> Contract:
    """Read and check the text of a suite; ``shown`` is the file's name in errors.

    Raises:
        DefinitionError: mistakes in it, each at its line.
    """
    document, lines = read_yaml(text, shown)
    problems = Problems(shown, lines)
    check_suite(document, source, list(columns), problems)
    meta = document.get("meta", {})
    recent, weekday = ((float(low), float(high)) for low, high in (meta.get(name, default) for name, default in SPANS.items()))
    rules = tuple(_rules(document["expectations"], problems))
    return Contract(source, shown, rules, float(meta.get("quarantined_share_limit", 0.05)), recent, weekday, text)


def _rules(expectations: list[dict[str, Any]], problems: Problems) -> Iterator[Rule]:
    """Name each rule after what it expects of which columns; equal names get a number."""
    repeats: dict[str, int] = {}
    for index, item in enumerate(expectations):
        kwargs = item.get("kwargs", {})
        short = item["type"].removeprefix("expect_").removeprefix("column_")
        name = f"{short}({', '.join(columns_of(kwargs))})"
        repeats[name] = repeats.get(name, 0) + 1
        name = name if repeats[name] == 1 else f"{name}#{repeats[name]}"
        place = f"{problems.file}:{problems.lines.of(('expectations', index))}"
        meta = item["meta"]
        refers_to = meta.get("refers_to")
        yield Rule(
            name,
            item["type"],
            kwargs,
            cast(OnBreach, meta["on_breach"]),
            meta["description"],
            place,
            (refers_to["source"], refers_to["column"]) if refers_to else None,
            float(meta.get("tolerance", TOLERANCE)),
        )


def in_order(contracts: Mapping[str, Contract], columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the sources so that each comes after those it refers to; else in the order given.

    Args:
        contracts: of every source of the use case.
        columns: of every source's raw table.

    Raises:
        DefinitionError: a rule refers to no source or column there is, or sources refer to each other in a circle.
    """
    for contract in contracts.values():
        for rule in contract.rules:
            if rule.refers_to is not None:
                _check_reference(rule.place, *rule.refers_to, columns)
    graph = {
        name: {rule.refers_to[0] for rule in contract.rules if rule.refers_to is not None}
        for name, contract in contracts.items()
    }
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        file = contracts[error.args[1][0]].file
        raise DefinitionError(
            f"sources refer to each other in a circle: {circle}.",
            where=file,
            do="Let one of them be judged first: drop a rule.",
        ) from error


def _check_reference(place: str, source: str, column: str, columns: Mapping[str, Sequence[str]]) -> None:
    if source not in columns:
        raise DefinitionError(
            f"the rule refers to an unknown source '{source}'.", where=place, do=suggest(source, columns, "Sources")
        )
    if column not in columns[source]:
        raise DefinitionError(
            f"source '{source}' has no column '{column}'.", where=place, do=suggest(column, columns[source], "Columns")
        )
