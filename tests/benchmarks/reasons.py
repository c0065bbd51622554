"""What exact reasons cost: contributions looked up in tables beside XGBoost's own, many rows and one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from nightloop.model.contribution_tables import from_booster
from nightloop.model.models import import_xgboost
from tests.benchmarks.document import table

TITLE = "Exact reasons: contributions of every feature to a row"
FEATURES, TREES, DEPTH, LEARNED, TIMES = 40, 300, 6, 60_000, 2
MANY, FEW = 100_000, 2_000  # rows of ours, and of XGBoost's


def measure() -> str:
    """Return the section."""
    xgboost, random = import_xgboost(light=True), np.random.default_rng(1)
    rows = random.normal(size=(MANY, FEATURES)).astype(np.float32)
    rows[random.random(rows.shape) < 0.03] = np.nan
    known = np.nan_to_num(rows[:LEARNED])
    margin = known[:, 0] * known[:, 1] + known[:, 2] + np.sin(3 * known[:, 3]) * known[:, 4]
    learned = xgboost.DMatrix(rows[:LEARNED], label=margin + random.normal(size=LEARNED) > 0)
    parameters = {"max_depth": DEPTH, "eta": 0.05, "objective": "binary:logistic"}
    booster = xgboost.train(parameters, learned, TREES)

    def by_xgboost(asked: np.ndarray, threads: int) -> np.ndarray:
        booster.set_param({"nthread": threads})
        return booster.predict(xgboost.DMatrix(asked, nthread=threads), pred_contribs=True)

    building = _seconds(lambda: from_booster(booster), 3)
    tables = from_booster(booster)
    assert tables is not None
    apart = np.abs(tables.contributions(rows[:FEW])[:, 0] - by_xgboost(rows[:FEW], 2)[:, :-1]).max()
    halves = np.array_split(rows, 2)
    with ThreadPoolExecutor(2) as pool:
        ours = [
            MANY / _seconds(lambda: tables.contributions(rows)),
            MANY / _seconds(lambda: list(pool.map(tables.contributions, halves))),
        ]
    theirs = [FEW / _seconds(lambda threads=threads: by_xgboost(rows[:FEW], threads)) for threads in (1, 2)]
    one, one_theirs = _of_one(tables.contributions, rows), _of_one(lambda row: by_xgboost(row, 1), rows)
    lines = [
        [f"rows a second, {threads}", f"{mine:,.0f}", f"{other:,.0f}", f"**{mine / other:.0f}**"]
        for threads, mine, other in zip(("one thread", "two threads"), ours, theirs, strict=True)
    ]
    lines.append(["one row, median", f"{1000 * one:.2f} ms", f"{1000 * one_theirs:.2f} ms", f"**{one_theirs / one:.1f}**"])
    head = (
        f"{TREES} trees of depth {DEPTH}, {FEATURES} features, 3 % missing. "
        f"Tables of {tables.lookup.table.nbytes / 1e6:.0f} MB, built in {building:.2f} s. "
        f"Largest difference {apart:.1e} (target: 1e-5). Targets: 40 times in batch, 4 times on one row."
    )
    return head + "\n\n" + table(["", "tables", "XGBoost's `pred_contribs`", "times as fast"], lines)


def _seconds(call: Callable[[], Any], times: int = TIMES) -> float:
    """Return the shortest of some calls, the first of which only warms up."""
    taken = []
    for _ in range(times + 1):
        began = time.perf_counter()
        call()
        taken.append(time.perf_counter() - began)
    return min(taken[1:])


def _of_one(call: Callable[[np.ndarray], Any], rows: np.ndarray) -> float:
    return float(np.median([_seconds(lambda place=place: call(rows[place : place + 1]), 1) for place in range(200)]))
