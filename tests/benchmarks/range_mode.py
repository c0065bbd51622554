"""A year of nights as one range, against night by night on Spark, and against a script written by hand in DuckDB."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from datetime import timedelta
from pathlib import Path

import duckdb

from jobs import features
from nightloop.definitions import UseCase
from nightloop.engine.local import CORES
from nightloop.nights import Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.benchmarks import events
from tests.benchmarks.document import table
from tests.benchmarks.window_features import seconds, spark

TITLE = "A year of nights in range mode: tiles and windows of 365 nights, 5 million events by 200 groups"
TOTAL = 5_000_000
ONE_BY_ONE = 12

_NOTE = f"""

A night on Spark is the median of {ONE_BY_ONE} on a warm server. The script sums the raw files to days, joins each night to
the ninety days it looks at, and writes one folder of Parquet a night; ours publishes two tables of 365 nights with digests."""


def measure() -> str:
    """Return the section's tables."""
    with tempfile.TemporaryDirectory(prefix="range-") as folder, spark(Path(folder)) as url:
        home = Path(folder) / "home"
        home.mkdir()
        local = Workspace.open(load_settings(home=home, engine="local", spark_url=url))
        on_spark = Workspace(local.settings.model_copy(update={"engine": "spark"}))
        declared = events.declared(home, "member")
        events.publish(events.Events(TOTAL), declared.use_case, local)
        by_hand = statistics.median(seconds(lambda: _script(declared, local)) for _ in range(3))
        in_range = statistics.median(_range(declared, local) for _ in range(3))
        range_on_spark = min(_range(declared, on_spark) for _ in range(2))
        last = Nights(events.YEAR.last - timedelta(days=ONE_BY_ONE - 1), events.YEAR.last)
        each = statistics.median(seconds(lambda night=night: _stage(declared, on_spark, one(night))) for night in last)
    days = len(events.YEAR)
    return (
        table(
            ["engine", "one range of 365 nights", "the other way", "took", "ratio"],
            [
                [
                    "spark",
                    f"{range_on_spark:.1f} s",
                    f"night by night, 365 x {each:.2f} s",
                    f"{each * days:.0f} s",
                    f"**{each * days / range_on_spark:.0f} times faster**",
                ],
                [
                    "local",
                    f"{in_range:.1f} s",
                    "a DuckDB script by hand",
                    f"{by_hand:.1f} s",
                    f"**{in_range / by_hand:.1f} times the script**",
                ],
            ],
        )
        + _NOTE
    )


def _stage(declared: UseCase, workspace: Workspace, nights: Nights) -> None:
    for step in ("tiles", "aggregates"):
        features.run(declared, nights, workspace, step=step)


def _range(declared: UseCase, workspace: Workspace) -> float:
    """Time the year on tables that do not exist yet."""
    for name in ("tiles", "aggregates"):
        shutil.rmtree(workspace.settings.home / "lake" / declared.use_case / name, ignore_errors=True)
    fresh = Workspace(workspace.settings)
    return seconds(lambda: _stage(declared, fresh, events.YEAR))


def _script(declared: UseCase, workspace: Workspace) -> None:
    paths = workspace.lake.snapshot(f"{declared.use_case}/raw_events").paths
    chosen = []
    for nights in events.WINDOWS:
        inside = f"t.night > d.night - {nights}"
        for name, held in (
            ("count", "sum(case when {} then n end)"),
            ("sum", "sum(case when {} then s end)"),
            ("mean", "sum(case when {0} then s end) / sum(case when {0} then n end)"),
            ("max", "max(case when {} then m end)"),
        ):
            chosen.append(f"{held.format(inside)} as {name}_{nights}")
    with duckdb.connect() as database, tempfile.TemporaryDirectory() as folder:
        database.execute(f"set threads = {CORES}; set partitioned_write_max_open_files = 1000")
        database.execute(
            "create table daily as select night, member, count(*) as n, sum(amount) as s, max(amount) as m "
            f"from read_parquet({paths}, hive_partitioning = true, hive_types = {{'night': DATE}}) group by all"
        )
        database.execute(
            f"copy (select d.night, t.member, {', '.join(chosen)} from daily t join (select distinct night from daily) d "
            f"on t.night > d.night - {max(events.WINDOWS)} and t.night <= d.night group by d.night, t.member) "
            f"to '{folder}/made' (format parquet, compression zstd, partition_by (night))"
        )
