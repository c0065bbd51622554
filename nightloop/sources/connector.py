"""What every connector is: it brings the records of a night, or of all nights, as a table.

A module each: package, files, sql, table. What happens to the records afterwards is the same for all (see reading.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa
from pydantic import SecretStr

from nightloop.lake import Lake
from nightloop.nights import Night


@dataclass(frozen=True)
class Delivery:
    """Records, with ``=nl:row`` and ``=nl:flaw``, and what to say of where they come from.

    Attributes:
        records: the table, or a Parquet copy of it: text, and values that stand for their text (casts/stored.py).
        origin: file, pattern or table, for messages; never with a password.
        remedy: what a person does when the records are damaged.
        inputs: tables of the lake that were read, with the version of each.
    """

    records: pa.Table | Path
    origin: str
    remedy: str
    inputs: Mapping[str, int] = field(default_factory=dict)


class Connector(Protocol):
    """Where a source's records come from. One that gives each night on its own brings nothing of another night."""

    @property
    def origin(self) -> str:
        """Where records are looked for, for messages."""

    def read(self, night: Night | None) -> Delivery | None:
        """Return the records of one night, or, where the connector does not tell nights apart, all of them (``None``).

        Returns:
            None when there is nothing for the night.

        Raises:
            SourceDamaged: what is there is not readable as declared.
            SourceUnavailable: a database or object store does not answer.
        """


@dataclass(frozen=True)
class SourceContext:
    """What connectors may use, whatever their kind.

    Attributes:
        definitions: folder of the use cases; relative patterns start at its parent.
        use_case: name of the use case that declares the source.
        first_night: its first night; records of no night are brought in with it.
        time_zone: of its nights.
        cache: folder for parsed copies; safe to delete.
        lake: where other use cases' tables are.
        connection: returns the address of a named connection.
    """

    definitions: Path
    use_case: str
    first_night: Night
    time_zone: str
    cache: Path
    lake: Lake | None
    connection: Callable[[str], SecretStr]

    @property
    def base(self) -> Path:
        """The folder that relative patterns start at."""
        return self.definitions.resolve().parent
