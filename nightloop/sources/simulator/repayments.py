"""Instalments: each is settled on the night it is due or some nights later, or missed, which ends the loan."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from nightloop.sources.simulator import columns
from nightloop.sources.simulator.customers import Customers
from nightloop.sources.simulator.draws import Integers, pick, share_of
from nightloop.sources.simulator.loans import TERMS, Bools, Loans
from nightloop.sources.simulator.world import MONTH, World

DAYS_LATE = (0, 4, 9, 16)  # that a settled instalment can be; one that is MONTH days late is missed


def repayments(world: World, night: int) -> Iterator[pa.Table]:
    """Yield what a night brings: instalments settled, and instalments that have just been missed, of all loans before."""
    for number in range(1, int(TERMS.max()) + 1):
        for days in (*DAYS_LATE, MONTH):
            yield _settled(Loans(world, night - days - MONTH * number), number, days, night)


def _settled(loans: Loans, number: int, days: int, night: int) -> pa.Table:
    if days == MONTH:
        chosen = loans.missed == number
    else:
        chosen = (loans.term >= number) & (loans.missed > number)
        chosen[chosen] = days_late(loans, chosen, number) == days
    ids, zone = loans.ids[chosen], loans.world.time_zone
    due, paid = loans.instalment[chosen], 0 if days == MONTH else 1
    into = 0.2 + 0.7 * loans.world.draws.uniform(f"settled {number}", loans.night, ids)
    settled, landed = columns.landed(night, zone, into, loans.world.draws.uniform(f"booked {number}", loans.night, ids))
    return pa.table(
        {
            "loan_id": columns.by_night("L", loans.night, ids),
            "instalment": pa.array(np.full(len(ids), number)),
            "customer_id": columns.customer_names(loans.customers.ids[chosen]),
            "due_on": columns.dates(np.full(len(ids), night - days)),
            "amount_due": pa.array(due),
            "amount_paid": pa.array(due * paid),
            "days_late": pa.array(np.full(len(ids), days)),
            "settled_at": settled,
            "landed_at": landed,
        }
    )


def days_late(loans: Loans, chosen: Bools, number: int) -> Integers:
    """Return how many days late instalment ``number`` of the chosen loans is paid: the later, the more stress there is."""
    who = Customers(loans.world, loans.customers.ids[chosen], loans.night + MONTH * number)
    word = loans.world.draws.words(f"late {number}", loans.night, loans.ids[chosen])
    odds = np.exp(-2.3 + 1.1 * who.stress)
    late = share_of(word) < odds / (1 + odds)
    how = pick((word & np.uint64(0xFF)) / 256, (0.5, 0.3, 0.2))
    return np.where(late, np.array(DAYS_LATE)[1 + how], 0)
