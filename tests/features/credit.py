"""The credit_risk that we ship, small, over a few nights, and with what goes wrong with a delivery put into them."""

from __future__ import annotations

from datetime import date
from typing import Any

from nightloop.definitions import UseCase, load_use_case
from nightloop.definitions.simulation import Portfolio
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY

STRETCH = Nights(date(2024, 3, 1), date(2024, 3, 5))
EVENTS = (
    {"kind": "late_delivery", "table": "card_transactions", "night": date(2024, 3, 2), "share": 0.5, "within": 2},
    {"kind": "duplicate_delivery", "table": "repayments", "night": date(2024, 3, 3), "after": 1},
)


def credit(*events: dict[str, Any], scale: float = 0.003, matures_after: int = 90) -> UseCase:
    """Return credit_risk with so small a portfolio (150 loans a night), beginning with STRETCH."""
    declared = load_use_case("credit_risk", REPOSITORY / "feature_defs")
    portfolio = Portfolio.model_validate({"seed": 7, "scale": scale, "events": list(events or EVENTS)})
    sources = {
        name: source.model_copy(update={"connector": source.connector.model_copy(update={"portfolio": portfolio})})
        for name, source in declared.sources.items()
    }
    changed = {"sources": sources, "first_night": STRETCH.first, "engine": "local"}
    label = declared.label.model_copy(update={"matures_after": matures_after})
    return declared.model_copy(update={**changed, "label": label})
