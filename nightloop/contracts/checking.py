"""Check every contract of a use case without any data."""

from __future__ import annotations

from pathlib import Path

from nightloop.contracts import great_expectations_engine
from nightloop.contracts.references import in_order
from nightloop.contracts.suite import load_contract
from nightloop.definitions.use_case import UseCase
from nightloop.errors import DefinitionError, suggest
from nightloop.sources import raw_schema


def check_contracts(use_case: UseCase, folder: Path) -> int:
    """Return how many rules the use case's suites have, when all of them can be judged.

    Imports Great Expectations, which takes seconds.

    Raises:
        DefinitionError: a source without a suite, a suite without a source, or a mistake in a suite; shown at its line.
    """
    for path in sorted((folder / use_case.contracts_of).glob("*")):
        if path.suffix != ".yaml" or path.stem not in use_case.sources:
            what = f"'{path.name}' guards no source of '{use_case.use_case}'."
            raise DefinitionError(what, where=str(path), do=suggest(path.stem, use_case.sources, "Sources"))
    columns = {name: raw_schema(source).names for name, source in use_case.sources.items()}
    contracts = {name: load_contract(folder, use_case.contracts_of, name, columns[name]) for name in use_case.sources}
    in_order(contracts, columns)
    rules = [rule for contract in contracts.values() for rule in contract.rules]
    for rule in rules:
        great_expectations_engine.check(rule)
    return len(rules)
