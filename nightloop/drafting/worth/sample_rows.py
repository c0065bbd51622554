"""The sample as raw tables in memory, and features of its rows by the statements that will build them every night.

So what is judged is what will be built: each value as known at its night's cut-off, outcomes only from the night they arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nightloop.definitions.features import Feature
from nightloop.engine.local import SEMANTICS
from nightloop.expressions.to_sql import identifier
from nightloop.features.feature_sql import build_sql
from nightloop.features.tables import keyed
from nightloop.features.tiles import longest_window, over_records
from nightloop.lake.columns import NIGHT
from nightloop.nights import Night, Nights
from nightloop.sources import Reading, raw_schema

if TYPE_CHECKING:
    import duckdb

    from nightloop.definitions.use_case import UseCase

Floats = NDArray[np.float64]
MOST_ROWS = 50_000
"""Rows that are judged by, the newest."""
AT_ONCE = 1_500_000
"""Tiles times the nights that look back at each, in one statement: what keeps to a few hundred megabytes."""


@dataclass(frozen=True)
class SampleRows:
    """Entities of the sample whose outcome is known, in order of night and key.

    Attributes:
        session: database with the raw tables, and ``judged``: night, key, label and place of each row.
        use_case: the draft.
        nights: of the rows.
    """

    session: duckdb.DuckDBPyConnection
    use_case: UseCase
    nights: Nights

    @cached_property
    def night(self) -> NDArray[np.datetime64]:
        """The night of each row (n,), in days."""
        return cast("NDArray[np.datetime64]", self._judged("night").to_numpy().astype("datetime64[D]"))

    @cached_property
    def label(self) -> NDArray[Any]:
        """The outcome of each row (n,): bool, float64, or the place of the class."""
        label, classes = self._judged("label"), self.use_case.model.classes
        if classes:
            return np.array([classes.index(name) for name in label.to_pylist()], dtype=np.int64)
        return np.asarray(label.to_numpy(), dtype=np.bool_ if self.use_case.model.task == "binary" else np.float64)

    def codes(self, column: str) -> NDArray[np.int64]:
        """Return the entity's column as codes (n,): equal values have one, a missing value has -1."""
        source = f"raw_{self.use_case.entity.source}"
        rows = f"SELECT e.{identifier(column)} AS v FROM judged j JOIN {source} e USING ({self._key}) ORDER BY j.place"
        values = self.session.sql(rows).to_arrow_table()["v"].combine_chunks().dictionary_encode()
        return cast("NDArray[np.int64]", values.indices.fill_null(-1).to_numpy().astype(np.int64))

    def levels(self, column: str, most: int) -> list[Any]:
        """Return the entity's values in a column, the most frequent first, at most so many."""
        name, source = identifier(column), f"raw_{self.use_case.entity.source}"
        rows = f"SELECT {name} FROM {source} WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {most}"
        return [row[0] for row in self.session.sql(rows).fetchall()]

    def values(self, features: Mapping[str, Feature]) -> Floats:
        """Return the features of the rows (n, k), NaN where missing."""
        use_case = self.use_case.model_copy(update={"features": dict(features)})
        if over_records(use_case):
            self._make("tiles", use_case, Nights(use_case.first_night, self.nights.last))
        return np.concatenate([self._of(use_case, nights) for nights in self._chunks(use_case)])

    def _of(self, use_case: UseCase, nights: Nights) -> Floats:
        if keyed(use_case):
            self._make("aggregates", use_case, nights)
        names = ", ".join(f"f.{identifier(name)}" for name in use_case.features)
        rows = build_sql(use_case, "features", nights)
        # Materialized: DuckDB would compute each expression inside the join, for hundreds of columns a hundred times as slowly.
        ordered = f"WITH f AS MATERIALIZED ({rows}) SELECT {names} FROM judged j JOIN f USING ({self._key}) ORDER BY j.place"
        table = self.session.sql(ordered).to_arrow_table()
        columns = [column.to_numpy().astype(np.float64) for column in table.columns]
        return np.column_stack(columns)

    def _make(self, table: str, use_case: UseCase, nights: Nights) -> None:
        self.session.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {build_sql(use_case, table, nights)}")

    def _chunks(self, use_case: UseCase) -> Iterator[Nights]:
        """Yield the nights in parts whose windows fit in memory."""
        longest = max([longest_window(feature) for feature in over_records(use_case).values()], default=0)
        a_night = max(len(self.night) // len(self.nights), 1)
        size = max(AT_ONCE // (a_night * longest), 1) if longest else len(self.nights)
        every = list(self.nights)
        for first in range(0, len(every), size):
            yield Nights(every[first], every[min(first + size, len(every)) - 1])

    def _judged(self, column: str) -> pa.ChunkedArray:
        return self.session.sql(f"SELECT {column} FROM judged ORDER BY place").to_arrow_table()[column]

    @property
    def _key(self) -> str:
        return ", ".join(["night", *(identifier(name) for name in self.use_case.entity.key)])


@contextmanager
def open_rows(use_case: UseCase, readings: Mapping[str, Reading], nights: Nights) -> Iterator[SampleRows]:
    """Open the newest rows of the sample's nights whose outcome is known.

    Args:
        use_case: the draft.
        readings: by source, as ingest reads them.
        nights: of the sample.
    """
    import duckdb

    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as session:
        session.execute(SEMANTICS)
        for name, reading in readings.items():
            _register(session, use_case, name, reading)
        session.execute(f"CREATE TEMP TABLE labels AS {build_sql(use_case, 'labels', nights)}")
        yield SampleRows(session, use_case, _judge(session, use_case, nights))


def _register(session: duckdb.DuckDBPyConnection, use_case: UseCase, name: str, reading: Reading) -> None:
    """Make a source's raw table: of records that share a key the first, as the contract sets the others aside."""
    source = use_case.sources[name]
    columns = raw_schema(source).append(NIGHT)
    tables = [
        arrival.rows.append_column(NIGHT, pa.array([night] * arrival.rows.num_rows, pa.date32()))
        for night, arrival in sorted(reading.arrivals.items())
    ]
    session.register("arrived", pa.concat_tables(tables) if tables else columns.empty_table())
    key = ", ".join(identifier(column) for column in source.key)
    first = f"row_number() OVER (PARTITION BY {key} ORDER BY night, known_at) = 1"
    session.execute(f"CREATE TEMP TABLE raw_{name} AS SELECT * FROM arrived QUALIFY {first}")
    session.unregister("arrived")


def _judge(session: duckdb.DuckDBPyConnection, use_case: UseCase, nights: Nights) -> Nights:
    """Make the table ``judged`` of the newest nights that hold at most ``MOST_ROWS`` rows, and return these nights."""
    counts: list[tuple[Night, int]] = session.sql(
        "SELECT scored_night, count(*) FROM labels GROUP BY 1 ORDER BY 1 DESC"
    ).fetchall()
    if counts:
        total = np.cumsum([count for _, count in counts])
        most = max(int(np.searchsorted(total, MOST_ROWS, side="right")), 1)
        nights = Nights(counts[most - 1][0], counts[0][0])
    key = ", ".join(identifier(name) for name in use_case.entity.key)
    ordered = f"row_number() OVER (ORDER BY scored_night, {key}) AS place"
    session.execute(
        f"CREATE TEMP TABLE judged AS SELECT scored_night AS night, {key}, label, {ordered} FROM labels "
        f"WHERE scored_night BETWEEN DATE '{nights.first}' AND DATE '{nights.last}'"
    )
    return nights
