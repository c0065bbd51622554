"""Reports of a credit bureau: one a customer and round of 28 nights; some are wrong at first and corrected, some withdrawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from nightloop.sources.simulator import columns
from nightloop.sources.simulator.customers import Customers
from nightloop.sources.simulator.draws import Floats, Integers
from nightloop.sources.simulator.loans import Bools
from nightloop.sources.simulator.world import World

ROUND = 28  # nights in which a report comes once for each customer
CORRECTED, WITHDRAWN = 0.04, 0.05  # upper ends of the shares of reports that are corrected, withdrawn
FIRST, LONGEST = 3, 25  # nights after a report in which it is


@dataclass(frozen=True)
class Reports:
    """The reports made on one night."""

    world: World
    night: int

    @cached_property
    def ids(self) -> Integers:
        """Numbers of the customers reported on."""
        return np.arange((self.night + ROUND // 2) % ROUND, self.world.customers, ROUND, dtype=np.int64)

    @cached_property
    def fate(self) -> Floats:
        """Number of [0, 1) that decides whether a report is corrected, withdrawn, or stands."""
        return self.world.draws.uniform("report fate", self.night, self.ids)

    @cached_property
    def nights_later(self) -> Integers:
        """Nights after which a report is corrected or withdrawn."""
        words = self.world.draws.words("report later", self.night, self.ids)
        return (FIRST + words % np.uint64(LONGEST - FIRST + 1)).astype(np.int64)

    def records(self, chosen: Bools, known: int, *, withdrawn: bool = False) -> pa.Table:
        """Return some of the reports as they are delivered on the night ``known``: on their own night, errors stand in them."""
        ids, draws = self.ids[chosen], self.world.draws
        who = Customers(self.world, ids, self.night)
        risk = 0.8 * who.stress - 0.5 * who.ability + 0.35 * draws.normal("report", self.night, ids)
        wrong = (self.fate[chosen] < WITHDRAWN) & ((known == self.night) | withdrawn)
        error = np.where(wrong, 130 * (draws.uniform("report error", self.night, ids) - 0.5), 0.0)
        debt = np.exp(7 + 0.4 * who.stress + 0.8 * draws.normal("debt", self.night, ids)) * 0.6
        asked = sum((draws.uniform(f"inquiry {i}", self.night, ids) < 0.12 + 0.1 * np.maximum(risk, 0)) for i in range(4))
        zone, into = self.world.time_zone, 0.3 + 0.4 * draws.uniform("report moment", self.night, ids)
        reported, landed = columns.landed(self.night, zone, into, draws.uniform("report landing", self.night, ids))
        return pa.table(
            {
                "customer_id": columns.customer_names(ids),
                "reported_on": columns.dates(np.full(len(ids), self.night)),
                "score": pa.array(np.clip(np.round(620 - 60 * risk + error), 300, 850).astype(np.int64)),
                "external_debt": pa.array(np.round(debt / 10) * 10),
                "inquiries": pa.array(np.asarray(asked, dtype=np.int64)),
                "status": pa.repeat("withdrawn" if withdrawn else "corrected" if known != self.night else "new", len(ids)),
                "reported_at": reported,
                "landed_at": landed if known == self.night else columns.moments(known, zone, into),
            }
        )


def bureau(world: World, night: int) -> Iterator[pa.Table]:
    """Yield what a night brings: its own reports, then corrections and withdrawals of the nights before."""
    reports = Reports(world, night)
    yield reports.records(np.ones(len(reports.ids), dtype=np.bool_), night)
    for back in range(FIRST, LONGEST + 1):
        before = Reports(world, night - back)
        met = before.nights_later == back
        yield before.records(met & (before.fate < CORRECTED), night)
        yield before.records(met & (before.fate >= CORRECTED) & (before.fate < WITHDRAWN), night, withdrawn=True)
