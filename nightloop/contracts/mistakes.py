"""Find every mistake in the contracts of a use case, without any data and without stopping at the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from nightloop.contracts import great_expectations_engine
from nightloop.contracts.common_forms import is_common_form
from nightloop.contracts.suite import Contract, Rule, in_order, load_contract
from nightloop.definitions.use_case import UseCase
from nightloop.errors import DefinitionError, meant, suggest
from nightloop.sources import raw_schema

UNIQUE = {"expect_column_values_to_be_unique": "column", "expect_compound_columns_to_be_unique": "column_list"}


def _unguarded_key(use_case: UseCase, contract: Contract) -> Iterator[str]:
    """Yield, in words, that the contract of the entity's source lets repeated keys through: `features` ends where one comes."""
    key = use_case.entity.key
    if not any(_is_unique_within(rule, key) for rule in contract.rules):
        kind = "compound_columns" if len(key) > 1 else "column_values"
        yield (
            f"{contract.file}: note: no rule expects the key of '{contract.source}' ({', '.join(key)}) to be unique: "
            "a repeated key will end `features` with the night not built. "
            f"Add expect_{kind}_to_be_unique, which sets the repeated ones aside."
        )


def _is_unique_within(rule: Rule, key: Sequence[str]) -> bool:
    """Tell whether a rule makes the key unique: it names columns of it only."""
    named = rule.kwargs.get(UNIQUE.get(rule.type, ""), ())
    return bool(named) and set([named] if isinstance(named, str) else named) <= set(key)


def contract_mistakes(use_case: UseCase, folder: Path) -> tuple[int, list[DefinitionError], list[str]]:
    """Return how many rules the suites of a use case have, what is wrong with them, and notes where nothing is.

    Imports Great Expectations, which takes seconds, only where a rule is of no common form.

    Args:
        use_case: whose sources are guarded.
        folder: great_expectations/.
    """
    mistakes = _files_without_source(use_case, folder / use_case.contracts_of)
    columns = {name: raw_schema(source).names for name, source in use_case.sources.items()}
    contracts: dict[str, Contract] = {}
    for name in use_case.sources:
        try:
            contracts[name] = load_contract(folder, use_case.contracts_of, name, columns[name])
        except DefinitionError as error:
            mistakes.append(error)
    rules = [rule for contract in contracts.values() for rule in contract.rules]
    steps: list[Callable[[], object]] = [lambda: in_order(contracts, columns)] if len(contracts) == len(columns) else []
    steps += [partial(_check, rule) for rule in rules if not is_common_form(rule)]
    for step in steps:
        try:
            step()
        except DefinitionError as error:
            mistakes.append(error)
    notes = [] if mistakes else list(_unguarded_key(use_case, contracts[use_case.entity.source]))
    return len(rules), mistakes, notes


def _check(rule: Rule) -> None:
    """Build one rule; of an expectation that does not exist, tell the near ones."""
    try:
        great_expectations_engine.check(rule)
    except DefinitionError as error:
        from great_expectations.expectations.registry import list_registered_expectation_implementations

        known = list_registered_expectation_implementations()
        if rule.type in known:
            raise
        do = f"{meant(rule.type, known)}{error.do}"
        raise DefinitionError(f"there is no expectation '{rule.type}'.", where=error.where, do=do) from error


def _files_without_source(use_case: UseCase, folder: Path) -> list[DefinitionError]:
    """Return an error for each file of the folder that guards no source."""
    return [
        DefinitionError(
            f"'{path.name}' guards no source of '{use_case.use_case}'.",
            where=f"{folder.parent.name}/{folder.name}/{path.name}:1",
            do=suggest(path.stem, use_case.sources, "Sources"),
        )
        for path in sorted(folder.glob("*"))
        if path.suffix != ".yaml" or path.stem not in use_case.sources
    ]
