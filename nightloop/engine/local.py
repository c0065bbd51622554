"""The local engine: DuckDB and threads in the stage's own process. For small nights, and where there is no Java."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from nightloop.engine import worker
from nightloop.engine.protocol import Done, check_inputs, folder_of, no_night, refused, written_files
from nightloop.errors import UsageError
from nightloop.lake import Snapshot
from nightloop.lake.columns import NIGHT, canonical
from nightloop.lake.files import FILE_GROUPS, ROW_GROUP
from nightloop.lake.storage import is_s3, store_errors
from nightloop.nights import Night

if TYPE_CHECKING:
    from nightloop.settings import Settings

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
SEMANTICS = "SET TimeZone = 'UTC'; SET ieee_floating_point_ops = false; SET error_on_division_by_zero = false"
"""What makes DuckDB's answers those of every engine: x / 0 is null, as on Spark."""
# As many files at once as nights, however many one query writes.
OPEN_NIGHTS = 4000
# DuckDB ends a group with the chunk that fills it, of at most 2,048 rows.
_PARQUET = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP - 2048}, ROW_GROUPS_PER_FILE {FILE_GROUPS}"

_SQL_TYPES = {
    pa.bool_(): "BOOLEAN",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.string(): "VARCHAR",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
}
_UNCHANGED_TYPES = {"BOOLEAN", "VARCHAR", "DATE"}
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}


class LocalEngine:
    """Runs SQL in DuckDB, with one in-memory database a call: nothing is shared, nothing stays."""

    name = "local"

    def __init__(self, spill: Path, threads: int = CORES) -> None:
        self._spill = spill
        self._threads = threads

    @classmethod
    def open(cls, settings: Settings) -> LocalEngine:
        """Open the engine; what does not fit in memory spills to NIGHTLOOP_HOME."""
        return cls(settings.home / "spill")

    def query(self, sql: str, inputs: Mapping[str, Snapshot]) -> pa.Table:
        """Return the result, in the lake's types."""
        with self._database(inputs) as database:
            return canonical(database.sql(_in_lake_types(database, sql)).to_arrow_table())

    def write(
        self,
        sql: str,
        inputs: Mapping[str, Snapshot],
        folder: str,
        *,
        night: Night | None = None,
        schema: pa.Schema | None = None,
    ) -> dict[Night, list[str]]:
        """Write Parquet files below the folder: one a night, of a big night several."""
        with self._database(inputs) as database, store_errors(folder):
            typed = _typed(sql, schema) if schema is not None else _in_lake_types(database, sql, needs_night=True)
            if night is None:
                parted = f"PARTITION_BY ({NIGHT.name}), OVERWRITE_OR_IGNORE"
                database.execute(f"COPY ({typed}) TO {_text(folder)} ({_PARQUET}, {parted})")
            else:
                to = folder_of(folder, night)
                to.parent.mkdir(parents=True, exist_ok=True)
                rows = f"SELECT * EXCLUDE ({NIGHT.name}) FROM ({typed})"  # noqa: S608 - the use case's own SQL
                copied = database.execute(f"COPY ({rows}) TO {_text(str(to))} ({_PARQUET})").fetchone()
                if not copied or not copied[0]:
                    shutil.rmtree(to)
        return written_files(folder)

    def map_files(self, function: str, jobs: Sequence[Mapping[str, str]], done: Done | None = None) -> list[dict[str, Any]]:
        """Do the jobs in threads; reading, scoring and writing leave Python's lock alone."""
        worker.find(function)
        answers: dict[int, dict[str, Any]] = {}
        with ThreadPoolExecutor(max_workers=max(1, min(self._threads, len(jobs)))) as threads:
            running = {threads.submit(worker.run, function, job): at for at, job in enumerate(jobs)}
            try:
                for finished in as_completed(running):
                    answers[running[finished]] = worker.result(finished.result())
                    if done is not None:
                        done(len(answers), len(jobs))
            except BaseException:
                threads.shutdown(cancel_futures=True)
                raise
        return [answers[at] for at in range(len(jobs))]

    @contextmanager
    def _database(self, inputs: Mapping[str, Snapshot]) -> Iterator[duckdb.DuckDBPyConnection]:
        with duckdb.connect() as database:
            database.execute(
                f"SET threads = {self._threads}; SET temp_directory = {_text(str(self._spill))}; "
                f"SET partitioned_write_max_open_files = {OPEN_NIGHTS}; SET autoinstall_known_extensions = false; {SEMANTICS}"
            )
            try:
                check_inputs(inputs)
                for name, snapshot in inputs.items():
                    _view(database, name, snapshot)
                yield database
            except duckdb.Error as error:
                raise refused(self.name, error, inputs) from error


def _view(database: duckdb.DuckDBPyConnection, name: str, snapshot: Snapshot) -> None:
    if is_s3(snapshot.root):
        database.register(name, snapshot.read() if snapshot.renamed else snapshot.dataset())
        return
    parts = [_part(database, snapshot, names, paths) for names, paths in snapshot.by_names()]
    rows = " UNION ALL ".join(parts) or f"SELECT {_columns(snapshot, {}, set())} WHERE false"
    database.execute(f"CREATE TEMP VIEW {_name(name)} AS {rows}")


def _part(database: duckdb.DuckDBPyConnection, snapshot: Snapshot, names: Mapping[str, str], paths: Sequence[str]) -> str:
    """Return a query over the files that hold the columns under these names."""
    files = ", ".join(map(_text, paths))
    source = f"FROM read_parquet([{files}], hive_partitioning = true, hive_types = {{'night': DATE}}, union_by_name = true)"
    stored = {row[0] for row in database.execute(f"DESCRIBE SELECT * {source}").fetchall()}
    return f"SELECT {_columns(snapshot, names, stored)} {source}"


def _columns(snapshot: Snapshot, names: Mapping[str, str], stored: set[str]) -> str:
    """Return the snapshot's columns in their types; one that the files do not hold is null."""
    held = {field.name: names.get(field.name, field.name) for field in snapshot.columns}
    values = {name: _name(of) if of in stored else "NULL" for name, of in held.items()}
    return ", ".join(
        f"CAST({values[field.name]} AS {_sql_type(field.type)}) AS {_name(field.name)}" for field in snapshot.columns
    )


def _in_lake_types(database: duckdb.DuckDBPyConnection, sql: str, *, needs_night: bool = False) -> str:
    """Wrap a query so that its columns have the lake's types: DuckDB's sums of integers, for example, are 128 bits wide."""
    described = {row[0]: row[1] for row in database.execute(f"DESCRIBE {sql}").fetchall()}
    if needs_night and NIGHT.name not in described:
        raise no_night()
    chosen = ", ".join(
        f"CAST({_name(column)} AS {_lake_type(column, of)}) AS {_name(column)}" for column, of in described.items()
    )
    return f"SELECT {chosen} FROM ({sql})"  # noqa: S608 - the use case's own SQL, names quoted


def _typed(sql: str, schema: pa.Schema) -> str:
    """Wrap a query so that its columns have the types of the lake's schema."""
    fields = schema.append(NIGHT)
    chosen = ", ".join(f"CAST({_name(field.name)} AS {_sql_type(field.type)}) AS {_name(field.name)}" for field in fields)
    return f"SELECT {chosen} FROM ({sql})"  # noqa: S608 - the use case's own SQL, names quoted


def _lake_type(column: str, of: str) -> str:
    if column == NIGHT.name or of in _UNCHANGED_TYPES:
        return "DATE" if column == NIGHT.name else of
    if of in _INTEGERS:
        return "BIGINT"
    if of in {"FLOAT", "DOUBLE"}:
        return "DOUBLE"
    if of.startswith("DECIMAL"):
        return f"DECIMAL(38,{of.rstrip(')').partition(',')[2]})"
    if of.startswith("TIMESTAMP"):
        return "TIMESTAMP WITH TIME ZONE"
    if of.startswith("ENUM") or "NULL" in of:
        return "VARCHAR"
    raise UsageError(f"column '{column}' is {of}: a table of the lake is flat.", do="Give each value a column of its own.")


def _sql_type(of: pa.DataType) -> str:
    return f"DECIMAL({of.precision},{of.scale})" if pa.types.is_decimal(of) else _SQL_TYPES[of]


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
