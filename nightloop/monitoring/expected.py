"""What a training is expected to gain in money, from stored figures of the champion: its first nights against its newest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from nightloop.evidence.money import CAPTURED, expected_gain
from nightloop.evidence.verdict import Figure
from nightloop.monitoring.night_metrics import money_figures, row_values
from nightloop.nights import Night, Nights

if TYPE_CHECKING:
    from nightloop.definitions.use_case import UseCase
    from nightloop.lake import Lake
    from nightloop.model.champions import Champion
    from nightloop.monitoring.performance import Performance

COLUMNS = ["night", "model_version", "group", "metric", "value", "low", "high", "n"]


def gain_of_training(
    use_case: UseCase, night: Night, lake: Lake, champion: Champion, performance: Performance
) -> Figure | None:
    """Return what a training would gain over ``maximum_age_nights``, if it brought back what the champion captured at first.

    At first is its first performance window with enough rows that shares no night with the newest one. None where no value is
    declared, nothing of the champion has matured, or there is no such window yet.
    """
    matured, value = performance.matured, use_case.value
    of_rows = row_values(use_case, matured) if performance.version == champion.version and len(matured) else None
    if value is None or of_rows is None:
        return None
    measured = {item.metric: item for item in money_figures(use_case, matured, by_night=True)}
    now, then = measured.get(CAPTURED), _at_first(use_case, night, lake, champion)
    if then is None or now is None or now.low is None or now.high is None:
        return None
    rows_a_night = matured.scored_by_version[champion.version] / len(matured.scored_nights)
    gainable = float(of_rows[1].mean()) * rows_a_night * use_case.retrain.maximum_age_nights
    return expected_gain(then, now, gainable=gainable, cost=value.training)


def _at_first(use_case: UseCase, night: Night, lake: Lake, champion: Champion) -> Figure | None:
    """Return the share that the champion captured in its first window, from the metrics table."""
    table, last = f"{use_case.use_case}/metrics", night - timedelta(days=use_case.monitoring.performance_nights)
    if last < champion.as_of or not lake.exists(table):
        return None
    rows = lake.read(table, Nights(champion.as_of, last), COLUMNS)
    rows = rows.filter(pc.equal(rows["metric"], f"pooled_{CAPTURED}"))
    for row in sorted(rows.to_pylist(), key=lambda row: row["night"]):
        is_whole = row["n"] >= use_case.monitoring.minimum_rows and row["low"] is not None
        if is_whole and (row["model_version"], row["group"]) == (champion.version, "all"):
            return Figure(CAPTURED, row["value"], row["low"], row["high"], row["n"])
    return None
