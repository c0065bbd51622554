"""The metrics table: one row a figure, nothing in it that is not a number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nightloop.evidence.verdict import Figure
from nightloop.monitoring.metrics_table import SCHEMA, Sourced, as_table
from tests.fixtures_sales import definition

AUC = Figure("auc", 0.7, 0.6, 0.8, 120)


def rows(*sourced: Sourced) -> list[dict[str, object]]:
    table = as_table(definition(), sourced)
    assert table.schema.equals(SCHEMA)
    return table.to_pylist()


def test_a_figure_is_a_row_with_its_model_group_interval_size_and_source() -> None:
    assert rows(Sourced("scores of a night", 3, (AUC,))) == [
        {
            "use_case": "sales",
            "model_version": 3,
            "group": "all",
            "metric": "auc",
            "value": 0.7,
            "low": 0.6,
            "high": 0.8,
            "n": 120,
            "source": "scores of a night",
        }
    ]


def test_figures_keep_their_order_and_each_part_its_own_source_and_version() -> None:
    share = Figure("selected_share", 0.25, None, None, 8, "region=north")
    found = rows(Sourced("one", 3, (AUC, share)), Sourced("two", None, (share,)), Sourced("three", 4, ()))
    assert [(row["source"], row["model_version"], row["metric"], row["group"]) for row in found] == [
        ("one", 3, "auc", "all"),
        ("one", 3, "selected_share", "region=north"),
        ("two", None, "selected_share", "region=north"),
    ]
    assert found[1]["low"] is None and found[1]["high"] is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_gets_no_row(value: float) -> None:
    assert rows(Sourced("one", 3, (Figure("auc", value, 0.1, 0.2, 5), AUC))) == rows(Sourced("one", 3, (AUC,)))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (math.nan, 0.9, (None, 0.9)),
        (0.1, math.inf, (0.1, None)),
        (-math.inf, math.nan, (None, None)),
        (0.0, 0.0, (0.0, 0.0)),
    ],
)
def test_an_end_of_an_interval_that_is_no_number_is_missing(
    low: float, high: float, expected: tuple[float | None, float | None]
) -> None:
    [row] = rows(Sourced("one", 3, (Figure("auc", 0.0, low, high, 0),)))
    assert (row["low"], row["high"]) == expected and (row["value"], row["n"]) == (0.0, 0)


def test_numbers_of_numpy_are_plain_numbers() -> None:
    [row] = rows(Sourced("one", 3, (Figure("n", np.float32(0.5), np.float64(0.25), None, np.int64(7)),)))  # type: ignore[arg-type]
    assert (row["value"], row["low"], row["n"]) == (0.5, 0.25, 7)


def test_a_night_without_figures_is_an_empty_table_of_the_same_columns() -> None:
    assert rows() == [] and rows(Sourced("one", 3, ())) == []
