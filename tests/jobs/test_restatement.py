"""A night published again with other content tells what changed, and which nights were built from what it held before."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from jobs import features, ingest, night_status
from nightloop.meaning.staleness import stale, touched
from nightloop.nights import one, parse_nights
from tests.fixtures_ingest import Shop, order

NIGHT = date(2024, 3, 2)
AT = "2024-03-02T12:00:00Z"


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


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_damaged_night_is_taken_in_again_although_its_source_says_something_else_and_the_ledger_tells(
    shop: Shop, damage: str
) -> None:
    ingest.run(shop.use_case, parse_nights("2024-03-01..2024-03-04"), shop.workspace)
    [path] = map(Path, shop.workspace.lake.snapshot("shop/raw_orders", one(NIGHT)).paths)
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:-1])
    details = restate(shop)
    (event,) = shop.workspace.ledger.events("shop", kind="night_restated")
    assert (event.payload, "added" in event.payload) == (details["restated"], False)
    assert str(event.payload["damaged"]).startswith("a file of night 2024-03-02 of table shop/raw_orders")
    state = shop.workspace.lake.states("shop/raw_orders")[NIGHT]
    assert shop.workspace.lake.read("shop/raw_orders", one(NIGHT)).num_rows == state.rows
    assert event.payload["content_digest"] == state.content_digest


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
    (line,) = night_status.collect(shop.use_case, shop.workspace, one(NIGHT))
    assert line.stale["features"].startswith("raw_orders of 2024-03-02 (version ")
    assert "stale: features" in str(night_status._decision(line))
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
