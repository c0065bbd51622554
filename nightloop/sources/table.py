"""The connector to another use case's table: the same night's partition, for example scores of one model that feed another.

Whatever a use case publishes for a night was computed from what was known at that night's cut-off, so it counts as known in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from nightloop.definitions.connectors import MAXIMUM_CELL_BYTES, TableConnector
from nightloop.definitions.loading import load_use_case
from nightloop.errors import DefinitionError
from nightloop.lake import Lake
from nightloop.nights import Night, cutoff, one
from nightloop.sources.casts.stored import as_read
from nightloop.sources.connector import Delivery, SourceContext
from nightloop.sources.text_table import finished


@dataclass(frozen=True)
class Table:
    """A table of the lake, night by night."""

    declared: TableConnector
    context: SourceContext
    lake: Lake

    @property
    def origin(self) -> str:
        """The table's name."""
        return f"{self.declared.use_case}/{self.declared.table}"

    def read(self, night: Night | None) -> Delivery | None:
        """Return the night's rows, with the column ``night``; a night published without rows brings nothing.

        Raises:
            NotReady: the night is not published yet; names the command that does.
            DefinitionError: the other use case's nights end later: its rows would know the future.
        """
        assert night is not None  # noqa: S101 - a table is read night by night
        self._check_cutoff(night)
        snapshot = self.lake.require(self.origin, one(night))
        rows = snapshot.read()
        records = pa.table({name: as_read(rows.column(name)) for name in rows.column_names})
        remedy = f"Publish the night again: the use case '{self.declared.use_case}' makes it."
        delivery = Delivery(finished(records, MAXIMUM_CELL_BYTES), self.origin, remedy, {self.origin: snapshot.version})
        return delivery if records.num_rows else None

    def _check_cutoff(self, night: Night) -> None:
        other = load_use_case(self.declared.use_case, self.context.definitions)
        if cutoff(night, other.time_zone) <= cutoff(night, self.context.time_zone):
            return
        raise DefinitionError(
            f"the night {night} of '{other.use_case}' ends later ({other.time_zone}) than that of "
            f"'{self.context.use_case}' ({self.context.time_zone}): its table knows what is not known here yet.",
            where=f"{self.context.definitions.name}/{self.context.use_case}.yaml",
            do="Give both use cases the same time zone.",
        )
