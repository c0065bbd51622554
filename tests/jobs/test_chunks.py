"""A range is cut into chunks that fit in memory, and covers its nights exactly once however it is cut."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from jobs import chunks as module
from jobs.chunks import BYTES_PER_TOTAL, CHUNK_BYTES, SMALL_TILES_BYTES, chunks
from nightloop.nights import Night, Nights
from tests.features.in_memory import rate, shop, window

FIRST = date(2024, 2, 26)
ONE_TOTAL = shop({"n": window("count")})


class Engine:
    """Answers how many keys the tiles have, and remembers that it was asked."""

    def __init__(self, keys: int) -> None:
        self.keys = keys
        self.asked: list[tuple[str, list[str]]] = []

    def query(self, sql: str, inputs: dict[str, Any]) -> pa.Table:
        self.asked.append((sql, list(inputs)))
        return pa.table({"keys": [self.keys]})


def nights(length: int) -> Nights:
    return Nights(FIRST, FIRST + timedelta(days=length - 1))


def cut(length: int, keys: int = 1, *, table: str = "aggregates", size: int = SMALL_TILES_BYTES + 1, use_case=ONE_TOTAL):
    """Return the chunks as (first, length), and the engine that was asked."""
    engine = Engine(keys)
    found = chunks(use_case, table, nights(length), {"tiles": SimpleNamespace(size=size)}, engine)
    return found, engine


def lengths(found: list[Nights]) -> list[int]:
    return [len(chunk) for chunk in found]


@pytest.fixture
def memory(monkeypatch) -> None:
    """Ten totals fit in memory at once."""
    monkeypatch.setattr(module, "CHUNK_BYTES", 10 * BYTES_PER_TOTAL)


@pytest.mark.parametrize(
    ("length", "keys", "expected"),
    [
        (10, 1, [10]),
        (11, 1, [10, 1]),
        (20, 1, [10, 10]),
        (21, 1, [10, 10, 1]),
        (7, 2, [5, 2]),
        (7, 3, [3, 3, 1]),
        (6, 3, [3, 3]),
        (3, 5, [2, 1]),
        (3, 6, [1, 1, 1]),
        (3, 10, [1, 1, 1]),
        (3, 11, [1, 1, 1]),
        (3, 1000, [1, 1, 1]),
        (12, 0, [12]),
    ],
)
def test_a_chunk_holds_as_many_nights_as_fit_and_never_less_than_one(memory, length, keys, expected):
    found, engine = cut(length, keys)
    assert lengths(found) == expected
    assert len(engine.asked) == 1


@pytest.mark.parametrize("length", range(2, 30))
@pytest.mark.parametrize("keys", [1, 2, 3, 4, 9, 99])
def test_chunks_cover_the_range_once_and_in_order(memory, length, keys):
    found, _ = cut(length, keys)
    covered: list[Night] = [night for chunk in found for night in chunk]
    assert covered == list(nights(length))


def test_every_total_of_every_feature_counts(memory):
    features = {"std": window("std", "amount"), "share": rate(), "n": window("count", nights=28)}
    found, _ = cut(9, use_case=shop(features))  # 3 + 2 + 1 totals a key and night
    assert lengths(found) == [1] * 9
    found, _ = cut(9, use_case=shop({"std": window("std", "amount"), "share": rate()}))
    assert lengths(found) == [2, 2, 2, 2, 1]


@pytest.mark.parametrize("table", ["tiles", "features", "labels"])
def test_only_aggregates_are_cut(memory, table):
    found, engine = cut(30, 99, table=table)
    assert found == [nights(30)]
    assert engine.asked == []


def test_one_night_is_one_chunk_without_asking(memory):
    found, engine = cut(1, 99)
    assert found == [nights(1)]
    assert engine.asked == []
    found, engine = cut(2, 99)
    assert lengths(found) == [1, 1]
    assert engine.asked


@pytest.mark.parametrize(
    ("size", "is_cut"), [(SMALL_TILES_BYTES - 1, False), (SMALL_TILES_BYTES, False), (SMALL_TILES_BYTES + 1, True)]
)
def test_small_tiles_are_one_chunk_without_asking(memory, size, is_cut):
    found, engine = cut(3, 99, size=size)
    assert len(found) == (3 if is_cut else 1)
    assert bool(engine.asked) is is_cut


def test_without_tiles_there_is_nothing_to_cut(memory):
    engine = Engine(99)
    assert chunks(ONE_TOTAL, "aggregates", nights(9), {}, engine) == [nights(9)]
    assert engine.asked == []


def test_few_keys_do_not_reach_beyond_the_calendar():
    """Room for millions of nights: the end of a chunk that long would be no date."""
    found, _ = cut(3, keys=1)
    assert found == [nights(3)]


def test_keys_are_counted_over_the_tiles_each_once():
    _, engine = cut(2)
    ((sql, inputs),) = engine.asked
    assert inputs == ["tiles"]
    tiles = pa.table({"tile": ["a", "a", "b", "a"], "key": ["x", "y", "x", "x"]})
    with duckdb.connect() as database:
        database.register("tiles", tiles)
        assert database.sql(sql).fetchall() == [(3,)]


def test_a_chunk_stays_below_two_gibibytes_of_totals():
    assert (CHUNK_BYTES, BYTES_PER_TOTAL, SMALL_TILES_BYTES) == (2 * 2**30, 32, 4 * 2**20)
    keys = 2**20
    found, _ = cut(200, keys)
    assert lengths(found) == [64, 64, 64, 8]
    assert 64 * keys * BYTES_PER_TOTAL == CHUNK_BYTES
