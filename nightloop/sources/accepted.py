"""Records that were kept as JSON texts, to be read again by today's declaration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from nightloop.definitions.connectors import MAXIMUM_CELL_BYTES
from nightloop.definitions.use_case import Source
from nightloop.nights import Night
from nightloop.sources.connector import Delivery
from nightloop.sources.text_table import finished


@dataclass(frozen=True)
class AcceptedRecords:
    """A connector whose records are those given, whatever the night; a record's position is its place in the list."""

    records: Sequence[str]
    source: Source
    origin: str

    def read(self, night: Night | None) -> Delivery | None:  # noqa: ARG002 - the form of every connector
        """Return the records as a table of text."""
        rows = [json.loads(record) for record in self.records]
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})
        largest = getattr(self.source.connector, "maximum_cell_bytes", MAXIMUM_CELL_BYTES)
        return Delivery(finished(text, largest), self.origin, "Correct the declaration of the source.") if rows else None
