"""Card transactions: what customers spend, and how their payments are corrected, reversed and booked late."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from nightloop.sources.simulator import columns
from nightloop.sources.simulator.customers import Customers
from nightloop.sources.simulator.draws import Floats, Integers, share_of
from nightloop.sources.simulator.loans import Bools
from nightloop.sources.simulator.world import World

CATEGORIES = ("groceries", "transport", "café", "shopping", "travel", "cash", "gambling")
OFFERED = 0.5  # payments a customer and night, before those who pay less often leave some out
LATE, CORRECTED, REVERSED = 0.015, 0.019, 0.022  # upper ends of the shares of payments that meet each fate
LONGEST = 4  # nights until a payment's fate has met it; a late one waits up to 3

_TYPICAL = np.log([22.0, 12.0, 8.0, 35.0, 120.0, 80.0, 30.0])


@dataclass(frozen=True)
class Payments:
    """The payments made on one night, by card: arrays of one item a payment."""

    world: World
    night: int

    @cached_property
    def ids(self) -> Integers:
        """Numbers within the night: of all payments offered, those that are made."""
        offered = np.arange(int(self.world.customers * OFFERED), dtype=np.int64)
        who = self._payers(offered)
        habit = 0.25 + 0.75 * self.world.draws.uniform("habit", who)
        return offered[self.world.draws.uniform("pays", self.night, offered) < habit]

    def _payers(self, ids: Integers) -> Integers:
        words = self.world.draws.words("payer", self.night, ids)
        return (words % np.uint64(self.world.customers)).astype(np.int64)

    @cached_property
    def fate(self) -> Floats:
        """Number of [0, 1) that decides whether a payment is late, corrected, reversed, or none of these."""
        return share_of(self.world.draws.words("fate", self.night, self.ids))

    @cached_property
    def nights_later(self) -> Integers:
        """Nights after which the fate meets the payment: 1 to 3 for a late one, 1 to 4 for others."""
        words = self.world.draws.words("nights later", self.night, self.ids)
        return (1 + words % np.where(self.fate < LATE, 3, LONGEST).astype(np.uint64)).astype(np.int64)

    def of(self, chosen: Bools) -> Details:
        """Return what there is to know of some of the payments."""
        ids = self.ids[chosen]
        return Details(self.world, self.night, ids, Customers(self.world, self._payers(ids), self.night))


@dataclass(frozen=True)
class Details:
    """Some payments of a night in full."""

    world: World
    night: int
    ids: Integers
    customers: Customers

    @cached_property
    def category(self) -> Integers:
        """Positions in CATEGORIES; under stress more is drawn in cash and gambled."""
        strain = np.maximum(self.customers.stress, 0)
        shares = np.array([0.36, 0.18, 0.12, 0.2, 0.04])
        shares = np.concatenate(
            [
                np.broadcast_to(shares[:, None], (len(shares), len(strain))),
                [0.08 * (1 + 0.8 * strain), 0.02 * (1 + strain) ** 2],
            ]
        )
        bounds = np.cumsum(shares, axis=0)
        return np.asarray((self._uniform("category") * bounds[-1] >= bounds[:-1]).sum(axis=0), dtype=np.int64)

    @cached_property
    def amount(self) -> Floats:
        """Euros, in cents."""
        log = _TYPICAL[self.category] + 0.6 * self.world.draws.normal("paid", self.night, self.ids)
        log += 0.5 * (np.log(self.customers.income) - 7.5) - 0.5 * self.customers.out_of_work
        return np.maximum(np.round(np.exp(log) * self.world.level("spending", self.night), 2), 0.5)

    def _uniform(self, name: str) -> Floats:
        return self.world.draws.uniform(name, self.night, self.ids)

    def records(self, known: int, *, amount: Floats, reversed_: bool = False) -> pa.Table:
        """Return the payments as they are delivered on the night ``known``."""
        into = 0.3 + 0.65 * self._uniform("moment")
        booked, landed = columns.landed(self.night, self.world.time_zone, into, self._uniform("landing"))
        if known != self.night:
            landed = columns.moments(known, self.world.time_zone, 0.05 + 0.5 * self._uniform("landing"))
        return pa.table(
            {
                "transaction_id": columns.by_night("T", self.night, self.ids),
                "customer_id": columns.customer_names(self.customers.ids),
                "amount": pa.array(amount),
                "category": columns.category(CATEGORIES, self.category),
                "reversed": pa.repeat(reversed_, len(self.ids)),
                "booked_at": booked,
                "landed_at": landed,
            }
        )


def card_transactions(world: World, night: int) -> Iterator[pa.Table]:
    """Yield what a night brings: its own payments, then late ones, corrections and reversals of the nights before."""
    payments = Payments(world, night)
    prompt = payments.of(payments.fate >= LATE)
    false = (payments.fate >= LATE) & (payments.fate < CORRECTED)
    error = np.where(false[payments.fate >= LATE], 0.5 + world.draws.uniform("error", night, prompt.ids), 1.0)
    yield prompt.records(night, amount=np.round(prompt.amount * error, 2))
    for back in range(1, LONGEST + 1):
        before = Payments(world, night - back)
        met = before.nights_later == back
        late = before.of(met & (before.fate < LATE))
        right = before.of(met & (before.fate >= LATE) & (before.fate < CORRECTED))
        gone = before.of(met & (before.fate >= CORRECTED) & (before.fate < REVERSED))
        yield late.records(night, amount=late.amount)
        yield right.records(night, amount=right.amount)
        yield gone.records(night, amount=gone.amount, reversed_=True)


def never_revised(world: World, night: int, rows: int) -> Bools:
    """Mark, among the night's records, its own payments that are neither corrected nor reversed later."""
    fate = Payments(world, night).fate
    prompt = fate[fate >= LATE]  # in the order in which the night's own payments come first
    reversed_rows = np.zeros(rows, dtype=np.bool_)
    reversed_rows[: len(prompt)] = prompt >= REVERSED
    return reversed_rows
