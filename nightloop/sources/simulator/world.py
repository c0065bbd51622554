"""The simulated world: how large it is, and what its drifts make of each night. Nights are ordinals (date.toordinal)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nightloop.definitions.simulation import (
    CategoryGone,
    ConceptDrift,
    Driver,
    InTable,
    Portfolio,
    SlowDrift,
    SuddenDrift,
    Weight,
)
from nightloop.sources.simulator.draws import Draws, Floats, Integers

LOANS_A_NIGHT = 50_000  # at scale 1
CUSTOMERS_PER_LOAN = 60  # so a customer asks for a loan about every 60 nights
MONTH = 30  # nights between two instalments

WEEKDAYS = (1.1, 1.1, 1.1, 1.1, 1.1, 1.0, 0.5)  # Monday first; mean 1
INTERCEPT = -3.35
WEIGHTS: dict[Weight, float] = {
    "stress": 1.15,
    "ability": -0.5,
    "burden": 0.6,
    "young": 0.35,
    "self_employed": 0.25,
    "online_electronics": 0.6,
    "travel": 0.25,
    "branch": -0.2,
}


@dataclass(frozen=True)
class World:
    """A declared portfolio, ready to be drawn from."""

    declared: Portfolio
    time_zone: str

    @cached_property
    def draws(self) -> Draws:
        """The draws of the portfolio's seed."""
        return Draws(self.declared.seed)

    @property
    def loans_a_night(self) -> int:
        """Loans of an average night."""
        return max(round(LOANS_A_NIGHT * self.declared.scale), 1)

    @property
    def customers(self) -> int:
        """Customers that there are, numbered from 0."""
        return self.loans_a_night * CUSTOMERS_PER_LOAN

    def level(self, driver: Driver, night: int | Integers) -> Floats:
        """Return how many times its usual level a driver stands at on each night."""
        nights = np.atleast_1d(np.asarray(night, dtype=np.int64))
        level = np.ones(len(nights))
        for event in self.declared.events:
            if isinstance(event, SlowDrift | SuddenDrift) and event.driver == driver and not event.mended:
                ramp = event.nights if isinstance(event, SlowDrift) else 1
                reached = np.clip((nights - event.night.toordinal() + 1) / ramp, 0, 1)
                level *= 1 + (event.factor - 1) * reached
        return level

    def weights(self, night: int) -> dict[Weight, float]:
        """Return the weights of the log odds of default on a night."""
        weights = dict(WEIGHTS)
        for event in self.declared.events:
            if isinstance(event, ConceptDrift) and not event.mended and night >= event.night.toordinal():
                for name, change in event.weights.items():
                    weights[name] += change
        return weights

    def gone(self, night: int) -> list[CategoryGone]:
        """Return the categories that are not delivered on a night."""
        return [event for event in self.declared.events if isinstance(event, CategoryGone) and lasts(event, night)]


def lasts(event: InTable, night: int) -> bool:
    """Whether an event in a table is in force on a night."""
    first = event.night.toordinal()
    return not event.mended and first <= night < first + event.nights
