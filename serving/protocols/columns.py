"""What the other formats share: they send columns where ours sends rows, and ask for an answer as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightloop.definitions import UseCase
from nightloop.model.use_case_task import answer_columns
from serving.problems import BadRequest
from serving.rows import RowReader, Rows, entity_columns


def rows_of(reader: RowReader, columns: Mapping[str, Sequence[Any]]) -> Rows:
    """Check columns of equal length as the rows that they are.

    A whole number written as 7.0 counts as an integer, 0 and 1 count as false and true: so do data frames and tensors write
    them beside missing values.

    Raises:
        BadRequest: no rows, unequal lengths, or a field is missing, unknown or wrong.
        TooLarge: more rows than one request may carry.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        short, long = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise BadRequest(
            f"'{short[:60]}' has {lengths[short]:,} values, '{long[:60]}' {lengths[long]:,}.",
            do="Send one value a row in each.",
        )
    declared = entity_columns(reader.use_case)
    values = [
        [_plain(value, declared[name].type) for value in items] if name in declared else items
        for name, items in columns.items()
    ]
    return reader.read_rows([dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)])


def _plain(value: Any, kind: str) -> Any:
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if kind == "boolean" and value in (0, 1):
        return bool(value)
    return value


def answer_record(use_case: UseCase, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer flat, under the names that the scores table and MLflow's model have: columns, then reasons."""
    record = {name: answer[name] for name in answer_columns(use_case)}
    for place, reason in enumerate(answer["reasons"], start=1):
        record |= {f"reason_{place}": reason["feature"], f"effect_{place}": reason["effect"]}
    return record
