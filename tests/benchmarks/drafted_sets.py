"""Sets of records that nobody drafted a definition for: made by seed, so that the truth behind them is known.

Each has what a kind of real set has: a wide loan book with many weak columns, hourly rentals whose level wanders, and payments
of cards whose customers have habits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BEGIN = datetime(2024, 1, 1)  # noqa: DTZ001 - as a file writes it


@dataclass(frozen=True)
class RecordSet:
    """Records of some nights.

    Attributes:
        table: as a file would hold them, the event's time among the columns.
        label, event_at: names of these columns.
        matures_after: nights after which outcomes are known.
        history: whether earlier outcomes tell something that no column of a record does.
    """

    table: pa.Table
    label: str
    event_at: str
    matures_after: int
    history: bool


def loans(seed: int, nights: int = 160, a_night: int = 200) -> RecordSet:
    """A loan book of 147 columns: 45 that matter a little, the others copies, companions and noise; the best stand last."""
    random, rows = np.random.default_rng(seed), nights * a_night
    hidden = random.normal(size=(rows, 12))
    columns: dict[str, Any] = {"loan_id": [f"L{i:07d}" for i in range(rows)], "opened_at": _moments(random, nights, a_night)}
    score = np.zeros(rows)
    for place in range(125):
        own = random.normal(size=rows)
        value = 0.5 * hidden[:, place % 12] + own
        weight = 0.11 * random.normal() if place >= 80 else 0.0
        score += weight * np.where(place % 3, value, np.maximum(value, 0.0) * 1.5)
        columns[f"measure_{place:03d}"] = np.where(random.random(rows) < 0.03, None, np.round(value * 10 + 50, 2))
    for place in range(18):
        levels = 4 + 2 * place
        code = random.integers(0, levels, rows)
        score += (0.12 * random.normal(size=levels))[code] if place >= 9 else 0.0
        columns[f"kind_{place:02d}"] = [f"k{value}" for value in code]
    chance = 1 / (1 + np.exp(-(score - score.mean() - 1.6)))
    columns["defaulted"] = (random.random(rows) < chance).astype(int)
    return RecordSet(pa.table(columns), "defaulted", "opened_at", 1, history=False)


def rentals(seed: int, nights: int = 420) -> RecordSet:
    """Rentals of each hour: by hour and weekday, by weather in a season, with a trend and a level that wanders for weeks."""
    random, rows = np.random.default_rng(seed), nights * 24
    at = [BEGIN + timedelta(hours=i) for i in range(rows)]
    hour, day = np.arange(rows) % 24, np.arange(rows) // 24
    weekday = np.array([moment.weekday() for moment in at])
    holiday = np.repeat(random.random(nights) < 0.03, 24)
    working = (weekday < 5) & ~holiday
    warm = 12 - 10 * np.cos(2 * np.pi * day / 365) + np.repeat(_wandering(random, nights, 0.8, 3.0), 24)
    temperature = warm + 4 * np.sin(2 * np.pi * (hour - 9) / 24) + random.normal(size=rows)
    wet = np.repeat(_wandering(random, nights * 4, 0.7, 1.0), 6)
    weather = np.select([wet < 0.6, wet < 1.4], ["clear", "mist"], "rain")
    humidity = np.clip(60 + 12 * wet + 5 * random.normal(size=rows), 15, 100)
    wind = np.abs(_wandering(random, rows, 0.9, 8.0)) + 2
    commuting = 250 * (np.exp(-(((hour - 8) / 1.5) ** 2)) + 1.1 * np.exp(-(((hour - 17.5) / 2.0) ** 2)))
    leisure = 260 * np.exp(-(((hour - 14) / 4.0) ** 2))
    demand = np.where(working, commuting + 60 * np.exp(-(((hour - 13) / 5.0) ** 2)), leisure) + 6
    comfort = np.clip(1 - ((temperature - 22) / 28) ** 2, 0.1, None)
    level = 0.6 + 0.8 * day / nights + np.repeat(_wandering(random, nights, 0.96, 0.22), 24)
    mean = demand * comfort * np.clip(level, 0.2, None) * np.select([weather == "clear", weather == "mist"], [1.0, 0.85], 0.45)
    count = random.poisson(mean * np.exp(_wandering(random, rows, 0.7, 0.18)))
    columns = {
        "record": np.arange(1, rows + 1),
        "datetime": [moment.isoformat(sep=" ") for moment in at],
        "season": (np.array([moment.month for moment in at]) % 12) // 3 + 1,
        "holiday": holiday.astype(int),
        "working_day": working.astype(int),
        "weather": weather,
        "temperature": np.round(temperature, 1),
        "humidity": np.round(humidity),
        "wind_speed": np.round(wind, 1),
        "rentals": count,
    }
    return RecordSet(pa.table(columns), "rentals", "datetime", 1, history=True)


def payments(seed: int, nights: int = 150, a_night: int = 200) -> RecordSet:
    """Payments of cards: fraud comes in bursts on a card and at a merchant, and by amounts that are not usual."""
    random, rows = np.random.default_rng(seed), nights * a_night
    customers, merchants = rows // 25, 60
    customer = random.choice(customers, rows, p=_shares(random, customers))
    merchant = random.choice(merchants, rows, p=_shares(random, merchants))
    day = np.repeat(np.arange(nights), a_night)
    usual = random.normal(3.2, 0.8, customers)
    surprise = random.normal(size=rows)
    stolen = _bursts(random, customers, nights, chance=0.003, length=10)[customer, day]
    careless = _bursts(random, merchants, nights, chance=0.006, length=25)[merchant, day]
    score = -4.2 + 3.6 * stolen + 1.8 * careless + 0.9 * np.maximum(surprise, 0) * surprise
    columns = {
        "payment_id": [f"P{i:08d}" for i in range(rows)],
        "paid_at": _moments(random, nights, a_night),
        "customer_id": [f"C{value:05d}" for value in customer],
        "merchant": [f"m{value:02d}" for value in merchant],
        "channel": random.choice(["shop", "web", "phone"], rows, p=[0.6, 0.3, 0.1]),
        "amount": np.round(np.exp(usual[customer] + 0.5 * surprise), 2),
        "items": random.poisson(2, rows) + 1,
        "is_fraud": (random.random(rows) < 1 / (1 + np.exp(-score))).astype(int),
    }
    return RecordSet(pa.table(columns), "is_fraud", "paid_at", 2, history=True)


SETS: Mapping[str, Callable[..., RecordSet]] = {"loans": loans, "rentals": rentals, "payments": payments}


def _moments(random: np.random.Generator, nights: int, a_night: int) -> list[str]:
    """Return so many moments of each night, in order."""
    seconds = np.sort(random.integers(0, 86_400, (nights, a_night)), axis=1) + 86_400 * np.arange(nights)[:, None]
    return [(BEGIN + timedelta(seconds=int(value))).isoformat(sep=" ") for value in seconds.ravel()]


def _wandering(random: np.random.Generator, steps: int, memory: float, spread: float) -> Floats:
    """Return a walk that comes back: AR(1) of this spread."""
    values, shocks = np.empty(steps), random.normal(size=steps) * spread * np.sqrt(1 - memory**2)
    values[0] = random.normal() * spread
    for step in range(1, steps):
        values[step] = memory * values[step - 1] + shocks[step]
    return values


def _shares(random: np.random.Generator, count: int) -> Floats:
    weights = random.gamma(1.5, size=count)
    return np.asarray(weights / weights.sum())


def _bursts(random: np.random.Generator, count: int, nights: int, *, chance: float, length: int) -> NDArray[np.bool_]:
    """Return of each and each night whether it is in a burst: (count, nights)."""
    begun = random.random((count, nights)) < chance
    running = np.zeros_like(begun)
    for back in range(min(length, nights)):
        running[:, back:] |= begun[:, : nights - back]
    return running
