"""Customers: who they are, and how they are on any night, each a pure function of seed, customer and night.

How hard a customer's life is on a night (``stress``) is what defaults, late instalments, spending and bureau scores have in
common: a lasting part, a part that wanders from month to month, spells without work, and the season.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from nightloop.definitions.simulation import CATEGORIES
from nightloop.sources.simulator.draws import Floats, Integers, pick, share_of
from nightloop.sources.simulator.world import MONTH, World

SEXES, AGE_GROUPS, REGIONS = CATEGORIES["sex"], CATEGORIES["age_group"], CATEGORIES["region"]
EMPLOYMENTS = ("employed", "self_employed", "student", "retired", "unemployed")

_REFERENCE = date(2024, 1, 1).toordinal()  # ages are drawn as of this day
_YEAR = 365.25
_SPELL_MONTHS = 4  # the longest spell without work ends within so many months after its own
_UNEMPLOYED = EMPLOYMENTS.index("unemployed")
YOUNG, STUDIES_UNTIL, RETIRES_AT = 25, 27, 66
_SELF_EMPLOYED, _STUDIES = 0.12, 0.4  # upper ends of shares: the self-employed, and of the others the students among the young
_SPELLS = 0.012  # chance that a spell without work begins in a month


@dataclass(frozen=True)
class Customers:
    """Some customers, each on a night of its own or all on the same one."""

    world: World
    ids: Integers
    night: int | Integers

    @cached_property
    def sex(self) -> Integers:
        """Positions in SEXES."""
        return pick(self.world.draws.uniform("sex", self.ids), (0.49, 0.51))

    @cached_property
    def born(self) -> Integers:
        """Day of birth, as an ordinal: 18 to 75 years before 2024."""
        age = 18 + 57 * self.world.draws.uniform("age", self.ids) ** 1.4
        return np.asarray(_REFERENCE - np.floor(age * _YEAR), dtype=np.int64)

    @cached_property
    def age(self) -> Floats:
        """Years of age on the night."""
        return np.asarray((self.night - self.born) / _YEAR, dtype=np.float64)

    @cached_property
    def age_group(self) -> Integers:
        """Positions in AGE_GROUPS."""
        return np.asarray(np.searchsorted([YOUNG, 35, 50], self.age, side="right"), dtype=np.int64)

    @cached_property
    def region(self) -> Integers:
        """Positions in REGIONS."""
        return pick(self.world.draws.uniform("region", self.ids), (0.2, 0.2, 0.33, 0.27))

    @cached_property
    def joined(self) -> Integers:
        """Day the customer joined, as an ordinal: up to ten years before 2023."""
        return np.asarray(_REFERENCE - 365 - np.floor(3650 * self.world.draws.uniform("joined", self.ids)), dtype=np.int64)

    @cached_property
    def ability(self) -> Floats:
        """Lasting strength to pay; mean 0, variance 1."""
        return self.world.draws.normal("ability", self.ids)

    @cached_property
    def employment(self) -> Integers:
        """Positions in EMPLOYMENTS."""
        u = self.world.draws.uniform("employment", self.ids)
        status = np.where(u < _SELF_EMPLOYED, 1, np.where((self.age < STUDIES_UNTIL) & (u < _STUDIES), 2, 0))
        status = np.where(self.age >= RETIRES_AT, 3, status)
        return np.where(self.out_of_work, _UNEMPLOYED, status)

    @cached_property
    def out_of_work(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether a spell without work covers the night: it begins in some month, and lasts 60 to 120 nights."""
        month, out_of_work = self.night // MONTH, np.zeros(len(self.ids), dtype=np.bool_)
        for back in range(_SPELL_MONTHS + 1):
            word = self.world.draws.words("spell", self.ids, month - back)
            begins = share_of(word) < _SPELLS
            at = (month - back) * MONTH + (word & np.uint64(0xFF)).astype(np.int64) * MONTH // 256
            last = 60 + ((word >> np.uint64(8)) & np.uint64(7)).astype(np.int64) * 60 // 7
            out_of_work |= begins & (at <= self.night) & (self.night < at + last)
        return out_of_work & (self.age < RETIRES_AT)

    @cached_property
    def stress(self) -> Floats:
        """How hard it is on the night to pay what is due; mean 0, standard deviation about 0.9."""
        month, into = self.night // MONTH, (self.night % MONTH) / MONTH
        before, after = (self.world.draws.normal("month", self.ids, month + i) for i in range(2))
        wandering = np.sqrt(1 - into) * before + np.sqrt(into) * after  # of variance 1 on every night
        season = 0.15 * np.sin(2 * np.pi * (np.asarray(self.night) % 365) / 365)
        lasting = self.world.draws.normal("trait", self.ids)
        return np.asarray(0.6 * lasting + 0.6 * wandering + 1.5 * self.out_of_work + season, dtype=np.float64)

    @cached_property
    def income(self) -> Floats:
        """Net income a month, euros, in tens."""
        log = 7.6 + 0.25 * self.ability + 0.3 * self.world.draws.normal("income", self.ids)
        log += np.array([-0.08, 0.0])[self.sex] + np.array([-0.08, 0.0, 0.05, 0.02])[self.region]
        log += np.array([0.0, 0.05, -0.6, -0.25, -0.5])[self.employment] + np.where(self.age < YOUNG, -0.15, 0.0)
        return np.maximum(np.round(np.exp(log) * self.world.level("income", self.night) / 10) * 10, 300.0)
