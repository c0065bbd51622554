"""Small simulated portfolios for tests."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa

from nightloop.definitions.simulation import Portfolio
from nightloop.sources.simulator.flaws import delivery
from nightloop.sources.simulator.world import World

NIGHT = date(2024, 6, 4)
TABLES = ("applications", "customers", "repayments", "card_transactions", "bureau", "outcomes")


def portfolio(*events: dict[str, Any], **declared: Any) -> World:
    """Return a portfolio of 250 loans a night in which these events are declared."""
    declared = {"seed": 7, "scale": 0.005, "events": list(events), **declared}
    return World(Portfolio.model_validate(declared), "Europe/Berlin")


def delivered(world: World, table: Any, night: date = NIGHT, later: int = 0) -> pa.Table:
    """Return what a table delivers on a night, or so many nights later."""
    return delivery(world, table, (night + timedelta(days=later)).toordinal())


def numbers(table: pa.Table, column: str) -> list[float]:
    """Return a column of numbers that were delivered as text."""
    return [float(value) for value in table.column(column).to_pylist()]
