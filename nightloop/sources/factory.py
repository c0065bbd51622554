"""Open the connector that a source declares, or one over records that the quarantine holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from nightloop.definitions.connectors import MAXIMUM_CELL_BYTES, FilesConnector, PackageConnector, SqlConnector, TableConnector
from nightloop.definitions.connectors import Connector as Declaration
from nightloop.definitions.simulation import SimulatorConnector
from nightloop.definitions.use_case import Source
from nightloop.nights import Night
from nightloop.sources.connector import Connector, Delivery, SourceContext
from nightloop.sources.files import Folder
from nightloop.sources.package import Package
from nightloop.sources.text_table import finished


def open_connector(declaration: Declaration, context: SourceContext) -> Connector:
    """Return what reads the records; nothing is connected yet."""
    match declaration:
        case PackageConnector():
            return Package(declaration, context.cache)
        case FilesConnector():
            return Folder(declaration, context.base, context.cache)
        case SqlConnector():
            from nightloop.sources.sql import Database  # SQLAlchemy is dear to import

            return Database(declaration, context)
        case TableConnector():
            from nightloop.sources.table import Table

            assert context.lake is not None  # noqa: S101 - a stage always has one
            return Table(declaration, context, context.lake)
        case SimulatorConnector():
            from nightloop.sources.simulator import Simulator

            return Simulator(declaration, context)


@dataclass(frozen=True)
class QuarantinedRecords:
    """A connector to records that the quarantine holds as JSON texts, to be read again by today's declaration.

    It brings all of them whatever the night; a record's position is its place in the list.
    """

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
