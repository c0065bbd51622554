"""Questions to a night, within a stated number of false alarms a year.

* **A fault of data**: did a feature jump from where its nights stood? Asked of each feature's mean, shares of missing and of
  unseen values, and histogram.
* **A shift of the population**: has a feature's level moved from the reference's over the last two to sixty nights?
* **A shift in what matters**: both questions to the answers of the model, and to the outcomes.

Features and answers have shares of the budget, and both questions half of each. Over the features and measures of one
question, Benjamini & Hochberg's rule holds the chance of an alarm without drift at the night's part of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np

from nightloop.evidence.nights.nulls import Null
from nightloop.evidence.nights.profiles import ColumnProfile, Floats
from nightloop.evidence.nights.questions import Tested, jumped, moved
from nightloop.evidence.nights.reference import MEASURES, Column, Nights
from nightloop.evidence.nights.streams import Stream
from nightloop.evidence.verdict import Figure

YEAR = 365
FAULT, SHIFT, MATTER = "fault", "shift", "matter"
ASKED = {FAULT: ("mean", "missing", "unseen", "form"), SHIFT: ("mean", "missing", "unseen", "ends")}
MATTERS = {"mean": 0.05, "missing": 0.01, "unseen": 0.01, "form": 0.1, "ends": 0.15}  # smaller changes do not, however certain
WORDS = {"missing": "share of missing values", "unseen": "share of unseen values"}
FAR = {"mean": 2.0, "ends": 1.0, "form": 1.0}  # a population does not move so far; a unit or a default does
TRAINING, REPAIR = "training", "repair"
QUESTIONS = {FAULT: "A fault of data", SHIFT: "A shift of the population", MATTER: "A shift in what matters"}
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
    def is_broken(self) -> bool:
        """Whether values are missing or unseen, or lie further off than a population moves."""
        return abs(self.change) > FAR.get(self.measure, 0.0)

    @property
    def description(self) -> str:
        """The alarm in words."""
        when = "on this night" if self.question == FAULT else f"since {self.since}"
        if self.measure == "mean":
            return f"{self.feature}: mean moved {self.change:+.2f} standard deviations {when}"
        if self.measure == "form":
            return f"{self.feature}: form of the distribution left the reference's {when}"
        if self.measure == "ends":
            return f"{self.feature}: {'more' if self.change > 0 else 'fewer'} values at both ends {when}"
        return f"{self.feature}: {WORDS[self.measure]} moved by {self.change:+.1%} {when}"


@dataclass(frozen=True)
class Answer:
    """The alarms of a night, the most certain first, and figures of each feature."""

    alarms: tuple[Alarm, ...]
    figures: tuple[Figure, ...]

    @property
    def calls_for(self) -> str | None:
        """What could help: a training where a feature's level moved whose data does not look broken, otherwise a repair."""
        broken = {alarm.feature for alarm in self.alarms if alarm.is_broken}
        moved = {alarm.feature for alarm in self.alarms if alarm.question == SHIFT} - broken
        answered = any(alarm.question == MATTER for alarm in self.alarms)
        if moved or (answered and not broken):
            return TRAINING
        return REPAIR if self.alarms else None

    @property
    def as_what_matters(self) -> Self:
        """The same alarms, as those of answers and outcomes."""
        return replace(self, alarms=tuple(replace(alarm, question=MATTER) for alarm in self.alarms))

    def __add__(self, other: Answer) -> Answer:
        """Return both together."""
        return Answer((*self.alarms, *other.alarms), (*self.figures, *other.figures))

    @property
    def sentence(self) -> str:
        """What changed, in words; nothing where nothing did."""
        parts = []
        for question, words in QUESTIONS.items():
            alarms = [alarm for alarm in self.alarms if alarm.question == question]
            if alarms:
                named = "; ".join(alarm.description for alarm in alarms[:NAMED])
                more = f"; and {len(alarms) - NAMED} more" if len(alarms) > NAMED else ""
                parts.append(f"{words}: {named}{more}.")
        return " ".join(parts)


@dataclass(frozen=True)
class Ordinary:
    """What k columns' nights do without drift, measure by measure."""

    columns: tuple[Column, ...]
    before: Mapping[str, Stream]
    nulls: Mapping[str, Null]

    @classmethod
    def of(cls, columns: Sequence[Column], windows: Sequence[int]) -> Self:
        """Fit the reference's nights of columns, of which each aggregates so many nights (0: none)."""
        series, window = [column.nights for column in columns], np.asarray(windows, dtype=np.int64)
        before = {measure: Stream.of(measure, columns, series) for measure in MEASURES}
        return cls(tuple(columns), before, {measure: Null.of(stream, window) for measure, stream in before.items()})

    def judge(self, later: Sequence[Nights], false_alarms_a_year: float) -> Answer:
        """Judge the newest night of k series, each of the same nights since the reference; see ``judge_nights``."""
        live = {measure: Stream.of(measure, self.columns, later) for measure in MEASURES}
        tested = {
            FAULT: {of: jumped(self.nulls[of], self.before[of], live[of]) for of in ASKED[FAULT]},
            SHIFT: {of: moved(self.nulls[of], live[of]) for of in ASKED[SHIFT]},
        }
        level = false_alarms_a_year / len(tested) / YEAR
        changes = [_changes(column, item) for column, item in zip(self.columns, later, strict=True)]
        alarms = [
            alarm for question, parts in tested.items() for alarm in _alarms(question, parts, self.columns, changes, level)
        ]
        each = level / len(MEASURES) / len(self.columns)
        smallest = _smallest(tested[FAULT]["mean"], tested[SHIFT]["mean"], each)
        ordered = sorted(alarms, key=lambda alarm: (alarm.chance, alarm.feature))
        return Answer(tuple(ordered), _shifts(self.columns, smallest, int(later[0].rows[-1])))


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
    answer = Ordinary.of(columns, windows).judge(later, false_alarms_a_year)
    return replace(answer, figures=(*answer.figures, *_counts(columns, profiles[nights[-1]])))


def rejected(chance: Floats, level: float) -> np.ndarray:
    """Return which p-values (n,) Benjamini & Hochberg (1995) reject at a level; NaN is never."""
    known = np.where(np.isfinite(chance), chance, 1.0)
    order = np.sort(known)
    passed = np.nonzero(order <= level * np.arange(1, len(known) + 1) / len(known))[0]
    return known <= (order[passed[-1]] if len(passed) else -1.0)


def _alarms(
    question: str,
    tested: Mapping[str, Tested],
    columns: Sequence[Column],
    changes: Sequence[Mapping[str, float]],
    level: float,
) -> list[Alarm]:
    """Return the alarms of a question, of each feature its most certain measure."""
    sizes = {of: np.array([each[of] for each in changes]) if of in changes[0] else item.change for of, item in tested.items()}
    chance = np.array([_of_what_matters(of, item, sizes[of]) for of, item in tested.items()])
    is_rejected = rejected(chance.ravel(), level).reshape(chance.shape)
    alarms = []
    for at in np.nonzero(is_rejected.any(axis=0))[0].tolist():
        row = int(np.argmin(np.where(is_rejected[:, at], chance[:, at], np.inf)))
        measure = list(tested)[row]
        since = date.fromordinal(int(tested[measure].since[at]))
        alarms.append(Alarm(question, columns[at].name, measure, float(sizes[measure][at]), since, float(chance[row, at])))
    return alarms


def _of_what_matters(measure: str, tested: Tested, size: Floats) -> Floats:
    """Return p-values, 1 where the change is too small to matter, or is for the better."""
    is_none = np.abs(size) < MATTERS[measure]
    if measure in ("unseen", "form"):
        is_none |= tested.distance <= 0
    return np.where(is_none, 1.0, tested.chance)


def _changes(column: Column, later: Nights) -> dict[str, float]:
    """Return by how much the newest night's shares differ from the reference's, and its distance."""
    rows, total = max(int(later.rows[-1]), 1), max(int(column.nights.rows.sum()), 1)
    return {
        "missing": float(later.missing[-1] / rows - column.nights.missing.sum() / total),
        "unseen": float(later.unseen[-1] / rows - column.nights.unseen.sum() / total),
        "form": float(later.form[-1]),
    }


def _smallest(one: Tested, level: Tested, chance: float) -> Floats:
    """Return the smallest shift of the mean that would have been an alarm on this night, of one night or of several."""
    from scipy.special import stdtrit

    reach = [-stdtrit(item.degrees, chance / 2) * item.spread for item in (one, level)]
    return np.asarray(np.fmin(*reach), dtype=np.float64)


def _shifts(columns: Sequence[Column], smallest: Floats, rows: int) -> tuple[Figure, ...]:
    return tuple(
        Figure("smallest_shift", shift, None, None, rows, column.name)
        for column, shift in zip(columns, smallest.tolist(), strict=True)
    )


def _counts(columns: Sequence[Column], newest: Sequence[ColumnProfile]) -> tuple[Figure, ...]:
    figures = []
    for column, profile in zip(columns, newest, strict=True):
        if profile.infinite:
            figures.append(Figure("infinite", profile.infinite, None, None, profile.rows, column.name))
        if profile.unseen:
            figures.append(Figure("unseen_share", profile.unseen / profile.rows, None, None, profile.rows, column.name))
    return tuple(figures)
