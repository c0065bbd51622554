"""Refuse online what the contract would set aside in a night, in the rule's own words."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from nightloop.contracts.parameters import referred_values
from nightloop.contracts.single_rows import RowRule, broken_rules, row_rules
from nightloop.contracts.suite import Contract, load_contract
from nightloop.definitions import UseCase
from nightloop.nights import Night, one
from nightloop.sources import raw_schema
from nightloop.workspace import Workspace
from serving.problems import MOST_MISTAKES, BadRequest, Mistake, short
from serving.rows import entity_columns, needed_columns

log = logging.getLogger("serving")


def contract_rules(workspace: Workspace, use_case: UseCase, night: Night) -> tuple[RowRule, ...]:
    """Return the rules that a row is held to: those of the entity's source, with the values that other sources hold by then.

    Raises:
        DefinitionError: a mistake in the contract.
        StoreDamaged: a table that it refers to is not readable.
    """
    contract, schema = _contract(workspace, use_case), raw_schema(use_case.sources[use_case.entity.source])
    if contract is None:
        log.warning("%s: its rows have no contract: they are held to their types only", use_case.use_case)
        return ()
    types = {field.name: field.type for field in schema if field.name in entity_columns(use_case)}
    return row_rules(contract, types, _referred(workspace, use_case, contract, night), required=needed_columns(use_case))


def allowed_values(workspace: Workspace, use_case: UseCase) -> dict[str, Any]:
    """Return column -> a value that the contract's own sets and limits allow: what an example is made of.

    Raises:
        DefinitionError: a mistake in the contract.
    """
    contract = _contract(workspace, use_case)
    values: dict[str, Any] = {}
    for rule in contract.rules if contract is not None else ():
        among, least = rule.kwargs.get("value_set"), rule.kwargs.get("min_value")
        if rule.type == "expect_column_values_to_be_in_set" and isinstance(among, list):
            values[rule.kwargs["column"]] = among[0]
        elif rule.type == "expect_column_values_to_be_between" and isinstance(least, int | float):
            values.setdefault(rule.kwargs["column"], least)
    return values


def _contract(workspace: Workspace, use_case: UseCase) -> Contract | None:
    """Return the contract of the entity's source; None where none is written."""
    source, folder = use_case.entity.source, workspace.settings.contracts
    if not (folder / use_case.contracts_of / f"{source}.yaml").is_file():
        return None
    return load_contract(folder, use_case.contracts_of, source, raw_schema(use_case.sources[source]).names)


def _referred(
    workspace: Workspace, use_case: UseCase, contract: Contract, night: Night
) -> Mapping[tuple[str, str], Collection[Any]]:
    """Return the values of the columns that rules refer to, as the newest night published not after this one holds them."""
    tables: dict[str, pa.Table] = {}
    for source in {rule.refers_to[0] for rule in contract.rules if rule.refers_to is not None}:
        table = f"{use_case.use_case}/raw_{source}"
        nights = [of for of in workspace.lake.states(table) if of <= night] if workspace.lake.exists(table) else []
        tables[source] = (
            workspace.lake.read(table, one(max(nights))) if nights else raw_schema(use_case.sources[source]).empty_table()
        )
    values = referred_values(contract, tables)
    # Of a source that has published nothing, nothing is known: a rule that refers to it is left out.
    return {of: frozenset(column.to_pylist()) for of, column in values.items() if len(column)}


def warnings_of(rules: Sequence[RowRule], rows: Sequence[Mapping[str, Any]]) -> list[list[Mistake]]:
    """Return of each row the rules that it breaks, by the column and in its words."""
    return [
        [
            Mistake(where=rule.columns[0], what=rule.description, read=short(row[rule.columns[0]]))
            for rule in broken_rules(rules, row)
        ]
        for row in rows
    ]


def refuse_broken(rules: Sequence[RowRule], rows: Sequence[Mapping[str, Any]], use_case: UseCase, *, is_batch: bool) -> None:
    """Refuse rows that the contract would set aside.

    Raises:
        BadRequest: names each rule that a row breaks, by the column and in its words.
    """
    broken = {place: of_row for place, of_row in enumerate(warnings_of(rules, rows)) if of_row} if rules else {}
    if not broken:
        return
    mistakes = [
        mistake.model_copy(update={"where": f"rows.{place}.{mistake.where}" if is_batch else mistake.where})
        for place, of_row in broken.items()
        for mistake in of_row
    ]
    verb = "row breaks" if len(broken) == 1 else "rows break"
    raise BadRequest(
        f"{len(broken)} {verb} the contract of source '{use_case.entity.source}'.",
        do="Correct what 'mistakes' names: a night's rows like these are set aside, and get no answer.",
        mistakes=mistakes[:MOST_MISTAKES],
    )
