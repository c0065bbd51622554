"""What the first commands on a wide file cost: `new`, then `check` of the draft; beside what a person would do by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from nightloop.settings import REPOSITORY
from tests.benchmarks.document import table
from tests.benchmarks.drafted_sets import loans

TITLE = "The first hour: a draft from a wide file, its check, and the command line itself"
SEED, COLUMNS, TIMES = 1, 157, 3

# By hand: the types by DuckDB's sniffer, a summary of each column, and one model of all columns.
BY_HAND = """
import sys, duckdb, xgboost
path, label, event_at = sys.argv[1:]
records = duckdb.read_csv(path)
duckdb.sql("SUMMARIZE records").fetchall()
frame = records.to_df().drop(columns=event_at)
outcome = frame.pop(label)
texts = [name for name in frame if not frame[name].dtype.kind in "bif"]
frame = frame.drop(columns=[name for name in texts if frame[name].is_unique])
frame = frame.astype({name: "category" for name in texts if name in frame})
data = xgboost.DMatrix(frame, outcome, enable_categorical=True)
xgboost.train({"objective": "binary:logistic", "nthread": 2, "max_depth": 4, "learning_rate": 0.1}, data, 200)
"""
CHECKED = """
import time
from jobs.commands.check import check
from nightloop.settings import load_settings
settings = load_settings()
begun = time.process_time()
check("loans", settings.definitions, settings.contracts)
print(time.process_time() - begun)
"""


@dataclass(frozen=True)
class Run:
    """What a process took of the processor, in seconds, and what it printed."""

    seconds: float
    printed: str


def measure() -> str:
    """Return the table."""
    records = loans(SEED)
    with tempfile.TemporaryDirectory(prefix="nightloop-bench-") as folder:
        home = Path(folder)
        data = home / "loans.csv"
        csv.write_csv(_wide(records.table), data)
        stores = {"NIGHTLOOP_DEFINITIONS": str(home / "feature_defs"), "NIGHTLOOP_CONTRACTS": str(home / "contracts")}
        environment = {**os.environ, **stores, "NIGHTLOOP_HOME": str(home / "home"), "PYTHONPATH": str(REPOSITORY)}
        (home / "feature_defs").mkdir()
        by_hand = _run(["-c", BY_HAND, str(data), records.label, records.event_at], environment)
        flags = ["--label", records.label, "--event-at", records.event_at, "--json"]
        new = _run(["-m", "jobs", "new", "loans", "--from", str(data), *flags], environment)
        checks = [_run(["-m", "jobs", "check", "loans", "--json"], environment) for _ in range(TIMES)]
        alone = [float(_run(["-c", CHECKED], environment).printed) for _ in range(TIMES)]
        helps = [_run(["-m", "jobs", "--help"], environment) for _ in range(TIMES)]
        python = min(_run(["-c", ""], environment).seconds for _ in range(TIMES))
    rules = json.loads(checks[0].printed)["use_cases"][0]["rules"]
    size = f"{COLUMNS} columns, {records.table.num_rows:,} records"
    rows: list[list[object]] = [
        [f"by hand: DuckDB's sniffer and SUMMARIZE, one XGBoost of 200 trees; {size}", f"{by_hand.seconds:.1f}"],
        [f"`nightloop new`; {size}", f"{new.seconds:.1f}"],
        [f"`nightloop check` of {rules} rules", f"{min(run.seconds for run in checks):.2f}"],
        ["of it, the check itself, without Python and imports", f"{min(alone):.2f}"],
        ["`nightloop --help`", f"{min(run.seconds for run in helps):.2f}"],
        ["Python itself", f"{python:.2f}"],
    ]
    return table(["what", "seconds of the processor"], rows)


def _wide(records: pa.Table) -> pa.Table:
    """Return the records with as many columns as the benchmark names: further ones repeat those that are there."""
    further = records.column_names[2 : 2 + COLUMNS - records.num_columns]
    for name in further:
        records = records.append_column(f"{name}_again", records.column(name))
    return records


def _run(arguments: list[str], environment: Mapping[str, str]) -> Run:
    before = os.times()
    done = subprocess.run([sys.executable, *arguments], env=environment, check=True, capture_output=True, text=True)
    after = os.times()
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds, done.stdout)
