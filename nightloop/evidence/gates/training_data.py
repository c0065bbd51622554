"""The data gate: is the training set what its nights promise? Each night is compared with those before it.

A model learns a broken night as willingly as a whole one, and where it is among the validation nights too, every figure looks
as it should. So the rows are judged by themselves: nights cut off, labels lost, a delivery that came twice, a unit that
changed, a column that went missing or stands still, parts of the split that overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.gates.limits import DataLimits
from nightloop.evidence.gates.sentences import sentence
from nightloop.evidence.intervals import Floats
from nightloop.evidence.verdict import Figure, Limit, Verdict, limited
from nightloop.nights import Night, Nights

GATE = "data"
EARLIER = 7
"""Nights before a night that it is compared with, by their median: a week has every weekday."""
FEWEST_EARLIER = 3
FEWEST_ROWS = 20
"""Rows of a night below which its shares and quantiles tell nothing, and two nights may be alike by chance."""
UPPER_QUANTILE = 0.9
MOST_NAMED = 3
"""Problems of one kind that are named one by one."""


@dataclass(frozen=True)
class TrainingRows:
    """What is judged.

    Attributes:
        night: (n,) the scored night of each row, sorted.
        matrix: (n, k) features, NaN where missing.
        features: (k,) their names.
        published: night -> rows whose features were published, labelled or not.
        split: part -> its nights, in the order of time.
        last_labelled: the last night whose labels were known.
        matching: share of entities that find their outcome, of those and of the ones that miss it only by how a key is written;
            how many both are; and the reason of the night with the most of these. None where no entity misses its outcome.
    """

    night: NDArray[np.datetime64]
    matrix: Floats
    features: tuple[str, ...]
    published: Mapping[Night, int]
    split: Mapping[str, Nights]
    last_labelled: Night
    matching: tuple[float, int, str] | None = None


@dataclass(frozen=True)
class _Problem:
    kind: str
    what: str


@dataclass(frozen=True)
class _Nights:
    """The rows by night: days, features of each, and how many rows were published."""

    rows: TrainingRows
    days: list[Night]
    blocks: list[Floats]

    @classmethod
    def of(cls, rows: TrainingRows) -> _Nights:
        nights, starts = np.unique(rows.night, return_index=True)
        return cls(rows, [night.astype(object) for night in nights], np.split(rows.matrix, starts[1:]))

    @cached_property
    def published(self) -> Floats:
        return np.array([self.rows.published.get(day, 0) for day in self.days], dtype=float)

    @cached_property
    def labelled(self) -> Floats:
        """The share of each night's published rows that have a label."""
        return np.array([len(block) for block in self.blocks]) / np.maximum(self.published, 1)

    def figure(self, name: str, value: float) -> Figure:
        return Figure(name, value, None, None, len(self.rows.night))


Check = tuple[list[Figure], list[_Problem]]


def judge_data(rows: TrainingRows, limits: DataLimits) -> Verdict:
    """Judge a training set by its nights.

    Each night's rows, share of labels, and each feature's 90 % quantile of absolute values are compared with the median of the
    seven nights before it; nights with fewer than three before them are not. What is missing is compared between the parts.
    """
    nights = _Nights.of(rows)
    if len(nights.days) < FEWEST_EARLIER + 1:
        return Verdict(GATE, "not_enough_evidence", f"Only {len(nights.days)} nights, and {FEWEST_EARLIER + 1} are needed.")
    checks: list[Check] = [
        ([], list(_wrong_split(rows))),
        _share(nights, "rows", nights.published, "has {:.0f} rows", limits.minimum_rows_share),
        _share(nights, "labelled", nights.labelled, "has labels for {:.0%} of its rows", limits.minimum_labelled_share),
        _matching(rows, limits.minimum_matched_share),
        _scales(nights, limits.maximum_scale_change),
        _rises(nights, limits.maximum_missing_rise),
        ([], list(_repeats(nights))),
        ([], list(_still(nights))),
    ]
    figures = limited((figure for of_check, _ in checks for figure in of_check), _bounds(limits))
    if problems := [problem for _, of_check in checks for problem in of_check]:
        return Verdict(GATE, "fail", _sentence(problems), figures)
    whole = f"{len(rows.night):,} rows of {len(nights.days)} nights, none of them cut off, repeated, or unlike those before it."
    return Verdict(GATE, "pass", whole, figures)


def _bounds(limits: DataLimits) -> Mapping[str, Limit]:
    return {
        "rows_share": (limits.minimum_rows_share, None),
        "labelled_share": (limits.minimum_labelled_share, None),
        "matched_share": (limits.minimum_matched_share, None),
        "largest_scale_change": (None, limits.maximum_scale_change),
        "largest_missing_rise": (None, limits.maximum_missing_rise),
    }


def _share(nights: _Nights, kind: str, values: Floats, words: str, limit: float) -> Check:
    """Hold a figure of each night against the nights before it; ``words`` has a place for it."""
    ratio = values / _before(values)
    problems = [
        _Problem(
            kind, f"night {nights.days[i]} {words.format(values[i])}, {ratio[i]:.2f} of the nights before it (limit {limit})"
        )
        for i in np.flatnonzero(ratio < limit)
    ]
    return [nights.figure(f"{kind}_share", _smallest(ratio))], problems


def _matching(rows: TrainingRows, limit: float) -> Check:
    """Labels that are lost by how a key is written are no smaller than those of the nights before: they were always lost."""
    if rows.matching is None:
        return [], []
    share, n, reason = rows.matching
    problems = [_Problem("matching", f"{share:.0%} of the outcomes find their entity (limit {limit}): {reason.rstrip('.')}")]
    return [Figure("matched_share", share, None, None, n)], problems if share < limit else []


def _scales(nights: _Nights, limit: float) -> Check:
    size = np.array([_sizes(block) for block in nights.blocks])
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(np.log10(size / _before(size)))
    change = 10 ** np.where(np.isfinite(change), change, 0)
    problems = [
        _Problem(
            "scale",
            f"{nights.rows.features[j]} changed its scale {change[i, j]:.3g} times in night {nights.days[i]} (limit {limit})",
        )
        for i, j in np.argwhere(change > limit)
    ]
    return [nights.figure("largest_scale_change", float(change.max(initial=1)))], problems


def _rises(nights: _Nights, limit: float) -> Check:
    rows = nights.rows
    rise = _missing(rows, "validate") - _missing(rows, "fit")
    problems = [
        _Problem(
            "missing",
            f"{name} lacks {by:.2f} more of its values in the nights {rows.split['validate']} that the candidate is judged on "
            f"(limit {limit})",
        )
        for name, by in zip(rows.features, rise, strict=True)
        if by > limit
    ]
    return [nights.figure("largest_missing_rise", float(rise.max(initial=0)))], problems


def _wrong_split(rows: TrainingRows) -> Iterator[_Problem]:
    for (earlier, of_earlier), (later, of_later) in pairwise(rows.split.items()):
        if of_later.first <= of_earlier.last:
            yield _Problem("split", f"the nights to {later} ({of_later}) do not all follow those to {earlier} ({of_earlier})")
    last = max(rows.night).astype(object)
    if last > rows.last_labelled:
        yield _Problem("future", f"there are rows of {last}, whose labels were known only to {rows.last_labelled}")


def _before(values: Floats) -> Floats:
    """Return the median of the nights before each one; NaN where there are too few."""
    medians = np.full(values.shape, np.nan)
    for i in range(FEWEST_EARLIER, len(values)):
        window = values[max(0, i - EARLIER) : i]
        enough = np.isfinite(window).sum(axis=0) >= FEWEST_EARLIER
        medians[i] = np.where(enough, np.nanmedian(np.where(enough, window, 0), axis=0), np.nan)
    return medians


def _sizes(block: Floats) -> Floats:
    """Return the 90 % quantile of the absolute values of each feature; NaN where fewer than 20 are there.

    It is one of the values: between 0 and 1 of a rare flag, an average of the two would be of any scale.
    """
    there = np.isfinite(block).sum(axis=0) >= FEWEST_ROWS
    return np.where(there, np.nanquantile(np.where(there, np.abs(block), 0), UPPER_QUANTILE, axis=0, method="higher"), np.nan)


def _repeats(nights: _Nights) -> Iterator[_Problem]:
    """Find pairs of nights whose rows are the same in any order, and not all alike."""
    first: dict[bytes, Night] = {}
    for day, block in zip(nights.days, nights.blocks, strict=True):
        if len(block) < FEWEST_ROWS or not block.shape[1]:
            continue
        ordered = block[np.lexsort(block.T)]
        if (ordered[0] == ordered[-1]).all():
            continue
        content = np.nan_to_num(ordered, nan=np.inf).tobytes()
        if content in first:
            yield _Problem("repeated", f"night {day} repeats night {first[content]}, row by row")
        first.setdefault(content, day)


def _of(rows: TrainingRows, part: str) -> NDArray[np.bool_]:
    nights = rows.split[part]
    return (rows.night >= np.datetime64(nights.first)) & (rows.night <= np.datetime64(nights.last))


def _missing(rows: TrainingRows, part: str) -> Floats:
    """Return the share of each feature's values that are missing in a part; 0 where the part has too few rows."""
    values = rows.matrix[_of(rows, part)]
    return np.isnan(values).mean(axis=0) if len(values) >= FEWEST_ROWS else np.zeros(len(rows.features))


def _still(nights: _Nights) -> Iterator[_Problem]:
    """Find features of one value only in the nights of validation, which had several in most nights before.

    What is the same for every row of a night, as a date is, may well be the same for some nights.
    """
    rows, validate = nights.rows, nights.rows.split["validate"]
    judged = rows.matrix[_of(rows, "validate")]
    earlier = [block for block, day in zip(nights.blocks, nights.days, strict=True) if day < validate.first]
    if len(judged) < FEWEST_ROWS or not earlier:
        return
    for j, name in enumerate(rows.features):
        if _values(judged[:, j]) == 1 and np.mean([_values(block[:, j]) > 1 for block in earlier]) > 1 / 2:
            yield _Problem("still", f"{name} stands still in all nights {validate} that the candidate is judged on")


def _values(column: Floats) -> int:
    """Count distinct values up to two; missing ones are none."""
    there = column[np.isfinite(column)]
    return 0 if not len(there) else 1 + bool((there != there[0]).any())


def _smallest(ratio: Floats) -> float:
    known = ratio[np.isfinite(ratio)]
    return float(known.min()) if len(known) else float("nan")


def _sentence(problems: Sequence[_Problem]) -> str:
    by_kind: dict[str, list[str]] = {}
    for problem in problems:
        by_kind.setdefault(problem.kind, []).append(problem.what)
    parts = []
    for of_kind in by_kind.values():
        more = len(of_kind) - MOST_NAMED
        parts += [*of_kind[:MOST_NAMED], *([f"and {more} more like it"] if more > 0 else [])]
    return sentence(parts)
