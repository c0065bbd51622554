"""Rules between sources of one night: what a source's values refer to, and in which order sources are judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import pyarrow as pa
import pyarrow.compute as pc

from nightloop.contracts.suite import Contract
from nightloop.errors import DefinitionError, suggest


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
                _check(rule.place, *rule.refers_to, columns)
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


def _check(place: str, source: str, column: str, columns: Mapping[str, Sequence[str]]) -> None:
    if source not in columns:
        raise DefinitionError(
            f"the rule refers to an unknown source '{source}'.", where=place, do=suggest(source, columns, "Sources")
        )
    if column not in columns[source]:
        raise DefinitionError(
            f"source '{source}' has no column '{column}'.", where=place, do=suggest(column, columns[source], "Columns")
        )


def referred(contract: Contract, kept: Mapping[str, pa.Table]) -> dict[tuple[str, str], pa.Array]:
    """Return the values of each column that the contract refers to, from the rows that the night keeps of its source."""
    wanted = {rule.refers_to for rule in contract.rules if rule.refers_to is not None}
    return {
        (source, column): pc.unique(kept[source].column(column).drop_null()).cast(kept[source].schema.field(column).type)
        for source, column in sorted(wanted)
    }
