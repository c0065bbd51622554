"""What judging a night of a million rows costs: the fast path, and the engines of Great Expectations, beside ingest itself."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from jobs import ingest
from jobs.in_force import in_force
from nightloop.contracts import Contract, Rule, great_expectations_engine, judge, load_contract, parameters_of
from nightloop.contracts.history_limits import summary
from nightloop.definitions import load_use_case
from nightloop.nights import one
from nightloop.settings import load_settings
from nightloop.sources import raw_schema
from nightloop.workspace import Workspace
from tests.benchmarks.document import table

TITLE = "Contracts: one million rows, ten rules"
ROWS = 1_000_000
NIGHT = date(2024, 3, 2)
USE_CASE = """\
use_case: payments
description: Benchmark.
owner: benchmarks
time_zone: UTC
first_night: 2024-03-01
engine: local
sources:
  payments:
    description: One row per payment.
    connector: {kind: files, pattern: "data/{night}.csv", maximum_bytes: 2000000000}
    columns:
      payment_id: {type: string, expression: payment_id, description: Number.}
      customer: {type: integer, expression: "customer::int", description: Who paid.}
      channel: {type: string, expression: channel, description: How.}
      amount: {type: number, expression: "amount::double", description: Euros.}
      fee: {type: number, expression: "fee::double", description: Euros.}
      items: {type: integer, expression: "items::int", description: How many.}
    key: [payment_id]
    known_at: paid_at::timestamp
entity: {source: payments, key: [payment_id]}
label: {description: Benchmark., source: payments, join: {payment_id: payment_id}, expression: amount > 50, matures_after: 1}
features:
  amount: {kind: expression, expression: amount, description: Euros.}
model: {task: binary}
gates: {fairness: {group: channel, metric: selection_rate_difference, maximum: 0.5}}
"""
RULES = (
    ("expect_column_values_to_not_be_null", "{column: payment_id}", "quarantine"),
    ("expect_column_values_to_be_unique", "{column: payment_id}", "quarantine"),
    ("expect_column_values_to_be_between", "{column: amount, min_value: 0, max_value: 400}", "quarantine"),
    ("expect_column_values_to_be_between", "{column: items, min_value: 1, max_value: 9}", "quarantine"),
    ("expect_column_values_to_be_in_set", "{column: channel, value_set: [card, cash, transfer]}", "quarantine"),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        "{column_A: amount, column_B: fee, or_equal: true, ignore_row_if: either_value_is_missing}",
        "quarantine",
    ),
    ("expect_column_values_to_be_between", "{column: known_at, min_value: {$PARAMETER: night_start}}", "fail"),
    ("expect_column_max_to_be_between", "{column: known_at, min_value: {$PARAMETER: evening}}", "fail"),
    ("expect_column_median_to_be_between", "{column: amount, min_value: 10, max_value: 80}", "warn"),
    ("expect_table_row_count_to_be_between", "{min_value: 1000}", "fail"),
)
SHARE = 0.3  # of ingest, at most


def measure() -> str:
    """Return the section."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="nightloop-contracts-") as name:
        folder = Path(name)
        _lay_out(folder)
        settings = load_settings(
            home=folder / "home",
            engine="local",
            definitions=folder / "feature_defs",
            contracts=folder / "great_expectations",
        )
        workspace, use_case = Workspace.open(settings), load_use_case("payments", settings.definitions)
        whole = _seconds(lambda: ingest.run(use_case, one(NIGHT), workspace))
        intake = ingest.Intake(in_force(use_case, one(NIGHT), workspace), workspace)
        rows = intake.readers(one(NIGHT), lambda *_: None)["payments"](NIGHT).arrivals[NIGHT].rows
        contract = load_contract(settings.contracts, "payments", "payments", raw_schema(use_case.sources["payments"]).names)
        return _told(whole, *_ways(contract, rows, folder))


def _lay_out(folder: Path) -> None:
    rng = np.random.default_rng(7)
    amount = rng.gamma(2, 20, ROWS).round(2)
    amount[rng.choice(ROWS, 200, replace=False)] *= -1  # these, and a few above 400, are set aside
    made = {
        "payment_id": [f"p{i:07d}" for i in rng.permutation(ROWS)],
        "customer": rng.integers(0, 200_000, ROWS),
        "channel": rng.choice(["card", "cash", "transfer"], ROWS),
        "amount": amount,
        "fee": (np.abs(amount) * -0.01).round(2),
        "items": rng.integers(1, 10, ROWS),
        "paid_at": np.datetime64("2024-03-02T00:00:00") + rng.integers(0, 86_399, ROWS).astype("timedelta64[s]"),
    }
    for part in ("data", "feature_defs", "great_expectations/payments"):
        (folder / part).mkdir(parents=True)
    pyarrow.csv.write_csv(pa.table(made), folder / f"data/{NIGHT}.csv")
    (folder / "feature_defs/payments.yaml").write_text(USE_CASE)
    lines = ["name: payments", "expectations:"]
    for kind, kwargs, on_breach in RULES:
        lines += [f"  - type: {kind}", f"    kwargs: {kwargs}", f"    meta: {{on_breach: {on_breach}, description: A rule.}}"]
    (folder / "great_expectations/payments/payments.yaml").write_text("\n".join(lines))


def _ways(contract: Contract, rows: pa.Table, folder: Path) -> tuple[float, float, list[tuple[str, float, str]]]:
    """Return seconds of judging as ingest does, of the summary, and by each engine: name, seconds, what else it takes."""
    parameters = parameters_of(NIGHT, "UTC", {}, contract)
    ours = min(_seconds(lambda: judge(contract, rows, parameters, refused=0, cache=folder / "none")) for _ in range(3))
    summed = min(_seconds(lambda: summary(rows)) for _ in range(3))
    rules = [replace(rule, kwargs=parameters.arguments(rule) or {}) for rule in contract.rules]
    imported = _seconds(great_expectations_engine._batch_definition)
    pandas = min(_seconds(lambda: great_expectations_engine.run(rules, rows)) for _ in range(2))
    ways = [("Great Expectations, pandas", pandas, f"import {imported:.1f} s")]
    for name, run in (("SQL (SQLite)", _by_sqlite), ("Spark (local, warm)", _by_spark)):
        taken, more = run(rules, rows, folder)
        ways.append((f"Great Expectations, {name}", taken, f"import {imported:.1f} s, {more}"))
    return ours, summed, ways


def _by_sqlite(rules: Sequence[Rule], rows: pa.Table, folder: Path) -> tuple[float, str]:
    import sqlalchemy as sa

    database = f"sqlite:///{folder / 'night.db'}"
    frame = rows.to_pandas()
    frame["known_at"] = frame["known_at"].dt.tz_localize(None)
    loaded = _seconds(lambda: frame.to_sql("night", sa.create_engine(database), index=False))
    source = _context().data_sources.add_sqlite("night", connection_string=database)
    batch = source.add_table_asset("night", table_name="night").add_batch_definition_whole_table("whole").get_batch()
    return _validated(
        batch, [_zoneless(rule) for rule in rules]
    ), f"loading the rows {loaded:.1f} s; says how many, not which rows"


def _by_spark(rules: Sequence[Rule], rows: pa.Table, folder: Path) -> tuple[float, str]:
    import pyarrow.parquet as pq
    from pyspark.sql import SparkSession

    pq.write_table(rows, folder / "night.parquet")
    began = time.perf_counter()
    settings = {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
    spark = SparkSession.builder.master("local[*]").config(map=settings).getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    frame = spark.read.parquet(str(folder / "night.parquet"))
    frame.count()
    started = time.perf_counter() - began
    source = _context().data_sources.add_spark("night")
    batch = source.add_dataframe_asset("night").add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    zoneless = [_zoneless(rule) for rule in rules]
    _validated(batch, zoneless)
    taken = _validated(batch, zoneless)
    spark.stop()
    return taken, f"session {started:.1f} s; says how many, not which rows"


def _context() -> Any:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context


def _zoneless(rule: Rule) -> Rule:
    values = {key: value.replace(tzinfo=None) if hasattr(value, "tzinfo") else value for key, value in rule.kwargs.items()}
    return replace(rule, kwargs=values)


def _validated(batch: object, rules: Sequence[Rule]) -> float:
    def run() -> None:
        found = batch.validate(great_expectations_engine.as_suite("judged", rules), result_format={"result_format": "BASIC"})  # type: ignore[attr-defined]
        raised = [item for item in found.results if great_expectations_engine._failure(item)]
        assert not raised, great_expectations_engine._failure(raised[0])

    return _seconds(run)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _told(whole: float, ours: float, summed: float, ways: list[tuple[str, float, str]]) -> str:
    without = whole - ours - summed
    lines: list[list[object]] = [
        ["fast path (ours; Great Expectations for the rest)", f"{ours:.2f} s", f"{ours / whole:.0%}", "no import"],
        ["... with the summary for later nights", f"{ours + summed:.2f} s", f"{(ours + summed) / whole:.0%}", "no import"],
    ]
    lines += [[name, f"{taken:.2f} s", f"{taken / (without + taken):.0%}", more] for name, taken, more in ways]
    head = ["who judges", "time", "share of ingest", "besides"]
    said = (
        f"Ingest of {ROWS:,} rows of seven columns from CSV took {whole:.1f} s, of which reading, publishing and digests "
        f"{without:.1f} s. The target is at most {SHARE:.0%}. About 400 rows break a rule. Share: time over (the rest of "
        "ingest + time), imports left out."
    )
    return f"{said}\n\n{table(head, lines)}"


if __name__ == "__main__":
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    print(measure())
