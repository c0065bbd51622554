"""Plans of samples that are made in memory: what a draft decides, without reading files and writing text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from nightloop.definitions.connectors import FilesConnector
from nightloop.drafting.plan import DraftOptions, Plan, plan
from nightloop.drafting.sample import Sample


def days(count: int) -> list[str]:
    """Return the time of each record: forty days, over and over."""
    return [f"2024-{1 + i // 28 % 2:02d}-{i % 28 + 1:02d}T10:00:00Z" for i in range(count)]


def planned(columns: Mapping[str, Sequence[object]], **options: object) -> Plan:
    """Return the plan over columns whose values are written as texts; None is missing."""
    texts = {
        name: pa.array([None if value is None else str(value) for value in values], pa.string())
        for name, values in columns.items()
    }
    table = pa.table(texts)
    connector = FilesConnector(kind="files", pattern="data/records.csv")
    return plan(Sample(table, table.num_rows, connector, "records"), DraftOptions(**options))  # type: ignore[arg-type]


def features(drafted: Plan) -> set[str]:
    """Return the file's columns that are known when a record appears."""
    return {item.profile.original for item in drafted.fields if item.profile}


def afterwards(drafted: Plan) -> dict[str, str]:
    """Return the columns that are taken to be known with the outcome, and why."""
    return {item.name: item.comment for item in drafted.outcome_fields if "known only afterwards" in item.comment}
