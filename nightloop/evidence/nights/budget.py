"""Two questions to a night, within a stated number of false alarms a year.

* **A fault of data**: did a feature jump from where its nights stood? Asked of each feature's mean, shares of missing and of
  unseen values, and histogram.
* **A shift of the population**: has a feature's level moved from the reference's over the last two to sixty nights?

Each question has half of the budget. Over the features and measures of one question, Benjamini & Hochberg's rule holds the
chance of an alarm without drift at the night's part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from nightloop.evidence.nights.nulls import Null
from nightloop.evidence.nights.profiles import ColumnProfile, Floats
from nightloop.evidence.nights.questions import Tested, jumped, moved
from nightloop.evidence.nights.reference import MEASURES, Column, Nights
from nightloop.evidence.nights.streams import Stream
from nightloop.evidence.verdict import Figure

YEAR = 365
FAULT, SHIFT = "fault", "shift"
MATTERS = {"mean": 0.05, "missing": 0.01, "unseen": 0.01, "psi": 0.1}  # smaller changes do not, however certain
WORDS = {"mean": "mean", "missing": "share of missing values", "unseen": "share of unseen values", "psi": "distribution"}
NAMED = 3
MINIMUM_NIGHTS = 14  # of a reference, to learn from
MEMORY = 70  # nights before a night that it is compared with


@dataclass(frozen=True)
class Alarm:
    """What changed: by how much, in the words of its measure, since when, and with which chance if nothing had."""

    question: str
    feature: str
    measure: str
    change: float
    since: date
    chance: float

    @property
    def description(self) -> str:
        """The alarm in words."""
        when = f"since {self.since}" if self.question == SHIFT else "on this night"
        if self.measure == "mean":
            return f"{self.feature}: mean moved {self.change:+.2f} standard deviations {when}"
        if self.measure == "psi":
            return f"{self.feature}: distribution left the reference's {when}"
        return f"{self.feature}: {WORDS[self.measure]} moved by {self.change:+.1%} {when}"


@dataclass(frozen=True)
class Answer:
    """The alarms of a night, the most certain first, and figures of each feature."""

    alarms: tuple[Alarm, ...]
    figures: tuple[Figure, ...]

    @property
    def sentence(self) -> str:
        """What changed, in words; nothing where nothing did."""
        parts = []
        for question, words in ((FAULT, "A fault of data"), (SHIFT, "A shift of the population")):
            alarms = [alarm for alarm in self.alarms if alarm.question == question]
            if alarms:
                named = "; ".join(alarm.description for alarm in alarms[:NAMED])
                more = f"; and {len(alarms) - NAMED} more" if len(alarms) > NAMED else ""
                parts.append(f"{words}: {named}{more}.")
        return " ".join(parts)


def judge_nights(
    columns: Sequence[Column],
    profiles: Mapping[int, Sequence[ColumnProfile]],
    *,
    windows: Sequence[int],
    false_alarms_a_year: float,
) -> Answer | None:
    """Judge the newest night.

    Args:
        columns: the watched features of the reference, k of them.
        profiles: of each night (an ordinal) since the reference that is known, the newest one included, the k profiles.
        windows: nights that each feature aggregates, k of them; 0 for one that aggregates none.
        false_alarms_a_year: what all features and both questions may cost.

    Returns:
        None where the reference has too few nights.
    """
    if not columns or len(columns[0].nights.night) < MINIMUM_NIGHTS:
        return None
    nights = sorted(profiles)
    later = [column.series(nights, [profiles[night][at] for night in nights]) for at, column in enumerate(columns)]
    tested: dict[str, list[Tested]] = {FAULT: [], SHIFT: []}
    smallest = np.full(len(columns), np.nan)
    for measure in MEASURES:
        before = Stream.of(measure, columns, [column.nights for column in columns])
        live, null = Stream.of(measure, columns, later), Null.of(before, np.asarray(windows, dtype=np.int64))
        one, level = jumped(null, before, live), moved(null, live)
        tested[FAULT].append(one)
        tested[SHIFT].append(level)
        if measure == "mean":
            smallest = _smallest(one, level, false_alarms_a_year / 2 / YEAR / (len(MEASURES) * len(columns)))
    changes = [_changes(column, item) for column, item in zip(columns, later, strict=True)]
    alarms = [
        alarm
        for question, parts in tested.items()
        for alarm in _alarms(question, parts, columns, changes, false_alarms_a_year / 2 / YEAR)
    ]
    rows, newest = profiles[nights[-1]][0].rows, [profiles[nights[-1]][at] for at in range(len(columns))]
    return Answer(
        tuple(sorted(alarms, key=lambda alarm: (alarm.chance, alarm.feature))), _figures(columns, newest, smallest, rows)
    )


def rejected(chance: Floats, level: float) -> np.ndarray:
    """Return which p-values (n,) Benjamini & Hochberg (1995) reject at a level; NaN is never."""
    known = np.where(np.isfinite(chance), chance, 1.0)
    order = np.sort(known)
    passed = np.nonzero(order <= level * np.arange(1, len(known) + 1) / len(known))[0]
    return known <= (order[passed[-1]] if len(passed) else -1.0)


def _alarms(
    question: str, tested: Sequence[Tested], columns: Sequence[Column], changes: Sequence[Mapping[str, float]], level: float
) -> list[Alarm]:
    """Return the alarms of a question, of each feature its most certain measure."""
    chance = np.array([item.chance for item in tested])
    for row, measure in enumerate(MEASURES):
        sizes = np.abs(tested[row].distance) if measure == "mean" else np.array([abs(of[measure]) for of in changes])
        only_up = tested[row].distance <= 0 if measure in ("unseen", "psi") else np.zeros(len(columns), dtype=np.bool_)
        chance[row] = np.where((sizes < MATTERS[measure]) | only_up, 1.0, chance[row])
    is_rejected = rejected(chance.ravel(), level).reshape(chance.shape)
    alarms = []
    for at in np.nonzero(is_rejected.any(axis=0))[0].tolist():
        row = int(np.argmin(np.where(is_rejected[:, at], chance[:, at], np.inf)))
        measure, item = MEASURES[row], tested[row]
        change = float(item.distance[at]) if measure == "mean" else changes[at][measure]
        since = date.fromordinal(int(item.since[at]))
        alarms.append(Alarm(question, columns[at].name, measure, change, since, float(chance[row, at])))
    return alarms


def _changes(column: Column, later: Nights) -> dict[str, float]:
    """Return by how much the newest night's shares differ from the reference's, and its distance."""
    rows, total = max(int(later.rows[-1]), 1), max(int(column.nights.rows.sum()), 1)
    return {
        "missing": float(later.missing[-1] / rows - column.nights.missing.sum() / total),
        "unseen": float(later.unseen[-1] / rows - column.nights.unseen.sum() / total),
        "psi": float(later.psi[-1]),
    }


def _smallest(one: Tested, level: Tested, chance: float) -> Floats:
    """Return the smallest shift of the mean that would have been an alarm on this night, of one night or of several."""
    from scipy.special import stdtrit

    reach = [-stdtrit(item.degrees, chance / 2) * item.spread for item in (one, level)]
    return np.asarray(np.fmin(*reach), dtype=np.float64)


def _figures(columns: Sequence[Column], newest: Sequence[ColumnProfile], smallest: Floats, rows: int) -> tuple[Figure, ...]:
    figures = []
    for column, profile, shift in zip(columns, newest, smallest.tolist(), strict=True):
        figures.append(Figure("smallest_shift", shift, None, None, rows, column.name))
        if profile.infinite:
            figures.append(Figure("infinite", profile.infinite, None, None, rows, column.name))
        if profile.unseen:
            figures.append(Figure("unseen_share", profile.unseen / profile.rows, None, None, rows, column.name))
    return tuple(figures)
