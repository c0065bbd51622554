"""A million labelled rows find the newest of ten million events that each could have known, against DuckDB's ASOF join."""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from jobs import features
from nightloop.definitions import UseCase, load_use_case
from nightloop.engine.local import CORES
from nightloop.lake import Commit
from nightloop.nights import Night, Nights
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.benchmarks.document import table
from tests.benchmarks.window_features import seconds

TITLE = "Point in time: 1 million labelled rows against 10 million events"
NIGHTS = Nights(date(2024, 1, 1), date(2024, 4, 9))  # 100 nights
ROWS_A_NIGHT, EVENTS_A_NIGHT, ENTITIES = 10_000, 100_000, 200_000

_DEFINITION = """
use_case: newest
description: The newest amount of each entity.
owner: benchmarks
time_zone: UTC
first_night: 2024-01-01
engine: local
sources:
  rows:
    description: One row per labelled row.
    connector: {kind: files, pattern: "rows/{night}.parquet"}
    columns:
      row_id: {type: integer, expression: row_id::bigint, description: Row.}
      entity: {type: integer, expression: entity::bigint, description: Entity.}
    key: [row_id]
    known_at: known_at::timestamp
  events:
    description: One row per event.
    connector: {kind: files, pattern: "events/{night}.parquet"}
    columns:
      event_id: {type: integer, expression: event_id::bigint, description: Event.}
      entity: {type: integer, expression: entity::bigint, description: Entity.}
      amount: {type: number, expression: amount::double, description: Worth.}
    key: [event_id]
    event_at: event_at::timestamp
    known_at: event_at::timestamp
entity: {source: rows, key: [row_id]}
label: {description: Big., source: events, join: {entity: entity}, expression: amount > 50, matures_after: 1}
features:
  newest: {kind: window, source: events, function: last, of: amount, by: [entity], nights: 100, description: Newest amount.}
model: {task: binary}
gates: {fairness: {group: entity, metric: selection_rate_difference, maximum: 0.5}}
"""

_NOTE = """

The ASOF join answers the million rows and nothing else. Ours publishes, for each of 100 nights, the newest amount of every
entity that had one (what the service answers from), and looks the rows up there. The range is cut so that the totals of a
part stay below 2 GiB (jobs/chunks.py). The answers are compared, and equal."""


def measure() -> str:
    """Return the section's table; each way runs in a process of its own, so that its memory can be told."""
    with tempfile.TemporaryDirectory(prefix="point-in-time-") as folder:
        home = Path(folder)
        declared = _declared(home)
        _publish(declared, Workspace.open(load_settings(home=home, engine="local")))
        told = {way: _in_child(way, home) for way in ("asof", "ours")}
    by_asof, ours = told["asof"], told["ours"]
    return (
        table(
            ["who", "took", "ratio", "peak memory"],
            [
                ["DuckDB, one ASOF join", f"{by_asof[0]:.1f} s", "1", f"{by_asof[1]:,.0f} MB"],
                [
                    "ours: tiles, windows of every entity each night, features",
                    f"{ours[0]:.1f} s",
                    f"**{ours[0] / by_asof[0]:.1f}**",
                    f"{ours[1]:,.0f} MB",
                ],
            ],
        )
        + _NOTE
    )


def _declared(home: Path) -> UseCase:
    (home / "newest.yaml").write_text(_DEFINITION)
    return load_use_case("newest", home)


def _publish(declared: UseCase, workspace: Workspace) -> None:
    for night in NIGHTS:
        for name, rows in (("rows", _rows(night)), ("events", _events(night))):
            workspace.lake.publish(f"{declared.use_case}/raw_{name}", night, rows, Commit("ingest", declared.use_case))


def _rows(night: Night) -> pa.Table:
    at = (night - NIGHTS.first).days
    draw = np.random.default_rng([1, at])
    known = pa.array([_end(night)] * ROWS_A_NIGHT, pa.timestamp("us", "UTC"))
    numbers = np.arange(at * ROWS_A_NIGHT, (at + 1) * ROWS_A_NIGHT)
    return pa.table({"row_id": numbers, "entity": draw.integers(0, ENTITIES, ROWS_A_NIGHT), "known_at": known})


def _events(night: Night) -> pa.Table:
    at = (night - NIGHTS.first).days
    draw = np.random.default_rng([2, at])
    begin = at * 86_400_000_000 + 1_704_067_200_000_000
    # Even microseconds of their own: two events of an entity at one instant would have no newest.
    moment = begin + np.sort(draw.choice(43_200_000, EVENTS_A_NIGHT, replace=False)) * 2_000
    stamps = pa.array(moment).cast(pa.timestamp("us", "UTC"))
    numbers = np.arange(at * EVENTS_A_NIGHT, (at + 1) * EVENTS_A_NIGHT)
    amount = np.round(draw.gamma(2.0, 20.0, EVENTS_A_NIGHT), 2)
    entity = draw.integers(0, ENTITIES, EVENTS_A_NIGHT)
    return pa.table({"event_id": numbers, "entity": entity, "amount": amount, "event_at": stamps, "known_at": stamps})


def _end(night: Night) -> int:
    return ((night - date(1970, 1, 1)).days + 1) * 86_400_000_000 - 1


def _in_child(way: str, home: Path) -> tuple[float, float]:
    """Return (seconds of the work, peak megabytes of the process)."""
    command = [sys.executable, "-m", "tests.benchmarks.point_in_time", way, str(home)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took, peak = done.stdout.split()[-2:]
    return float(took), float(peak)


def _child(way: str, home: Path) -> None:
    workspace, declared = Workspace.open(load_settings(home=home, engine="local")), _declared(home)
    took = seconds(lambda: _asof(declared, workspace, home) if way == "asof" else _ours(declared, workspace))
    if way == "ours":
        _compare(declared, workspace, home)
    print(took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _ours(declared: UseCase, workspace: Workspace) -> None:
    for step in ("tiles", "aggregates", "features"):
        features.run(declared, NIGHTS, workspace, step=step)


def _asof(declared: UseCase, workspace: Workspace, home: Path) -> None:
    read = {
        name: f"read_parquet({workspace.lake.snapshot(f'{declared.use_case}/raw_{name}').paths})" for name in ("rows", "events")
    }
    with duckdb.connect() as database:
        database.execute(f"set threads = {CORES}")
        database.execute(
            f"copy (select r.row_id, e.amount as newest from {read['rows']} r asof left join {read['events']} e "
            f"on r.entity = e.entity and r.known_at >= e.event_at) to '{home}/asof.parquet' (format parquet, compression zstd)"
        )


def _compare(declared: UseCase, workspace: Workspace, home: Path) -> None:
    paths = workspace.lake.snapshot(f"{declared.use_case}/features").paths
    with duckdb.connect() as database:
        differ = database.sql(
            f"select count(*) from read_parquet({paths}) f join '{home}/asof.parquet' a using (row_id) "
            "where f.newest is distinct from a.newest"
        ).fetchall()[0][0]
    if differ:
        raise AssertionError(f"{differ} rows differ from the ASOF join")


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]))
