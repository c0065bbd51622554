"""Keys that are only written otherwise in another source are told, with both sides and what mends them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from nightloop.lake import Commit
from nightloop.monitoring.joins import Join, joins_of, keys_written_otherwise
from nightloop.nights import Night
from nightloop.workspace import Workspace
from tests.features.in_memory import FIRST, raw, record, shop, window

SCORE = {"kind": "lookup", "source": "customers", "by": {"customer": "customer"}, "expression": "score"}
SHOP = shop({"score": SCORE, "paid": window("count", nights=3), "paid_before": window("count", nights=40)})
NIGHT = FIRST + timedelta(days=30)


def publish(workspace: Workspace, source: str, night: Night, customers: Sequence[str | None]) -> None:
    key = next(iter(SHOP.sources[source].columns))
    keys = [
        {} if key == "customer" else {key: place if source == "payments" else f"v{place}"} for place in range(len(customers))
    ]
    records = [record(night, **of, customer=customer) for of, customer in zip(keys, customers, strict=True)]
    workspace.lake.publish(
        f"shop/raw_{source}", night, raw(SHOP, source, records).drop_columns(["night"]), Commit("ingest", "shop")
    )


def test_only_other_sources_are_joined_and_look_as_far_back_as_the_longest_feature_a_month_at_most() -> None:
    of_visits = {**window("count", nights=3), "source": "visits"}
    joined = joins_of(shop({"score": SCORE, "paid": window("count", nights=3), "n": of_visits}))
    assert joined == [Join("customers", {"customer": "customer"}, 1), Join("payments", {"customer": "customer"}, 3)]
    assert joins_of(SHOP)[1].nights == 31


def test_a_key_that_is_only_written_otherwise_is_told_with_both_sides(workspace: Workspace) -> None:
    publish(workspace, "visits", NIGHT, ["123", "124", "125", "126", None])
    publish(workspace, "customers", NIGHT, ["123.0", "124", " 125", "x"])
    (sentence,) = keys_written_otherwise(SHOP, workspace.lake)
    assert sentence == (
        f"2 of 4 keys of 'visits' of night {NIGHT} find no record of 'customers' by customer but one whose key is only written "
        "otherwise: '123' and '123.0', '125' and ' 125'. Write normal: [trim, whole] at the columns customers.customer, "
        "visits.customer."
    )


@pytest.mark.parametrize(("nights_before", "is_seen"), [(30, True), (31, False)])
def test_records_are_looked_through_as_far_as_features_look_back(
    workspace: Workspace, nights_before: int, is_seen: bool
) -> None:
    night = NIGHT + timedelta(days=1)
    publish(workspace, "visits", night, ["Ada"])
    publish(workspace, "payments", night - timedelta(days=nights_before), ["ada"])
    assert bool(list(keys_written_otherwise(SHOP, workspace.lake))) == is_seen


def test_keys_that_are_found_or_never_came_are_not_spoken_of(workspace: Workspace) -> None:
    publish(workspace, "visits", NIGHT, ["Ada", "Bo"])
    publish(workspace, "customers", NIGHT, ["Ada", "ada", "Cy"])
    assert list(keys_written_otherwise(SHOP, workspace.lake)) == []


def test_a_lake_without_records_tells_nothing(workspace: Workspace) -> None:
    assert list(keys_written_otherwise(SHOP, workspace.lake)) == []
