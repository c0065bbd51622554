"""What is declared to go wrong does, on its nights and in its table, and nowhere else."""

from __future__ import annotations

from statistics import mean, median
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from nightloop.definitions.simulation import Portfolio
from nightloop.sources.simulator.loans import Loans
from nightloop.sources.simulator.truth import best_auc
from tests.sources.portfolios import NIGHT, TABLES, delivered, numbers, portfolio

EVENTS: dict[str, dict[str, Any]] = {
    "unit_error": {"table": "card_transactions", "column": "amount"},
    "null_burst": {"table": "bureau", "column": "score", "share": 0.4},
    "schema_change": {"table": "repayments", "column": "amount_paid", "renamed": "paid_amount"},
    "category_gone": {"column": "channel", "category": "branch", "instead": "online"},
    "duplicate_delivery": {"table": "repayments"},
    "late_delivery": {"table": "card_transactions", "share": 0.5},
    "slow_drift": {"driver": "spending", "nights": 10, "factor": 2},
    "sudden_drift": {"driver": "amount", "factor": 2},
    "concept_drift": {"weights": {"stress": -1.0}},
}
IN_ONE_TABLE = {
    "unit_error": "card_transactions",
    "null_burst": "bureau",
    "schema_change": "repayments",
    "duplicate_delivery": "repayments",
    "late_delivery": "card_transactions",
}


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "night": NIGHT, **EVENTS[kind], **more}


def test_every_kind_of_event_is_tried_here() -> None:
    kinds = Portfolio.model_json_schema()["properties"]["events"]["items"]["discriminator"]["mapping"]
    assert set(kinds) == set(EVENTS)


def test_nights_before_an_event_are_as_without_it() -> None:
    world = portfolio(*[event(kind) for kind in EVENTS])
    for name in TABLES:
        assert delivered(world, name, later=-1) == delivered(portfolio(), name, later=-1)


def test_a_mended_event_is_none() -> None:
    world = portfolio(*[event(kind, mended=True) for kind in EVENTS])
    for name in TABLES:
        for later in (0, 1):
            assert delivered(world, name, later=later) == delivered(portfolio(), name, later=later)


@pytest.mark.parametrize(("kind", "table"), IN_ONE_TABLE.items())
def test_an_event_in_one_table_touches_no_other_and_ends(kind: str, table: str) -> None:
    world = portfolio(event(kind))
    touched = {
        name
        for name in TABLES
        for later in (0, 1)
        if delivered(world, name, later=later) != delivered(portfolio(), name, later=later)
    }
    assert touched == {table}
    assert delivered(world, table, later=4) == delivered(portfolio(), table, later=4)


def test_amounts_come_in_cents() -> None:
    usual = numbers(delivered(portfolio(), "card_transactions"), "amount")
    wrong = numbers(delivered(portfolio(event("unit_error")), "card_transactions"), "amount")
    assert wrong == pytest.approx([100 * amount for amount in usual])
    assert median(wrong) > 10 * median(usual)


def test_a_share_of_the_values_is_missing() -> None:
    burst = delivered(portfolio(event("null_burst")), "bureau")
    assert burst["score"].null_count / burst.num_rows == pytest.approx(0.4, abs=0.1)
    assert burst.drop_columns(["score"]) == delivered(portfolio(), "bureau").drop_columns(["score"])


def test_a_column_has_another_name_or_a_decimal_comma() -> None:
    usual = delivered(portfolio(), "repayments")
    renamed = delivered(portfolio(event("schema_change")), "repayments")
    assert "amount_paid" not in renamed.column_names and renamed["paid_amount"] == usual["amount_paid"]
    comma = delivered(portfolio(event("schema_change", renamed=None)), "repayments")["amount_paid"].to_pylist()
    assert [text.replace(",", ".") for text in comma] == usual["amount_paid"].to_pylist()
    assert any("," in text for text in comma)


def test_a_category_is_gone_while_it_lasts_and_others_are_as_before() -> None:
    world = portfolio(event("category_gone", nights=2))
    for later, gone in ((0, True), (1, True), (2, False)):
        found = delivered(world, "applications", later=later)["channel"].to_pylist()
        usual = delivered(portfolio(), "applications", later=later)["channel"].to_pylist()
        assert ("branch" not in found) is gone
        assert found == [name if name != "branch" or not gone else "online" for name in usual]


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_night_is_delivered_twice(after: int) -> None:
    world = portfolio(event("duplicate_delivery", after=after))
    own, found = delivered(portfolio(), "repayments"), delivered(world, "repayments", later=after)
    usual = delivered(portfolio(), "repayments", later=after)
    assert found.num_rows == own.num_rows + usual.num_rows
    again = found.slice(usual.num_rows)
    assert again.drop_columns(["landed_at"]) == own.drop_columns(["landed_at"])
    assert min(again["landed_at"].to_pylist()) >= min(own["landed_at"].to_pylist())


def test_late_records_arrive_within_three_nights_and_none_is_lost() -> None:
    world = portfolio(event("late_delivery"))
    first, usual = delivered(world, "card_transactions"), delivered(portfolio(), "card_transactions")
    assert first.num_rows / usual.num_rows == pytest.approx(0.5, abs=0.05)
    late = []
    for later in (1, 2, 3):
        found, without = (delivered(item, "card_transactions", later=later) for item in (world, portfolio()))
        assert found.num_rows > without.num_rows
        late.append(found.slice(without.num_rows))
        assert all(
            landed[:10] > booked[:10]
            for landed, booked in zip(late[-1]["landed_at"].to_pylist(), late[-1]["booked_at"].to_pylist(), strict=True)
        )
    arrived = pa.concat_tables([first, *late]).drop_columns(["landed_at"])
    assert arrived.sort_by("transaction_id") == usual.drop_columns(["landed_at"]).sort_by("transaction_id")


def test_a_slow_drift_moves_a_little_every_night_until_the_factor_is_reached() -> None:
    world = portfolio(event("slow_drift"))
    night = NIGHT.toordinal()
    levels = world.level("spending", np.arange(night - 1, night + 13))
    assert levels == pytest.approx([1.0, *np.linspace(1.1, 2.0, 10), 2.0, 2.0, 2.0])
    for later, level in ((0, 1.1), (20, 2.0)):
        moved, usual = (numbers(delivered(item, "card_transactions", later=later), "amount") for item in (world, portfolio()))
        assert mean(moved) / mean(usual) == pytest.approx(level, rel=0.02)


@pytest.mark.parametrize(
    ("driver", "table", "column"), [("amount", "applications", "amount"), ("income", "customers", "income")]
)
def test_a_sudden_drift_is_there_on_its_first_night_and_stays(driver: str, table: Any, column: str) -> None:
    world = portfolio(event("sudden_drift", driver=driver))
    for later in (0, 100):
        moved, usual = (median(numbers(delivered(item, table, later=later), column)) for item in (world, portfolio()))
        assert moved / usual == pytest.approx(2, rel=0.05)


def test_a_concept_drift_changes_who_defaults_and_not_who_asks() -> None:
    drift = event("concept_drift", weights={"stress": -1.1, "online_electronics": 2.0})
    world, usual = portfolio(drift, scale=0.1), portfolio(scale=0.1)
    assert delivered(world, "applications") == delivered(usual, "applications")
    before, after = Loans(usual, NIGHT.toordinal()), Loans(world, NIGHT.toordinal())
    assert best_auc(after.probability) - best_auc(before.probability, after.probability) > 0.05, "the old order is worse now"
    electronics = (after.channel == 0) & (after.purpose == 0)
    assert after.defaulted[electronics].mean() > 2 * before.defaulted[electronics].mean()
    assert delivered(world, "outcomes", later=90) != delivered(usual, "outcomes", later=90)
