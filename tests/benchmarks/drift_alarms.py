"""False alarms a year on nights without drift, and the nights until a drift is found, by simulation with stated seeds.

Evidently's default preset is shown some of the same nights. Some minutes on one core.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.document import table
from tests.benchmarks.drifting_nights import DRIFTS, KINDS, REFERENCE, YEAR, Drift, Kind, Watch, as_feature

TITLE = "Drift: false alarms a year, and nights until it is found"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "monitoring.md"
BUDGET = 2.0
YEARS = {30: 2, 300: 1}  # by the number of features
ONE_ALARM = 7  # nights within which the same alarm again is no other one
FEATURES, DRAWS, START, LENGTH = 30, 6, 40, 60  # of the delays
PLACES = sorted({place for drift in DRIFTS.values() for place in drift.places})
DELAYS = tuple(name for name in KINDS if KINDS[name].rows > 50)
EVIDENTLY_NIGHTS = range(100, YEAR, 200)


def measure() -> str:
    """Return the tables of docs/monitoring.md."""
    return f"{false_alarms()}\n\n{delays()}"


def false_alarms() -> str:
    """Return the false alarms a year of each kind of nights, beside Evidently's."""
    rows: list[list[object]] = []
    for name, kind in KINDS.items():
        cells = [_rates(kind, features) for features in YEARS]
        rows.append([name, *(cell for pair in cells for cell in pair), *evidently(kind)])
    years = " and ".join(f"{years} {'year' if years == 1 else 'years'} at {features}" for features, years in YEARS.items())
    head = ["nights without drift"]
    for features in YEARS:
        head += [f"{features} features: faults / shifts / alarms a year", "nights of failed verdicts a year"]
    head += ["Evidently, 30 features: of the columns it calls drifted", "nights with one or more", "nights of dataset drift"]
    return (
        f"False alarms a year on nights without drift, with a budget of {BUDGET:g}; {REFERENCE} nights of reference, 1,000 "
        f"rows a night unless stated; {years} features (none in n years: fewer than 3 / n a year, with 95 %). Features "
        f"alone are asked about, with all of the budget; in the monitor they have two thirds. An alarm of one feature that "
        f"stays, or comes again within {ONE_ALARM} nights, is one; alarms of one night are one. Beside it Evidently's "
        f"default preset of data drift, on {len(EVIDENTLY_NIGHTS)} of the same nights against the rows of the same reference:"
        f"\n\n{table(head, rows)}"
    )


def _rates(kind: Kind, features: int) -> tuple[str, str]:
    counts: Counter[str] = Counter()
    for seed in range(YEARS[features]):
        counts += alarms_of_a_year(Watch.of(kind, features, YEAR, seed))
    faults, shifts, alarms, nights = (counts[name] / YEARS[features] for name in ("fault", "shift", "alarms", "nights"))
    return f"{faults:.1f} / {shifts:.1f} / {alarms:.1f}", f"{nights:.1f}"


def alarms_of_a_year(watch: Watch) -> Counter[str]:
    """Count nights on which a fault, a shift, or either of them begins, and nights with any."""
    counts: Counter[str] = Counter()
    latest: dict[tuple[str, str], int] = {}
    for night, alarms in watch.alarms(range(YEAR), BUDGET):
        begun = {alarm.question for alarm in alarms if night - latest.get((alarm.question, alarm.feature), -YEAR) > ONE_ALARM}
        latest |= {(alarm.question, alarm.feature): night for alarm in alarms}
        counts.update([*begun, *(["alarms"] if begun else []), *(["nights"] if alarms else [])])
    return counts


def evidently(kind: Kind) -> tuple[str, str, str]:
    """Return what Evidently's preset says of nights of the same features: shares of columns, and of nights."""
    import pandas as pd
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    last = REFERENCE + EVIDENTLY_NIGHTS[-1] + 1
    features = [as_feature(kind.values(np.random.default_rng(_seed(place)), last), place) for place in range(FEATURES)]
    before = Dataset.from_pandas(pd.DataFrame({f"f{i}": of[:REFERENCE].ravel() for i, of in enumerate(features)}))
    shares = []
    for night in EVIDENTLY_NIGHTS:
        now = Dataset.from_pandas(pd.DataFrame({f"f{i}": of[REFERENCE + night] for i, of in enumerate(features)}))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told: dict[str, Any] = Report([DataDriftPreset()]).run(now, before).dict()
        shares.append(float(told["metrics"][0]["value"]["share"]))
    drifted = np.array(shares)
    return f"{drifted.mean():.0%}", f"{np.mean(drifted > 0):.0%}", f"{np.mean(drifted >= 0.5):.0%}"


def delays() -> str:
    """Return the nights until each drift is found, by kind of nights."""
    rows: list[list[object]] = []
    watches = {name: [_watch(name, seed) for seed in range(DRAWS)] for name in DELAYS}
    for words, drift in DRIFTS.items():
        rows.append([words, *(_delay([_found(watch, drift) for watch in watches[name]]) for name in DELAYS)])
    return (
        f"Nights from the first with the drift (0: the same night) until an alarm names a feature that has it, median and 90th "
        f"percentile of {DRAWS} draws of {FEATURES} features, within {LENGTH} nights; it is not known beforehand which drift "
        f"it will be:\n\n{table(['drift', *DELAYS], rows)}"
    )


def _watch(name: str, seed: int) -> Watch:
    return Watch.of(KINDS[name], FEATURES, START + LENGTH, 100 + seed, PLACES)


def _found(watch: Watch, drift: Drift) -> float:
    """Return after how many nights the drift is found; infinity where it is not."""
    names = {f"f{place}" for place in drift.places}
    for night, alarms in watch.drifted(drift, START).alarms(range(START, START + LENGTH), BUDGET):
        if any(alarm.feature in names for alarm in alarms):
            return night - START
    return float("inf")


def _delay(found: list[float]) -> str:
    middle, most = np.quantile(found, [0.5, 0.9], method="higher")
    return ", ".join("not found" if np.isinf(nights) else f"{nights:.0f}" for nights in (middle, most))


def _seed(place: int) -> list[int]:
    from tests.benchmarks.drifting_nights import SEED

    return [SEED, 0, place]
