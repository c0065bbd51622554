"""What to do when a night was never published: nights as runs, and the stage whose command makes them."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from nightloop.lake.missing import NAMED, in_words, not_published, runs
from nightloop.nights import Nights

FIRST = date(2013, 1, 30)


def nights(*days: int) -> list[date]:
    return [FIRST + timedelta(days=day) for day in days]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], []),
        ([0], ["2013-01-30"]),
        ([0, 1, 2], ["2013-01-30..2013-02-01"]),
        ([0, 2], ["2013-01-30", "2013-02-01"]),
        ([2, 0, 1, 1], ["2013-01-30..2013-02-01"]),
        ([0, 1, 3, 4, 6], ["2013-01-30..2013-01-31", "2013-02-02..2013-02-03", "2013-02-05"]),
        ([29, 30], ["2013-02-28..2013-03-01"]),
    ],
)
def test_nights_are_joined_into_unbroken_runs_over_the_ends_of_months(days: list[int], expected: list[str]) -> None:
    assert [str(run) for run in runs(nights(*days))] == expected
    assert in_words(nights(*days)) == ", ".join(expected)


def test_runs_hold_every_night_once() -> None:
    for mask in range(2**7):
        days = [day for day in range(7) if mask >> day & 1]
        joined = runs(nights(*days))
        assert [night for run in joined for night in run] == nights(*days)
        assert all(later.first - earlier.last > timedelta(days=1) for earlier, later in pairwise(joined))


@pytest.mark.parametrize("count", [1, NAMED, NAMED + 1, NAMED + 3])
def test_a_few_runs_are_named_and_the_rest_counted_and_the_command_spans_all(count: int) -> None:
    error = not_published("uc/features", nights(*range(0, 2 * count, 2)))
    assert error.what.count("2013-") == min(count, NAMED)
    assert (f"and {count - NAMED} more runs." in error.what) is (count > NAMED)
    span = Nights(FIRST, FIRST + timedelta(days=2 * count - 2))
    assert error.do == f"Run: python -m jobs features uc {span}" and error.where == "uc/features"


@pytest.mark.parametrize(
    ("table", "stage"),
    [
        ("raw_orders", "ingest"),
        ("quarantine", "ingest"),
        ("tiles", "features"),
        ("aggregates", "features"),
        ("features", "features"),
        ("labels", "features"),
        ("scores", "score"),
        ("metrics", "monitor"),
        ("decisions", "monitor"),
        ("evaluation", "train"),
        ("something_else", "STAGE"),
    ],
)
def test_each_table_names_the_stage_that_publishes_it(table: str, stage: str) -> None:
    assert not_published(f"uc/{table}", nights(0)).do == f"Run: python -m jobs {stage} uc 2013-01-30"


def test_a_table_that_was_never_published_says_so() -> None:
    error = not_published("uc/scores", [])
    assert error.what == "the table was never published." and error.do == "Run: python -m jobs score uc NIGHT"
