"""Whatever a file calls its columns, its draft is checked, taken in and made into features."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobs.commands.command_line import main
from nightloop.settings import load_settings

COUNT = 120
NAMES = [
    "select",
    "at",
    "y",
    "x",
    "v",
    "value",
    "text",
    "typed",
    "=night",
    "=row",
    "=flaw",
    "=dated",
    "=known",
    "known_at",
    "event_at",
    "event_date",
    "night",
    "key",
    "by",
    "label",
    "row",
    "values",
    "order",
    "group",
    "from",
    "time",
    "timestamp",
    "date",
    "a b",
    "a'b",
    'a"b',
    "a`b",
    "😀",
    "ß",
    "日付",
    "-",
    "%",
    "{night}",
    "{}",
    "$x",
    "@x",
    "#",
    "a;b",
    "a,b",
    "a\nb",
    "1",
    "1e5",
    "null",
    "true",
    "record_id",
    "outcomes",
    "score",
    "features",
    "tiles",
    "aggregates",
    "__",
    "_",
    "struct_pack",
    "count",
    "CASE",
    "Interval",
    "looked_at",
    "mode",
    "scored_night",
    "feature",
    "default",
]


@contextmanager
def home() -> Iterator[Path]:
    """A folder of its own for definitions, contracts, lake and ledger."""
    names = ("NIGHTLOOP_HOME", "NIGHTLOOP_DEFINITIONS", "NIGHTLOOP_CONTRACTS", "NIGHTLOOP_ENGINE")
    before = {name: os.environ.get(name) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        values = (base / "home", base / "feature_defs", base / "great_expectations", "local")
        os.environ.update(dict(zip(names, map(str, values), strict=True)))
        for path in values[1:3]:
            Path(path).mkdir()
        try:
            yield base
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


FIXED = ("the id", "happened on", "came")


def becomes_features(names: list[str], fixed: tuple[str, str, str] = FIXED) -> None:
    """Draft over a file with these columns beside key, time and label, check it, take it in and make features of its nights."""
    with home() as base:
        path = base / "records.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*fixed[:2], *names, fixed[2]])
            for i in range(COUNT):
                values = [(i * (7 + k)) % 11 if k % 2 else "abc"[(i + k) % 3] for k in range(len(names))]
                writer.writerow([f"k{i}", f"2024-01-{1 + i // 40:02d}", *values, i * i % 3 % 2])
        told = [f"--key={fixed[0]}", f"--event-at={fixed[1]}", f"--label={fixed[2]}"]
        assert main(["new", "anything", "--from", str(path), *told]) == 0
        assert main(["check", "anything"]) == 0
        assert main(["ingest", "anything", "2024-01-01..2024-01-03"]) == 0
        assert main(["features", "anything", "2024-01-01..2024-01-03"]) == 0
        table = DeltaTable(f"{load_settings().home}/lake/anything/features")
        assert table.to_pyarrow_table().num_rows == COUNT


@pytest.mark.parametrize("part", range(6))
def test_names_that_mean_something_elsewhere_are_names_of_columns(part: int) -> None:
    becomes_features([name for name in NAMES[part::6] if not name.startswith("=")])


@pytest.mark.parametrize(
    "fixed",
    [("select", "at", "y"), ("y", "x", "label"), ("night", "known_at", "score"), ("key", "event_at", "order"),
     ("😀", '"', "a'b"),
     ("record_id", "event_date", "outcomes"), ("=", "-t", "-l"), ("by", "timestamp", "values")],
)  # fmt: skip
def test_key_time_and_label_may_be_called_anything(fixed: tuple[str, str, str]) -> None:
    becomes_features(["one", "two"], fixed)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8, unique_by=str.casefold))
@example(["Y", "LABEL", "night "])
def test_any_name_is_a_name_of_a_column(names: list[str]) -> None:
    becomes_features([name for name in names if not name.startswith("=") and name.casefold() not in FIXED])
