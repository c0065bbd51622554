"""Taking in a big night, from Parquet and from CSV, beside DuckDB's own reading and copying of the same file."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from jobs import ingest
from nightloop.definitions import load_use_case
from nightloop.nights import one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.benchmarks.document import table

TITLE = "Ingest: 1 million rows by 40 columns, with a contract of 20 rules"
SMALL, LARGE = date(2024, 3, 1), date(2024, 3, 2)
ROWS = {SMALL: 1_000_000, LARGE: 4_000_000}
CHUNK = 250_000
RUNS = 3
NUMBERS = [f"n{place:02}" for place in range(30)]
COLUMNS = {
    "account": "integer",
    "opened": "date",
    "active": "boolean",
    "channel": "string",
    "region": "string",
    **{f"i{place}": "integer" for place in range(4)},
    **dict.fromkeys(NUMBERS, "number"),
}
SQL = {"integer": "BIGINT", "date": "DATE", "boolean": "BOOLEAN", "string": "VARCHAR", "number": "DOUBLE"}
CHANNELS = ["card", "cash", "transfer"]
REGIONS = [f"region {place}" for place in range(50)]

USE_CASE = """\
use_case: {kind}
description: Benchmark.
owner: benchmarks
time_zone: UTC
first_night: 2024-03-01
engine: local
sources:
  accounts:
    description: One row per account.
    connector: {{kind: files, pattern: "data/{{night}}.{kind}", maximum_bytes: 2147483647}}
    columns:
{columns}
    key: [account]
    known_at: seen_at::timestamp
entity: {{source: accounts, key: [account]}}
label: {{description: Benchmark., source: accounts, join: {{account: account}}, expression: n00 > 50, matures_after: 1}}
features:
  amount: {{kind: expression, expression: n00, description: Euros.}}
model: {{task: binary}}
gates: {{fairness: {{group: channel, metric: selection_rate_difference, maximum: 0.5}}}}
"""
RULES = [
    ("expect_column_values_to_not_be_null", "{column: account}", "quarantine"),
    ("expect_column_values_to_be_unique", "{column: account}", "quarantine"),
    ("expect_column_values_to_be_in_set", f"{{column: channel, value_set: [{', '.join(CHANNELS)}]}}", "quarantine"),
    *(
        ("expect_column_values_to_be_between", f"{{column: {name}, min_value: 0, max_value: 400}}", "quarantine")
        for name in NUMBERS[:10]
    ),
    ("expect_column_values_to_be_between", "{column: i0, min_value: 0, max_value: 9}", "quarantine"),
    ("expect_column_values_to_be_between", "{column: known_at, min_value: {$PARAMETER: night_start}}", "fail"),
    ("expect_column_median_to_be_between", f"{{column: {NUMBERS[0]}, min_value: 10, max_value: 80}}", "warn"),
    ("expect_column_mean_to_be_between", f"{{column: {NUMBERS[1]}, min_value: 10, max_value: 80}}", "warn"),
    ("expect_column_max_to_be_between", f"{{column: {NUMBERS[2]}, min_value: 0, max_value: 10000}}", "warn"),
    ("expect_table_row_count_to_be_between", "{min_value: 1000}", "fail"),
    ("expect_column_values_to_not_be_null", "{column: region, mostly: 0.9}", "warn"),
]
_WORDS = {
    ("parquet", "copy"): "DuckDB, Parquet cast and copied to Parquet",
    ("parquet", "ingest"): "`ingest`, Parquet",
    ("csv", "read"): "DuckDB, CSV read with the declared types",
    ("csv", "copy"): "DuckDB, the same copied to Parquet",
    ("csv", "ingest"): "`ingest`, CSV",
}
_HEAD = [
    "who",
    "time",
    "of DuckDB's",
    "processor seconds",
    "of DuckDB's",
    "contract",
    "peak memory",
    "4 million rows: time",
    "peak memory",
]
_NOTE = """

One process after the other reads the same file; a figure is the best of three. DuckDB's is its copy (Parquet) or
its typed reading (CSV). Contract is the share of ingest that goes into judging by the contract and into the summary that later
nights are compared with. Peak memory is of the whole process, Python and its libraries (some 200 MB) too. Ingest also sets
apart records that cannot be read, checks keys and cut-off, digests the content, and commits. Other work on the machine changes
processor seconds less than times."""


def measure() -> str:
    """Return the section's table."""
    with tempfile.TemporaryDirectory(prefix="big-ingest-") as name:
        folder = Path(name)
        lay_out(folder)
        took = {way: min((_in_child(folder, way, SMALL) for _ in range(RUNS)), key=_seconds_of) for way in _WORDS}
        large = {way: _in_child(folder, way, LARGE) for way in _WORDS if way[1] == "ingest"}
    peers = {"parquet": took["parquet", "copy"], "csv": took["csv", "read"]}
    lines = [
        [
            words,
            f"{took[way]['seconds']:.1f} s",
            f"**{took[way]['seconds'] / peers[way[0]]['seconds']:.2f}**",
            f"{took[way]['processor']:.1f}",
            f"**{took[way]['processor'] / peers[way[0]]['processor']:.1f}**",
            f"{took[way]['judging'] / took[way]['seconds']:.0%}" if way in large else "",
            f"{took[way]['peak']:,.0f} MB",
            f"{large[way]['seconds']:.0f} s" if way in large else "",
            f"{large[way]['peak']:,.0f} MB" if way in large else "",
        ]
        for way, words in _WORDS.items()
    ]
    return table(_HEAD, lines) + _NOTE


def lay_out(folder: Path) -> None:
    """Write both nights as Parquet and as CSV, and the declarations of a use case for each."""
    for part in ("data", "feature_defs", "great_expectations/parquet", "great_expectations/csv"):
        (folder / part).mkdir(parents=True)
    rules = ["name: accounts", "expectations:"]
    for kind, kwargs, on_breach in RULES:
        rules += [f"  - type: {kind}", f"    kwargs: {kwargs}", f"    meta: {{on_breach: {on_breach}, description: A rule.}}"]
    for kind in ("parquet", "csv"):
        columns = "\n".join(
            f'      {name}: {{type: {of}, expression: "{name}::{SQL[of]}", description: A column.}}'
            for name, of in COLUMNS.items()
        )
        (folder / f"feature_defs/{kind}.yaml").write_text(USE_CASE.format(kind=kind, columns=columns))
        (folder / f"great_expectations/{kind}/accounts.yaml").write_text("\n".join(rules))
    for night, rows in ROWS.items():
        _write(folder, night, rows)


def _write(folder: Path, night: date, rows: int) -> None:
    rng = np.random.default_rng(7)
    schema = _chunk(night, 0, 1, rng).schema
    with (
        pq.ParquetWriter(folder / f"data/{night}.parquet", schema, compression="zstd") as parquet,
        pyarrow.csv.CSVWriter(folder / f"data/{night}.csv", schema) as text,
    ):
        for start in range(0, rows, CHUNK):
            chunk = _chunk(night, start, CHUNK, rng)
            parquet.write_table(chunk)
            text.write_table(chunk)


def _chunk(night: date, start: int, rows: int, rng: np.random.Generator) -> pa.Table:
    columns = {
        "account": np.arange(start, start + rows),
        "opened": (np.datetime64("2010-01-01") + rng.integers(0, 5000, rows)).astype("datetime64[D]"),
        "active": rng.random(rows) < 0.7,
        "channel": rng.choice(CHANNELS, rows),
        "region": pa.array(rng.choice(REGIONS, rows), mask=rng.random(rows) < 0.02),
        **{f"i{place}": rng.integers(0, 10 ** (place + 1), rows) for place in range(4)},
    }
    for place, name in enumerate(NUMBERS):
        values = rng.gamma(2, 20, rows)
        columns[name] = pa.array(values.round(2) if place % 2 else values, mask=rng.random(rows) < 0.01 * (place % 3))
    columns["seen_at"] = (np.datetime64(night) + rng.integers(0, 86_399, rows).astype("timedelta64[s]")).astype(
        "datetime64[us]"
    )
    return pa.table(columns)


def _seconds_of(figures: dict[str, float]) -> float:
    return figures["seconds"]


def _in_child(folder: Path, way: tuple[str, str], night: date) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.big_ingest", str(folder), *way, str(night)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(answer.stdout.splitlines()[-1])
    return figures


def _run(folder: Path, kind: str, way: str, night: date) -> dict[str, float]:
    judging: list[float] = []
    work = _ingest(folder, kind, night, judging) if way == "ingest" else _duckdb(folder, kind, way, night)
    began, processor = time.perf_counter(), time.process_time()
    work()
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - processor,
        "judging": sum(judging),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def _ingest(folder: Path, kind: str, night: date, judging: list[float]) -> Callable[[], object]:
    """Return what takes in a night, and notes how long each judgement and each summary took."""

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: object, **named: object) -> object:
            began = time.perf_counter()
            result: object = work(*arguments, **named)
            judging.append(time.perf_counter() - began)
            return result

        return run

    ingest.judge, ingest.summary = timed(ingest.judge), timed(ingest.summary)  # type: ignore[attr-defined]
    settings = load_settings(
        home=Path(tempfile.mkdtemp(dir=folder)),
        engine="local",
        definitions=folder / "feature_defs",
        contracts=folder / "great_expectations",
    )
    workspace, use_case = Workspace.open(settings), load_use_case(kind, settings.definitions)
    return lambda: ingest.run(use_case, one(night), workspace)


def _duckdb(folder: Path, kind: str, way: str, night: date) -> Callable[[], object]:
    """Return DuckDB's own reading of the file with the declared types, into memory or into a Parquet file."""
    casts = ", ".join(f"{name}::{SQL[of]} AS {name}" for name, of in COLUMNS.items()) + ", seen_at::TIMESTAMPTZ AS known_at"
    types = ", ".join(f"'{name}': '{SQL[of]}'" for name, of in COLUMNS.items()) + ", 'seen_at': 'TIMESTAMP'"
    file = folder / f"data/{night}.{kind}"
    scan = f"'{file}'" if kind == "parquet" else f"read_csv('{file}', header = true, columns = {{{types}}})"
    statement = f"SELECT {casts} FROM {scan}"
    session = duckdb.connect(
        config={"TimeZone": "UTC", "autoinstall_known_extensions": "false", "preserve_insertion_order": "false"}
    )
    if way == "read":
        return lambda: session.execute(f"CREATE TABLE night AS {statement}")
    return lambda: session.execute(f"COPY ({statement}) TO '{folder / 'copy.parquet'}' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    print(json.dumps(_run(Path(sys.argv[1]), sys.argv[2], sys.argv[3], date.fromisoformat(sys.argv[4]))))
