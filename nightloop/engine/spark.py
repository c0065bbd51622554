"""The Spark engine: SQL and Python workers on a server, through Spark Connect.

The server may be a child of this machine or the door to a cluster; the address is the only difference.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from nightloop.engine import spark_session, worker
from nightloop.engine.protocol import Done, check_inputs, folder_of, no_night, refused, written_files
from nightloop.engine.spark_sql import reading, type_name, typed, typed_columns
from nightloop.errors import SetupError
from nightloop.lake import Snapshot
from nightloop.lake.columns import NIGHT, canonical
from nightloop.lake.files import FILE_GROUPS, ROW_GROUP
from nightloop.lake.storage import is_s3
from nightloop.nights import Night

if TYPE_CHECKING:
    from pyspark.sql.connect.dataframe import DataFrame
    from pyspark.sql.connect.session import SparkSession

    from nightloop.settings import Settings

# Views have the inputs' own names, so the calls of one process take turns.
_TURN = threading.RLock()


class SparkEngine:
    """Runs SQL and Python functions on the Spark server; one session a process, made when first used."""

    name = "spark"

    def __init__(self, url: str) -> None:
        self._url = url

    @classmethod
    def open(cls, settings: Settings) -> SparkEngine:
        """Open the engine; the server is first spoken to when there is work."""
        return cls(settings.spark_url)

    def query(self, sql: str, inputs: Mapping[str, Snapshot]) -> pa.Table:
        """Return the result, in the lake's types."""
        with self._session(inputs) as session:
            return canonical(_in_lake_types(session, sql).toArrow())

    def write(
        self,
        sql: str,
        inputs: Mapping[str, Snapshot],
        folder: str,
        *,
        night: Night | None = None,
        schema: pa.Schema | None = None,
    ) -> dict[Night, list[str]]:
        """Let the server write Parquet files below the folder, which both must see: one a night, of a big night several."""
        with self._session(inputs) as session:
            if schema is not None:
                result = session.sql(reading(sql)).selectExpr(*typed(schema.append(NIGHT)))
            else:
                result = _in_lake_types(session, sql)
                if NIGHT.name not in result.columns:
                    raise no_night()
            if night is None:
                writer, to = result.repartition(NIGHT.name).write.partitionBy(NIGHT.name), folder
            else:
                rows = result.drop(NIGHT.name)
                writer = (rows.coalesce(1) if spark_session.is_small(_size(inputs)) else rows).write
                to = str(folder_of(folder, night))
            quiet = writer.mode("append").option("mapreduce.fileoutputcommitter.marksuccessfuljobs", "false")
            bounded = quiet.option("maxRecordsPerFile", str(FILE_GROUPS * ROW_GROUP))
            grouped = bounded.option("parquet.block.row.count.limit", str(ROW_GROUP))
            grouped.option("compression", "zstd").parquet(_address(to))
        return written_files(folder)

    def map_files(self, function: str, jobs: Sequence[Mapping[str, str]], done: Done | None = None) -> list[dict[str, Any]]:
        """Do the jobs in Spark's Python workers, one task a job; they must be able to import the function."""
        worker.find(function)
        if not jobs:
            return []
        answers: dict[int, dict[str, Any]] = {}
        with self._session({}) as session:
            rows = [(at, json.dumps(dict(job))) for at, job in enumerate(jobs)]
            job_rows = session.createDataFrame(rows, "at bigint, job string").repartition(len(jobs))
            for answer in job_rows.mapInArrow(_in_worker(function), "at bigint, outcome string").toLocalIterator():
                answers[answer.at] = worker.result(json.loads(answer.outcome))
                if done is not None:
                    done(len(answers), len(jobs))
        return [answers[at] for at in range(len(jobs))]

    @contextmanager
    def _session(self, inputs: Mapping[str, Snapshot]) -> Iterator[SparkSession]:
        """Give the session with its views, and tell a server that fell from a query that was refused."""
        from pyspark.errors import PySparkException

        with _TURN:
            session = spark_session.connect(self._url)
            try:
                spark_session.suit(session, _size(inputs))
                check_inputs(inputs)
                for name, snapshot in inputs.items():
                    _view(session, name, snapshot)
                yield session
            except (PySparkException, *spark_session.transport_errors()) as error:
                spark_session.check(self._url, error)
                raise _explained(error, inputs) from error


def _size(inputs: Mapping[str, Snapshot]) -> int:
    return sum(snapshot.size for snapshot in inputs.values())


def _view(session: SparkSession, name: str, snapshot: Snapshot) -> None:
    if not snapshot.files:
        nulls = ", ".join(f"CAST(NULL AS {type_name(field.type)}) AS `{field.name}`" for field in snapshot.columns)
        session.sql(f"SELECT {nulls} WHERE false").createOrReplaceTempView(name)
        return
    parts = [_part(session, snapshot, names, paths) for names, paths in snapshot.by_names()]
    reduce(lambda above, below: above.union(below), parts).createOrReplaceTempView(name)


def _part(session: SparkSession, snapshot: Snapshot, names: Mapping[str, str], paths: Sequence[str]) -> DataFrame:
    """Return the rows of the files that hold the columns under these names."""
    types = {names.get(field.name, field.name): type_name(field.type) for field in snapshot.columns}
    schema = ", ".join(f"`{name}` {of}" for name, of in types.items())
    rows = session.read.schema(schema).option("basePath", _address(snapshot.root)).parquet(*map(_address, paths))
    if not names:
        return rows
    return rows.selectExpr(*(f"`{names.get(field.name, field.name)}` AS `{field.name}`" for field in snapshot.columns))


def _in_lake_types(session: SparkSession, sql: str) -> DataFrame:
    result = session.sql(reading(sql))
    return result.selectExpr(*typed_columns(result.schema))


def _in_worker(function: str) -> Any:
    def answer(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.to_pylist():
                outcome = json.dumps(worker.run(function, json.loads(row["job"])))
                yield pa.RecordBatch.from_pydict({"at": [row["at"]], "outcome": [outcome]})

    return answer


def _address(path: str) -> str:
    return path.replace("s3://", "s3a://", 1) if is_s3(path) else f"file://{path}"


def _explained(error: Exception, inputs: Mapping[str, Snapshot]) -> Exception:
    if "S3AFileSystem" in str(error):
        return SetupError(
            "the Spark server has no S3 connector, and the lake is on S3.",
            where="engine spark",
            do="Start the server with the package hadoop-aws and spark.hadoop.fs.s3a.endpoint, or set NIGHTLOOP_ENGINE=local.",
        )
    if "ModuleNotFoundError" in str(error):
        return SetupError(
            f"Spark's Python workers cannot import what they need ({' '.join(str(error).split())[-300:]}).",
            where="engine spark",
            do="Start the server with the folder of Nightloop on PYTHONPATH and PYSPARK_PYTHON naming its interpreter.",
        )
    return refused("spark", error, inputs)
