"""One night of windows (1, 7, 30, 90 nights by four aggregates) against the same query written by hand over the raw files."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb

from jobs import features
from nightloop.definitions import UseCase
from nightloop.engine import spark_session
from nightloop.engine.local import CORES
from nightloop.engine.spark import _view
from nightloop.engine.spark_server import SparkServer
from nightloop.features.feature_sql import build_sql
from nightloop.lake import Snapshot
from nightloop.nights import Night, Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.benchmarks import events

TITLE = "One night of window features: windows of 1, 7, 30 and 90 nights by count, sum, mean and max"
SIZES = (5_000_000, 50_000_000)
KEYS = {"entity": f"{events.ENTITIES:,} entities", "member": f"{events.GROUPS} groups"}
ROUNDS = 5
SHORT = Nights(events.YEAR.first, events.YEAR.first + timedelta(days=89))


def measure(sizes: tuple[int, ...] = SIZES, rounds: int = ROUNDS) -> str:
    """Return the tables of the section."""
    rows, flat = [], []
    with tempfile.TemporaryDirectory(prefix="windows-") as folder, spark(Path(folder)) as url:
        for size in sizes:
            home = Path(folder) / str(size)
            home.mkdir()
            for by in KEYS:
                workspace = Workspace.open(load_settings(home=home, engine="local", spark_url=url))
                declared = _history(events.Events(size), by, workspace)
                for engine in ("local", "spark"):
                    timed = _Night(
                        declared, by, Workspace(workspace.settings.model_copy(update={"engine": engine})), url, rounds
                    )
                    rows.append(timed.row(f"{size:,}", engine))
                    flat.append(timed.flat(f"{size:,}", engine))
                    print(rows[-1], flush=True)
            shutil.rmtree(home)
    return "\n".join([*_HEAD, *rows, "", *_FLAT, *flat, "", _NOTE])


@contextmanager
def spark(folder: Path) -> Iterator[str]:
    """Run a Spark server as `make run` does."""
    with SparkServer.start(folder / "spark", 17_311) as server:
        yield server.url
        spark_session.close()


def _history(made: events.Events, by: str, workspace: Workspace) -> UseCase:
    """Publish a year of raw events and its tiles; the raw files of the second key are those of the first."""
    home = workspace.settings.home
    declared = events.declared(home, by)
    lake = home / "lake"
    first = next((path for path in lake.glob("by_*/raw_events")), None) if lake.exists() else None
    if first is None:
        events.publish(made, declared.use_case, workspace)
    else:
        shutil.copytree(first, lake / declared.use_case / "raw_events", copy_function=os.link)
    features.run(declared, events.YEAR, workspace, step="tiles")
    return declared


class _Night:
    """Times one night, round by round, each round the peer and ours."""

    def __init__(self, declared: UseCase, by: str, workspace: Workspace, url: str, rounds: int) -> None:
        self.declared, self.by, self.workspace, self.url, self.rounds = declared, by, workspace, url, rounds

    def row(self, size: str, engine: str) -> str:
        """Time the last night of the year."""
        night = events.YEAR.last
        peer = self._by_duckdb if engine == "local" else self._by_spark
        times: dict[str, list[float]] = {"peer": [], "query": [], "stage": []}
        for _ in range(self.rounds):
            times["peer"].append(seconds(lambda: peer(night)))
            times["query"].append(seconds(lambda: self._query(night)))
            times["stage"].append(seconds(lambda: self._stage(night)))
        by_hand, query, stage = (statistics.median(found) for found in times.values())
        return (
            f"| {size} | {KEYS[self.by]} | {engine} | {by_hand:.2f} s | {query:.2f} s | **{query / by_hand:.2f}** "
            f"| {stage:.2f} s | {stage / by_hand:.2f} |"
        )

    def flat(self, size: str, engine: str) -> str:
        """Time the stage at the end of 90 and of 365 nights of history."""
        early, late = (
            statistics.median(seconds(lambda night=night: self._stage(night)) for _ in range(self.rounds))
            for night in (SHORT.last, events.YEAR.last)
        )
        return f"| {size} | {KEYS[self.by]} | {engine} | {early:.2f} s | {late:.2f} s | **{late / early:.2f}** |"

    def _window(self, table: str, night: Night) -> Snapshot:
        first = night - timedelta(days=max(events.WINDOWS) - 1)
        return self.workspace.lake.require(f"{self.declared.use_case}/{table}", Nights(first, night))

    def _query(self, night: Night) -> None:
        """Make the night's own tiles and the windows over them, files written, nothing published."""
        engine, lake = self.workspace.engine(self.declared), self.workspace.lake
        for table, inputs in (
            ("tiles", {"raw_events": lake.require(f"{self.declared.use_case}/raw_events", one(night))}),
            ("aggregates", {"tiles": self._window("tiles", night)}),
        ):
            folder = lake.new_folder(f"{self.declared.use_case}/{table}")
            engine.write(build_sql(self.declared, table, one(night)), inputs, folder, night=night)
            shutil.rmtree(folder)

    def _stage(self, night: Night) -> None:
        for step in ("tiles", "aggregates"):
            features.run(self.declared, one(night), self.workspace, step=step)

    def _by_duckdb(self, night: Night) -> None:
        paths = self._window("raw_events", night).paths
        relation = f"read_parquet({paths}, hive_partitioning = true, hive_types = {{'night': DATE}})"
        with duckdb.connect() as database, tempfile.TemporaryDirectory() as folder:
            database.execute(f"set threads = {CORES}")
            sql = events.direct_sql(self.by, night, relation, day="night")
            database.execute(f"copy ({sql}) to '{folder}/made.parquet' (format parquet, compression zstd)")

    def _by_spark(self, night: Night) -> None:
        snapshot = self._window("raw_events", night)
        session = spark_session.connect(self.url)
        spark_session.suit(session, snapshot.size)
        _view(session, "raw_by_hand", snapshot)
        with tempfile.TemporaryDirectory() as folder:
            made = session.sql(events.direct_sql(self.by, night, "raw_by_hand", day="night"))
            made.write.mode("append").option("compression", "zstd").parquet(f"file://{folder}")


def seconds(work: Callable[[], object]) -> float:
    """Return how long the work took."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


_HEAD = [
    "| events in 365 nights | key | engine | by hand | ours: tiles and windows | ratio | whole stage | ratio |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
]
_FLAT = [
    "| events in 365 nights | key | engine | stage after 90 nights | after 365 nights | ratio |",
    "| --- | --- | --- | --- | --- | --- |",
]
_NOTE = """\
By hand: one `select … group by key` with conditional aggregates over the raw Parquet files of the last ninety nights, in DuckDB
or in Spark SQL on the same warm server, written to Parquet. Ours: the tiles of the night from its raw records, and the windows
from ninety nights of tiles, sums exact; the whole stage also reads the lake's log, digests what was made and commits two
tables. Each figure is the median of rounds in which both took turns."""
