"""Scoring a big night on either engine, beside the shortest loop that can do it, and beside MLflow's spark_udf."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from jobs import score
from nightloop.definitions.use_case import UseCase
from nightloop.engine import spark_session
from nightloop.engine.local import CORES
from nightloop.engine.spark_server import SparkServer
from nightloop.lake import Commit
from nightloop.lake.files import ROW_GROUP
from nightloop.model import bundle, champions
from nightloop.model.calibration import Calibration, sigmoid
from nightloop.model.models import import_xgboost
from nightloop.nights import Night, Nights, one
from nightloop.settings import load_settings
from nightloop.workspace import Workspace
from tests.benchmarks.document import table
from tests.benchmarks.window_features import seconds

TITLE = "Scoring: 1 million rows by 40 features, 300 trees of depth 6, no reasons"
USE_CASE, FEATURES, TREES, DEPTH, LEARNED = "accounts", 40, 300, 6, 60_000
NAMES = [f"f{place:02}" for place in range(FEATURES)]
SMALL, LARGE = date(2024, 3, 1), date(2024, 3, 2)
ROWS = {SMALL: 1_000_000, LARGE: 5_000_000}
PORT = 17_331

Features = np.ndarray[Any, np.dtype[np.float64]]

_NOTE = """

Each way reads the same files and runs in processes of its own, one after the other; a figure is the best of three warm runs.
Warm is after a run in which modules are imported and Spark's workers started; cold is that run, with Spark's start. Processor
seconds are of all processes of a way, Spark's too: other work on the machine changes them less than times. The loop takes a
row group a thread: pyarrow reads it, one block of 32-bit numbers goes into one call of XGBoost, key and probability are
written. Ours also compares the checksums of what it reads, reads back what it wrote for its content digest, and commits.
Peak memory is of the stage's process, Spark's own not counted."""

_WORDS = {
    "bare": "pyarrow and XGBoost, a loop on both cores",
    "local": "`score` on `local`",
    "spark": "`score` on `spark`",
    "udf": "MLflow's `spark_udf`",
}
_HEAD = [
    "who",
    "rows a second, warm",
    "of the loop",
    "processor seconds, warm",
    "loop's over these",
    "cold",
    "peak memory, 1 million rows",
    "peak memory, 5 million",
]


def measure() -> str:
    """Return the section's table."""
    with tempfile.TemporaryDirectory(prefix="scoring-") as folder:
        home = Path(folder)
        _prepare(home)
        best = {way: _in_child(way, home, SMALL) for way in _WORDS}
        large = {way: _in_child(way, home, LARGE) for way in ("local", "spark")}
    bare = best["bare"]
    lines = [
        [
            words,
            f"{ROWS[SMALL] / best[way]['warm']:,.0f}",
            f"**{bare['warm'] / best[way]['warm']:.2f}**",
            f"{best[way]['processor']:.1f}",
            f"**{bare['processor'] / best[way]['processor']:.2f}**",
            f"{best[way]['cold']:.1f} s",
            f"{best[way]['peak']:,.0f} MB",
            f"{large[way]['peak']:,.0f} MB" if way in large else "",
        ]
        for way, words in _WORDS.items()
    ]
    took = ", ".join(f"{of['cold']:.0f} s on `{way}`" for way, of in large.items())
    return table(_HEAD, lines) + f"\n\n5 million rows took {took}, cold." + _NOTE


def _declared() -> UseCase:
    def number(name: str) -> dict[str, str]:
        return {"type": "number", "expression": name, "description": name}

    source = {
        "description": "One row per account.",
        "connector": {"kind": "files", "pattern": "accounts/{night}.parquet"},
        "columns": {"account": {"type": "integer", "expression": "account", "description": "Account."}}
        | {name: number(name) for name in NAMES},
        "key": ["account"],
    }
    return UseCase.model_validate(
        {
            "use_case": USE_CASE,
            "description": "Will the account be late?",
            "owner": "benchmarks",
            "time_zone": "UTC",
            "first_night": date(2024, 1, 1),
            "sources": {"accounts": source},
            "entity": {"source": "accounts", "key": ["account"]},
            "label": {
                "description": "Late.",
                "source": "accounts",
                "join": {"account": "account"},
                "expression": "f00 > 0",
                "matures_after": 1,
            },
            "features": {name: {"kind": "expression", "expression": name, "description": name} for name in NAMES},
            "model": {"task": "binary", "decision_threshold": 0.4, "reasons": 0},
            "gates": {"fairness": {"group": "account", "metric": "selection_rate_difference", "maximum": 0.5}},
        }
    )


def _prepare(home: Path) -> None:
    """Publish the nights, and promote a model that was fitted on other rows."""
    workspace, declared = Workspace.open(load_settings(home=home)), _declared()
    for night, rows in ROWS.items():
        files = _write(Path(workspace.lake.new_folder(f"{USE_CASE}/features")), rows)
        workspace.lake.adopt_nights(f"{USE_CASE}/features", {night: files}, Commit("features", USE_CASE))
    xgboost, rows = import_xgboost(light=True), _drawn(LEARNED, 1)
    known = np.nan_to_num(rows)
    margin = known[:, 0] * known[:, 1] + known[:, 2] + np.sin(3 * known[:, 3]) * known[:, 4]
    label = margin + np.random.default_rng(2).normal(size=LEARNED) > 0
    parameters = {"max_depth": DEPTH, "eta": 0.05, "objective": "binary:logistic", "nthread": CORES}
    booster = xgboost.train(parameters, xgboost.DMatrix(rows, label=label, feature_names=NAMES), TREES)
    booster.save_model(home / "model.ubj")
    training = bundle.Training(
        as_of=SMALL,
        fit=Nights(date(2024, 1, 1), date(2024, 1, 31)),
        calibrate=Nights(date(2024, 2, 1), date(2024, 2, 7)),
        validate=Nights(date(2024, 2, 8), date(2024, 2, 21)),
        definition_digest="d" * 64,
        code_version="0",
        data_versions={},
        training_key="benchmark",
    )
    folder = home / "bundles" / USE_CASE / "1"
    folder.parent.mkdir(parents=True)
    bundle.write(
        folder,
        use_case=declared,
        model=booster,
        calibration=Calibration("none"),
        training=training,
        definition="",
        reference={},
        card="",
    )
    champions.promote(workspace.ledger, USE_CASE, 1, SMALL, {"bundle_digest": bundle.digest(folder)})


def _drawn(rows: int, seed: int) -> Features:
    random = np.random.default_rng(seed)
    drawn = random.normal(size=(rows, FEATURES)).round(3)
    drawn[random.random(drawn.shape) < 0.03] = np.nan
    return drawn


def _write(folder: Path, rows: int) -> list[str]:
    """Write rows as an engine does, a million a file."""
    files = []
    for first in range(0, rows, 1_000_000):
        drawn = _drawn(1_000_000, first + 3)
        columns = {name: pa.array(drawn[:, place], from_pandas=True) for place, name in enumerate(NAMES)}
        keys = pa.array(np.arange(first, first + len(drawn)))
        files.append(str(folder / f"{first}.parquet"))
        pq.write_table(pa.table({"account": keys, **columns}), files[-1], compression="zstd", row_group_size=ROW_GROUP)
    return files


def _in_child(way: str, home: Path, night: Night) -> dict[str, float]:
    """Return the seconds of the first run, the least of the others with their processor seconds, and peak megabytes."""
    command = [sys.executable, "-m", "tests.benchmarks.scoring", way, str(home), str(night)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(way, night, told, flush=True)
    return told


def _child(way: str, home: Path, night: Night) -> None:
    files = Workspace.open(load_settings(home=home)).lake.snapshot(f"{USE_CASE}/features", one(night)).paths
    if way == "bare":
        _report(lambda: _bare(home, files), night)
    elif way == "local":
        workspace = Workspace.open(load_settings(home=home, engine="local"))
        _report(lambda: score.run(_declared(), one(night), workspace), night)
    elif way == "spark":
        _report_spark(home, night)
    else:
        _report_udf(home, files, night)


def _report(run: Callable[[], object], night: Night, start: float = 0.0) -> None:
    cold, warm, processor = start + seconds(run), [], []
    for _ in range(3 if night == SMALL else 0):
        before = _processor_seconds()
        warm.append(seconds(run))
        processor.append(_processor_seconds() - before)
    [peak] = [int(line.split()[1]) / 1024 for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    print(json.dumps({"cold": cold, "warm": min(warm or [cold]), "processor": min(processor or [0.0]), "peak": peak}))


def _processor_seconds() -> float:
    """Return what this process and all below it have used."""
    this = psutil.Process()
    return sum(sum(of.cpu_times()[:2]) for of in (this, *this.children(recursive=True)))


def _report_spark(home: Path, night: Night) -> None:
    servers: list[SparkServer] = []
    start = seconds(lambda: servers.append(SparkServer.start(home / "spark", PORT).__enter__()))
    try:
        workspace = Workspace.open(load_settings(home=home, engine="spark", spark_url=servers[0].url))
        _report(lambda: score.run(_declared(), one(night), workspace), night, start)
        spark_session.close()
    finally:
        servers[0].__exit__(None, None, None)


def _bare(home: Path, files: list[str]) -> None:
    booster = import_xgboost(light=True).Booster({"nthread": 1}, model_file=home / "model.ubj")
    groups = [(path, group) for path in files for group in range(pq.read_metadata(path).num_row_groups)]

    def loop(path: str, group: int) -> None:
        rows = pq.ParquetFile(path).read_row_group(group, columns=["account", *NAMES], use_threads=False)
        block = np.empty((rows.num_rows, FEATURES), np.float32)
        for place, name in enumerate(NAMES):
            block[:, place] = rows.column(name).to_numpy()
        margin = booster.inplace_predict(block, predict_type="margin", validate_features=False)
        answers = pa.table({"account": rows.column("account"), "probability": sigmoid(margin.astype(np.float64))})
        pq.write_table(answers, home / f"bare-{Path(path).stem}-{group}.parquet")

    with ThreadPoolExecutor(CORES) as threads:
        list(threads.map(lambda of: loop(*of), groups))


def _report_udf(home: Path, files: list[str], night: Night) -> None:
    import mlflow.pyfunc
    import mlflow.xgboost
    import xgboost
    from pyspark.sql import SparkSession

    shutil.rmtree(home / "udf", ignore_errors=True)
    mlflow.xgboost.save_model(xgboost.Booster(model_file=home / "model.ubj"), home / "udf")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    sessions: list[SparkSession] = []

    def begin() -> None:
        settings = {"spark.ui.enabled": "false", "spark.driver.memory": "2g"}
        builder = SparkSession.builder.master(f"local[{CORES}]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        sessions.append(builder.getOrCreate())

    start = seconds(begin)
    scored = mlflow.pyfunc.spark_udf(sessions[0], str(home / "udf"), result_type="double", env_manager="local")

    def run() -> None:
        rows = sessions[0].read.parquet(*files)
        answers = rows.select("account", scored(*NAMES).alias("probability"))
        answers.write.mode("overwrite").parquet(str(home / "answers"))

    _report(run, night, start)
    sessions[0].stop()


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]), date.fromisoformat(sys.argv[3]))
