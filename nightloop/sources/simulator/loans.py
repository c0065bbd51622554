"""The loans of a night: who asked for what, how likely each is to default, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nightloop.definitions.simulation import CATEGORIES
from nightloop.sources.simulator.customers import EMPLOYMENTS, YOUNG, Customers
from nightloop.sources.simulator.draws import Floats, Integers, pick
from nightloop.sources.simulator.world import INTERCEPT, WEEKDAYS, World

Bools = NDArray[np.bool_]

PURPOSES, CHANNELS = CATEGORIES["purpose"], CATEGORIES["channel"]
TERMS = np.array([3, 6, 12])
NEVER = 99  # instalment at which a loan is missed that never is
OBSERVED = 2  # instalments whose miss is a default within 90 nights: due after 30 and 60, missed 30 nights later
AT_FIRST = 0.45  # share of those defaults that miss the first instalment already
LATER_MISS = 0.01  # chance of a miss at each later instalment


def loans_of(world: World, night: int) -> int:
    """Return how many loans a night brings."""
    expected = world.loans_a_night * WEEKDAYS[date.fromordinal(night).weekday()]
    return max(int(expected * (1 + 0.03 * world.draws.normal("loans", night)[0])), 1)


@dataclass(frozen=True)
class Loans:
    """The loans that were asked for, and given, on one night: arrays of one item a loan."""

    world: World
    night: int

    @cached_property
    def ids(self) -> Integers:
        """Numbers within the night, from 0."""
        return np.arange(loans_of(self.world, self.night), dtype=np.int64)

    def uniform(self, name: str) -> Floats:
        """Return one draw per loan."""
        return self.world.draws.uniform(name, self.night, self.ids)

    @cached_property
    def customers(self) -> Customers:
        """Who asked, on the night."""
        words = self.world.draws.words("applicant", self.night, self.ids)
        return Customers(self.world, (words % np.uint64(self.world.customers)).astype(np.int64), self.night)

    @cached_property
    def amount(self) -> Floats:
        """Euros, in tens, 100 to 10,000."""
        log_amount = (
            6.4 + 0.5 * self.world.draws.normal("amount", self.night, self.ids) + 0.3 * (np.log(self.customers.income) - 7.6)
        )
        return np.clip(np.round(np.exp(log_amount) * self.world.level("amount", self.night) / 10) * 10, 100, 10_000)

    @cached_property
    def term(self) -> Integers:
        """Number of instalments, one every 30 nights."""
        return np.asarray(TERMS[pick(self.uniform("term"), (0.35, 0.4, 0.25))], dtype=np.int64)

    @cached_property
    def purpose(self) -> Integers:
        """Positions in PURPOSES."""
        return self._without_gone("purpose", PURPOSES, pick(self.uniform("purpose"), (0.3, 0.2, 0.14, 0.14, 0.08, 0.02, 0.12)))

    @cached_property
    def channel(self) -> Integers:
        """Positions in CHANNELS."""
        return self._without_gone("channel", CHANNELS, pick(self.uniform("channel"), (0.5, 0.3, 0.2)))

    def _without_gone(self, column: str, names: tuple[str, ...], codes: Integers) -> Integers:
        for event in self.world.gone(self.night):
            if event.column == column:
                codes = np.where(codes == names.index(event.category), names.index(event.instead), codes)
        return codes

    @cached_property
    def rate(self) -> Floats:
        """Interest, percent a year."""
        surcharge = np.array([0.0, 1.0, 0.5])[self.channel] + self.term / 6
        return np.round(5.9 + surcharge + 0.4 * self.world.draws.normal("rate", self.night, self.ids), 1)

    @cached_property
    def instalment(self) -> Floats:
        """Euros due every 30 nights."""
        return np.round(self.amount * (1 + self.rate / 1200 * self.term) / self.term, 2)

    @cached_property
    def probability(self) -> Floats:
        """True probability of default within 90 nights, given all that there is to know on the night."""
        who, weights = self.customers, self.world.weights(self.night)
        attributes: dict[str, NDArray[np.float64] | NDArray[np.bool_]] = {
            "stress": who.stress,
            "ability": who.ability,
            "burden": np.log(self.instalment / who.income) + 2.5,
            "young": who.age < YOUNG,
            "self_employed": who.employment == EMPLOYMENTS.index("self_employed"),
            "online_electronics": (self.channel == 0) & (self.purpose == 0),
            "travel": self.purpose == PURPOSES.index("travel"),
            "branch": self.channel == CHANNELS.index("branch"),
        }
        odds = INTERCEPT + sum(weights[name] * attributes[name] for name in weights)
        return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float64)

    @cached_property
    def missed(self) -> Integers:
        """Number of the instalment that is missed and ends the loan; NEVER for a loan that is paid back."""
        defaults = self.uniform("default") < self.probability
        first = np.where(self.uniform("first or second") < AT_FIRST, 1, OBSERVED)
        u = np.maximum(self.uniform("later"), 2.0**-53)
        later = OBSERVED + 1 + np.floor(np.log(u) / np.log(1 - LATER_MISS)).astype(np.int64)
        missed_at = np.where(defaults, first, later)
        return np.where(missed_at <= self.term, missed_at, NEVER)

    @cached_property
    def defaulted(self) -> Bools:
        """Whether the loan truly defaults within 90 nights."""
        return np.asarray(self.missed <= OBSERVED, dtype=np.bool_)

    @cached_property
    def in_biased_group(self) -> Bools:
        """Whether the loan's customer belongs to the group that the declared bias is against."""
        bias = self.world.declared.bias
        in_group = np.full(len(self.ids), bias is not None)
        for column, value in bias.group.items() if bias else ():
            in_group &= getattr(self.customers, column) == CATEGORIES[column].index(value)
        return in_group

    @cached_property
    def recorded(self) -> Bools:
        """Whether a default is recorded: the true ones, and those that the bias adds."""
        bias = self.world.declared.bias
        added = self.in_biased_group & (self.uniform("bias") < bias.share) if bias else np.zeros(len(self.ids), dtype=np.bool_)
        return self.defaulted | added
