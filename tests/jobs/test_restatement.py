"""A night published again with other content tells what changed, and which nights were built from what it held before."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs import features, ingest
from jobs.commands import status
from nightloop.lake.restatement import Difference, compare, stale, touched
from nightloop.nights import one, parse_nights
from tests.fixtures_ingest import Shop, order

SCHEMA = pa.schema([("key", pa.string()), ("part", pa.int64()), ("amount", pa.float64()), ("note", pa.string())])
NIGHT = date(2024, 3, 2)
AT = "2024-03-02T12:00:00Z"


def table(*rows: tuple[object, ...]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], schema=SCHEMA)


def test_records_are_added_removed_and_changed_by_key() -> None:
    earlier = table(("same", 1, 1.0, None), ("gone", 1, 1.0, None), ("changed", 1, 1.0, None), ("changed", 2, 1.0, "x"))
    later = table(("changed", 2, 2.0, "y"), ("changed", 1, 1.0, "new"), ("same", 1, 1.0, None), ("more", None, 1.0, None))
    assert compare(earlier, later, ["key", "part"]) == Difference(1, 1, 2, {"amount": 1, "note": 2})


def test_a_column_that_is_new_counts_as_missing_before() -> None:
    earlier = table(("a", 1, 1.0, "x"), ("b", 1, 1.0, None)).drop_columns(["note"])
    later = table(("a", 1, 1.0, "x"), ("b", 1, 1.0, None))
    assert compare(earlier, later, ["key"]) == Difference(0, 0, 1, {"note": 1})


Row = tuple[str, int | None, float | None]
row = st.tuples(st.sampled_from("abcd"), st.none() | st.integers(0, 1), st.sampled_from([0.5, None, float("nan")]))
rows = st.lists(row, max_size=6)


@settings(deadline=None)
@given(earlier=rows, later=rows)
def test_a_comparison_agrees_with_one_by_hand(earlier: list[Row], later: list[Row]) -> None:
    first = {(row[0], row[1]): repr(row[2]) for row in earlier}
    second = {(row[0], row[1]): repr(row[2]) for row in later}
    found = compare(
        table(*((*row, None) for row in {row[:2]: row for row in earlier}.values())),
        table(*((*row, None) for row in {row[:2]: row for row in later}.values())),
        ["key", "part"],
    )
    changed = sum(first[key] != second[key] for key in first.keys() & second.keys())
    assert (found.added, found.removed, found.changed) == (len(second.keys() - first), len(first.keys() - second), changed)


def test_the_first_publication_and_the_same_again_are_no_restatement(shop: Shop) -> None:
    for _ in range(2):
        published = ingest.run(shop.use_case, parse_nights("2024-03-01..2024-03-04"), shop.workspace)
        assert not any("restated" in item.details for item in published)
    assert shop.workspace.ledger.events("shop", kind="night_restated") == []


def restate(shop: Shop) -> dict[str, object]:
    """Take in a night of which a record changed, one is gone and two are new."""
    kept = [order(f"o{day}-{i}", f"2024-03-{day:02d}T12:{i:02d}:00Z") for day in range(1, 11) for i in range(4)]
    others = [line for line in kept if not line.startswith(("o2-0", "o2-1"))]
    shop.orders(*others, order("o2-0", "2024-03-02T12:00:00Z", amount="7", clerk="bob"), order("n1", AT), order("n2", AT))
    orders, *_ = ingest.run(shop.use_case, one(NIGHT), shop.workspace)
    return dict(orders.details)


def test_a_restatement_is_told_with_what_changed(shop: Shop) -> None:
    ingest.run(shop.use_case, parse_nights("2024-03-01..2024-03-04"), shop.workspace)
    details = restate(shop)
    (event,) = shop.workspace.ledger.events("shop", kind="night_restated")
    assert (event.night, event.subject, details["restated_records"], details["restated"]) == (NIGHT, "orders", 4, event.payload)
    said = {key: event.payload[key] for key in ("added", "removed", "changed", "columns")}
    assert said == {"added": 2, "removed": 1, "changed": 1, "columns": {"amount": 1, "clerk": 1}}
    state = shop.workspace.lake.states("shop/raw_orders")[NIGHT]
    assert (event.payload["content_digest"], event.payload["earlier_version"] < state.version) == (state.content_digest, True)
    restate(shop)
    assert len(shop.workspace.ledger.events("shop", kind="night_restated")) == 1


def test_a_restatement_names_the_nights_that_were_built_from_the_earlier_version(shop: Shop) -> None:
    nights = parse_nights("2024-03-01..2024-03-06")
    ingest.run(shop.use_case, nights, shop.workspace)
    features.run(shop.use_case, nights, shop.workspace)
    assert stale(shop.use_case, shop.workspace.lake) == {}
    details = restate(shop)
    found = touched(shop.use_case, "orders", NIGHT, shop.workspace.lake)
    assert found["features"] == [NIGHT]
    assert NIGHT + timedelta(days=1) in found["labels"]
    assert details["restated"]["touched"]["features"] == "2024-03-02"  # type: ignore[index]
    (line,) = status.collect(shop.use_case, shop.workspace, one(NIGHT))
    assert line.stale["features"].startswith("raw_orders of 2024-03-02 (version ")
    assert "stale: features" in str(status._decision(line))
    waiting = stale(shop.use_case, shop.workspace.lake)
    assert {night for night, tables in waiting.items() if "features" in tables} == {NIGHT}
    assert {night for night, tables in waiting.items() if "labels" in tables} == set(found["labels"])
    features.run(shop.use_case, nights, shop.workspace)
    assert stale(shop.use_case, shop.workspace.lake) == {}


def test_a_night_taken_in_again_with_the_same_content_makes_nothing_stale(shop: Shop) -> None:
    nights = parse_nights("2024-03-01..2024-03-03")
    ingest.run(shop.use_case, nights, shop.workspace)
    features.run(shop.use_case, nights, shop.workspace)
    ingest.run(shop.use_case, nights, shop.workspace)
    assert stale(shop.use_case, shop.workspace.lake) == {}
