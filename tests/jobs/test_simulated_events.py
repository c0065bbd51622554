"""What goes wrong in the simulated portfolio is caught by contracts, or handled so that no feature shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs import features, ingest
from nightloop.definitions import UseCase, load_use_case
from nightloop.definitions.simulation import Portfolio
from nightloop.errors import ContractBroken, SourceDamaged
from nightloop.nights import Nights, one, parse_nights
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace

FIRST = date(2024, 3, 1)
Turn = Callable[..., Workspace]


def credit(*events: dict[str, Any]) -> UseCase:
    """Return credit_risk with 150 loans a night, beginning in March, with these events instead of its own."""
    declared = load_use_case("credit_risk", REPOSITORY / "feature_defs")
    portfolio = Portfolio.model_validate({"seed": 7, "scale": 0.003, "events": list(events)})
    sources = {
        name: source.model_copy(update={"connector": source.connector.model_copy(update={"portfolio": portfolio})})
        for name, source in declared.sources.items()
    }
    return declared.model_copy(update={"sources": sources, "first_night": FIRST, "engine": "local"})


@pytest.fixture
def turn(tmp_path: Path) -> Turn:
    """Take in some nights of a use case, in a home of its own, and return the stores."""

    def _turn(use_case: UseCase, nights: Nights, home: str = "home") -> Workspace:
        workspace = Workspace.open(load_settings(home=tmp_path / home, engine="local"))
        ingest.run(use_case, nights, workspace)
        return workspace

    return _turn


def rows(workspace: Workspace, table: str, night: date) -> int:
    return workspace.lake.require(f"credit_risk/{table}", one(night)).read().num_rows


def test_a_night_without_events_keeps_its_contracts(turn: Turn) -> None:
    workspace = turn(credit(), parse_nights("2024-03-01..2024-03-02"))
    for night in parse_nights("2024-03-01..2024-03-02"):
        assert rows(workspace, "quarantine", night) == 0
    assert workspace.ledger.events("credit_risk", kind="contract_warned") == []


@pytest.mark.parametrize(
    ("table", "column"), [("card_transactions", "amount"), ("applications", "amount"), ("customers", "income")]
)
def test_cents_instead_of_euros_fail_the_night_until_they_are_mended(turn: Turn, table: str, column: str) -> None:
    wrong = {"kind": "unit_error", "table": table, "column": column, "night": FIRST}
    with pytest.raises(ContractBroken, match=f"source '{table}'"):
        turn(credit(wrong), one(FIRST))
    workspace = turn(credit(wrong | {"mended": True}), one(FIRST))
    assert rows(workspace, f"raw_{table}", FIRST) > 0


def test_a_burst_of_missing_incomes_is_told_and_the_night_goes_on(turn: Turn) -> None:
    burst = {"kind": "null_burst", "table": "applications", "column": "income_stated", "night": FIRST, "share": 0.4}
    workspace = turn(credit(burst), one(FIRST))
    (event,) = workspace.ledger.events("credit_risk", kind="contract_warned")
    assert event.subject == "applications" and "income_stated" in str(event.payload)
    assert rows(workspace, "raw_applications", FIRST) == rows(turn(credit(), one(FIRST), "usual"), "raw_applications", FIRST)


def test_a_burst_of_missing_scores_fails_the_night(turn: Turn) -> None:
    burst = {"kind": "null_burst", "table": "bureau", "column": "score", "night": FIRST, "share": 0.4}
    with pytest.raises(ContractBroken, match="source 'bureau'"):
        turn(credit(burst), one(FIRST))


def test_a_renamed_column_fails_the_night_and_says_which(turn: Turn) -> None:
    change = {"kind": "schema_change", "table": "repayments", "column": "amount_paid", "renamed": "paid_amount", "night": FIRST}
    with pytest.raises(SourceDamaged, match=r"no column 'amount_paid'.*paid_amount.*mended: true"):
        turn(credit(change), one(FIRST))


def test_a_decimal_comma_fails_the_night(turn: Turn) -> None:
    change = {"kind": "schema_change", "table": "repayments", "column": "amount_paid", "night": FIRST}
    with pytest.raises(ContractBroken, match="source 'repayments'"):
        turn(credit(change), one(FIRST))


def digests(workspace: Workspace, use_case: UseCase, nights: Nights) -> dict[date, str]:
    """Return the content digest of each night's features."""
    features.run(use_case, nights, workspace)
    return {night: state.content_digest for night, state in workspace.lake.states("credit_risk/features").items()}


def test_a_delivery_that_comes_twice_changes_no_feature(turn: Turn) -> None:
    nights = parse_nights("2024-03-01..2024-03-02")
    twice = credit({"kind": "duplicate_delivery", "table": "repayments", "night": FIRST, "after": 1})
    workspace, usual = turn(twice, nights), turn(credit(), nights, "usual")
    assert rows(workspace, "raw_repayments", nights.last) > 1.5 * rows(usual, "raw_repayments", nights.last)
    assert digests(workspace, twice, nights) == digests(usual, credit(), nights)


def test_late_payments_count_from_the_night_they_arrive(turn: Turn) -> None:
    nights = parse_nights("2024-03-01..2024-03-04")
    late = credit({"kind": "late_delivery", "table": "card_transactions", "night": FIRST, "share": 0.5, "within": 3})
    workspace, usual = turn(late, nights), turn(credit(), nights, "usual")
    found, expected = digests(workspace, late, nights), digests(usual, credit(), nights)
    assert [found[night] == expected[night] for night in nights] == [False, False, False, True]
