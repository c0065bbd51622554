"""The records that each table of the portfolio brings on a night, before anything goes wrong with their delivery.

A record is delivered on the night it is known. Corrections and withdrawals of earlier records come as the same key again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from nightloop.definitions.simulation import SimulatedTable
from nightloop.sources.simulator import columns
from nightloop.sources.simulator.bureau import ROUND, bureau
from nightloop.sources.simulator.customers import AGE_GROUPS, EMPLOYMENTS, REGIONS, SEXES, Customers
from nightloop.sources.simulator.loans import CHANNELS, PURPOSES, Loans
from nightloop.sources.simulator.repayments import repayments
from nightloop.sources.simulator.transactions import card_transactions
from nightloop.sources.simulator.world import World

MATURES = 90  # nights after a loan's own on which its outcome is recorded


def records(world: World, table: SimulatedTable, night: int) -> pa.Table:
    """Return a night's records of one table."""
    return pa.concat_tables(_TABLES[table](world, night)).combine_chunks()


def _applications(world: World, night: int) -> Iterator[pa.Table]:
    loans = Loans(world, night)
    who, uniform = loans.customers, loans.uniform
    applied, landed = columns.landed(night, world.time_zone, 0.3 + 0.65 * uniform("applied"), uniform("received"))
    stated = np.maximum(np.round(who.income * (1 + 0.12 * world.draws.normal("stated", night, loans.ids)) / 50) * 50, 300.0)
    yield pa.table(
        {
            "loan_id": columns.by_night("L", night, loans.ids),
            "customer_id": columns.customer_names(who.ids),
            "amount": pa.array(loans.amount),
            "term": pa.array(loans.term),
            "rate": pa.array(loans.rate),
            "purpose": columns.category(PURPOSES, loans.purpose),
            "channel": columns.category(CHANNELS, loans.channel),
            "months_on_book": pa.array((night - who.joined) // 30),
            "income_stated": pa.array(stated),
            "sex": columns.category(SEXES, who.sex),
            "age_group": columns.category(AGE_GROUPS, who.age_group),
            "region": columns.category(REGIONS, who.region),
            "applied_at": applied,
            "landed_at": landed,
        }
    )


def _customers(world: World, night: int) -> Iterator[pa.Table]:
    who = Customers(world, np.arange(night % ROUND, world.customers, ROUND, dtype=np.int64), night)
    recorded = 0.1 + 0.2 * world.draws.uniform("customer record", night, who.ids)
    yield pa.table(
        {
            "customer_id": columns.customer_names(who.ids),
            "sex": columns.category(SEXES, who.sex),
            "born_on": columns.dates(who.born),
            "region": columns.category(REGIONS, who.region),
            "employment": columns.category(EMPLOYMENTS, who.employment),
            "income": pa.array(who.income),
            "joined_on": columns.dates(who.joined),
            "recorded_at": columns.moments(night, world.time_zone, recorded),
        }
    )


def _outcomes(world: World, night: int) -> Iterator[pa.Table]:
    loans = Loans(world, night - MATURES)
    at = 0.5 + 0.4 * world.draws.uniform("outcome", loans.night, loans.ids)
    missed = np.where(loans.defaulted, loans.missed, np.where(loans.recorded, 2, 0))
    yield pa.table(
        {
            "loan_id": columns.by_night("L", loans.night, loans.ids),
            "customer_id": columns.customer_names(loans.customers.ids),
            "purpose": columns.category(PURPOSES, loans.purpose),
            "channel": columns.category(CHANNELS, loans.channel),
            "defaulted": pa.array(loans.recorded),
            "missed_instalment": pa.array(missed, mask=missed == 0),
            "observed_until": columns.dates(np.full(len(loans.ids), night)),
            "recorded_at": columns.moments(night, world.time_zone, at),
        }
    )


_TABLES: dict[SimulatedTable, Callable[[World, int], Iterator[pa.Table]]] = {
    "applications": _applications,
    "customers": _customers,
    "repayments": repayments,
    "card_transactions": card_transactions,
    "bureau": bureau,
    "outcomes": _outcomes,
}
