"""Open the connector that a source declares."""

from __future__ import annotations

from nightloop.definitions.connectors import Connector as Declared
from nightloop.definitions.connectors import FilesConnector, PackageConnector, SqlConnector, TableConnector
from nightloop.definitions.simulation import SimulatorConnector
from nightloop.sources.connector import Connector, SourceContext
from nightloop.sources.files import Folder
from nightloop.sources.package import Package


def open_connector(declared: Declared, around: SourceContext) -> Connector:
    """Return what reads the records; nothing is connected yet."""
    match declared:
        case PackageConnector():
            return Package(declared, around.cache)
        case FilesConnector():
            return Folder(declared, around.base, around.cache)
        case SqlConnector():
            from nightloop.sources.sql import Database  # SQLAlchemy is dear to import

            return Database(declared, around)
        case TableConnector():
            from nightloop.sources.table import Table

            assert around.lake is not None  # noqa: S101 - a stage always has one
            return Table(declared, around, around.lake)
        case SimulatorConnector():
            from nightloop.sources.simulator import Simulator

            return Simulator(declared, around)
