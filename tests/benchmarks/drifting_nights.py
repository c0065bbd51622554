"""Simulated nights of features, without drift and with one, profiled as the monitor profiles them.

A feature is a number of standard deviation 1 over the rows of a night, with a level by night. One in five is cut into three
levels, one in five has 2 % of its values missing. Features are drawn one after the other, so that 300 fit in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.nights.budget import MEMORY, Alarm, Ordinary
from nightloop.evidence.nights.reference import Column, Nights

REFERENCE, WINDOW, YEAR = 67, 28, 365
EFFECT, BY_WEEKDAY, SEASON = 0.15, 0.3, 0.4  # standard deviations of a row
CUTS = (-0.8, 0.8)  # of a number into three levels
MISSING = 0.02
MONDAY = 738_886  # 2024-01-01
SEED = 20240101
Floats = NDArray[Any]


@dataclass(frozen=True)
class Kind:
    """How nights are without drift.

    Attributes:
        effect: standard deviation of a night's level.
        memory: correlation of a level with that of the night before.
        weekday: standard deviation of what a weekday adds.
        season: amplitude of a yearly wave.
        rows: of a night.
        window: nights that a row's value is the mean of; 0 for none.
    """

    effect: float = 0.0
    memory: float = 0.0
    weekday: float = 0.0
    season: float = 0.0
    rows: int = 1000
    window: int = 0

    def level(self, random: np.random.Generator, nights: int) -> Floats:
        """Return the levels of one feature, (nights,)."""
        level = random.standard_normal(nights)
        for night in range(1, nights):
            level[night] = self.memory * level[night - 1] + np.sqrt(1 - self.memory**2) * level[night]
        time, day = np.arange(nights), self.weekday * random.standard_normal(7)
        wave = np.sin(2 * np.pi * (time / YEAR + random.random()))
        return np.asarray(self.effect * level + day[time % 7] + self.season * wave)

    def values(self, random: np.random.Generator, nights: int) -> Floats:
        """Return one feature, (nights, rows)."""
        before = max(self.window - 1, 0)
        drawn = random.standard_normal((nights + before, self.rows), dtype=np.float32)
        drawn += self.level(random, nights + before)[:, None].astype(np.float32)
        if not self.window:
            return drawn
        total = np.cumsum(np.vstack([np.zeros((1, self.rows)), drawn]), axis=0)
        return np.asarray((total[self.window :] - total[: -self.window]) / np.sqrt(self.window))


KINDS = {
    "rows alike": Kind(),
    "night effects of 0.15 sd": Kind(EFFECT),
    "AR(.5) night effects": Kind(EFFECT, 0.5),
    "AR(.9) night effects": Kind(EFFECT, 0.9),
    "28-night rolling means": Kind(EFFECT, window=WINDOW),
    "weekdays of 0.3 sd": Kind(EFFECT, weekday=BY_WEEKDAY),
    "yearly season of 0.4 sd": Kind(season=SEASON),
    "nights of 50 rows": Kind(EFFECT, rows=50),
}


def as_feature(values: Floats, place: int) -> Floats:
    """Cut one in five features into levels, and take values away from one in five."""
    if place % 5 == 1:
        return np.digitize(values, CUTS).astype(np.float64)
    if place % 5 == 2:
        is_missing = np.random.default_rng([SEED, place]).random(values.shape) < MISSING
        return np.where(is_missing, np.nan, values).astype(np.float64)
    return values.astype(np.float64)


Change = Callable[[Floats], Floats]
"""What a drift does to the values (nights, rows) of a feature from its first night on."""


@dataclass(frozen=True)
class Drift:
    """A change of features, by their places."""

    places: tuple[int, ...]
    change: Change


def _missing(share: float) -> Change:
    return lambda values: np.where(np.arange(values.shape[1]) < share * values.shape[1], np.nan, values)


def _ramp(values: Floats) -> Floats:
    return np.asarray(values + np.minimum(np.arange(1, len(values) + 1) / 60, 1.0)[:, None])


FIVE = (0, 3, 4, 5, 8)  # plain numbers
DRIFTS = {
    "one feature x100": Drift((3,), lambda values: values * 100),
    "5 % missing": Drift((3,), _missing(0.05)),
    "20 % missing": Drift((3,), _missing(0.2)),
    "0.25 sd, one feature": Drift((3,), lambda values: values + 0.25),
    "0.5 sd, one feature": Drift((3,), lambda values: values + 0.5),
    "0.25 sd, five features": Drift(FIVE, lambda values: values + 0.25),
    "0.5 sd, five features": Drift(FIVE, lambda values: values + 0.5),
    "ramp of 1 sd over 60 nights": Drift((3,), _ramp),
    "a category gone": Drift((1,), lambda values: np.where(values == 2, 1.0, values)),
}


@dataclass(frozen=True)
class Watch:
    """Features whose nights are known, to be judged night by night.

    Attributes:
        ordinary: of the reference's nights.
        later: each feature's nights after it.
        raw: the values of the nights after it, of the features asked for, by place.
    """

    ordinary: Ordinary
    later: tuple[Nights, ...]
    raw: dict[int, Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, kind: Kind, features: int, nights: int, seed: int, keep: Sequence[int] = ()) -> Watch:
        """Draw a reference and the nights after it."""
        columns, later, raw = [], [], {}
        days = np.repeat(np.datetime64("2024-01-01") + np.arange(REFERENCE), kind.rows)
        for place in range(features):
            random = np.random.default_rng([SEED, seed, place])
            values = as_feature(kind.values(random, REFERENCE + nights), place)
            column = Column.of(f"f{place}", values[:REFERENCE].ravel(), days)
            columns.append(column)
            later.append(counted(column, values[REFERENCE:]))
            if place in keep:
                raw[place] = values[REFERENCE:]
        return cls(Ordinary.of(columns, [kind.window] * features), tuple(later), raw)

    def drifted(self, drift: Drift, start: int) -> Watch:
        """Return the same nights with a drift from the start-th on."""
        later = list(self.later)
        for place in drift.places:
            values = np.vstack([self.raw[place][:start], drift.change(self.raw[place][start:])])
            later[place] = counted(self.ordinary.columns[place], values)
        return replace(self, later=tuple(later))

    def alarms(self, nights: range, budget: float) -> Iterator[tuple[int, tuple[Alarm, ...]]]:
        """Judge nights, by their place, each with the nights that the monitor reads."""
        for night in nights:
            first = max(night - MEMORY, 0)
            yield night, self.ordinary.judge([_part(item, first, night + 1) for item in self.later], budget).alarms


def counted(column: Column, values: Floats) -> Nights:
    """Return the series of values (nights, rows) after the reference."""
    first = MONDAY + REFERENCE
    return column.series(range(first, first + len(values)), [column.grid.count(night) for night in values])


def _part(nights: Nights, first: int, end: int) -> Nights:
    return Nights(*(getattr(nights, of.name)[first:end] for of in fields(Nights)))
