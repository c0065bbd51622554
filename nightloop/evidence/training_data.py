"""The data gate: is the training set what its nights promise? Each night is compared with those before it.

A model learns a broken night as willingly as a whole one, and where it is among the validation nights too, every figure looks
as it should. So the rows are judged by themselves: nights cut off, labels lost, a delivery that came twice, a unit that
changed, a column that went missing or stands still, parts of the split that overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.evidence.gate_limits import DataLimits
from nightloop.evidence.intervals import Floats
from nightloop.evidence.verdict import Figure, Verdict
from nightloop.nights import Night, Nights

GATE = "data"
EARLIER = 7
"""Nights before a night that it is compared with, by their median: a week has every weekday."""
FEWEST_EARLIER = 3
FEWEST_ROWS = 20
"""Rows of a night below which its shares and quantiles tell nothing, and two nights may be alike by chance."""
UPPER_QUANTILE = 0.9
MOST_TOLD = 3
"""Problems of one kind that are told one by one."""


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
    """

    night: NDArray[np.datetime64]
    matrix: Floats
    features: tuple[str, ...]
    published: Mapping[Night, int]
    split: Mapping[str, Nights]
    last_labelled: Night


@dataclass(frozen=True)
class _Problem:
    kind: str
    what: str


def judge_data(rows: TrainingRows, limits: DataLimits) -> Verdict:
    """Judge a training set by its nights.

    Each night's rows, share of labels, and each feature's 90 % quantile of absolute values are compared with the median of the
    seven nights before it; nights with fewer than three before them are not. What is missing is compared between the parts.
    """
    nights, starts = np.unique(rows.night, return_index=True)
    if len(nights) < FEWEST_EARLIER + 1:
        return Verdict(GATE, "not_enough_evidence", f"Only {len(nights)} nights, and {FEWEST_EARLIER + 1} are needed.")
    blocks = np.split(rows.matrix, starts[1:])
    days = [night.astype(object) for night in nights]
    counts = np.array([len(block) for block in blocks], dtype=float)
    published = np.array([rows.published.get(day, 0) for day in days], dtype=float)
    usable = counts >= FEWEST_ROWS
    figures, problems = [], list(_wrong_split(rows))

    for name, values, limit, words in (
        ("rows", published, limits.minimum_rows_share, "has {0:.0f} rows, {1:.2f} of the nights before it"),
        (
            "labelled",
            counts / np.maximum(published, 1),
            limits.minimum_labelled_share,
            "has labels for {0:.0%} of its rows, {1:.2f} of the nights before it",
        ),
    ):
        ratio = values / _before(values)
        figures.append(_smallest(f"{name}_share", ratio, int(counts.sum())))
        problems += [
            _Problem(name, f"night {days[i]} {words.format(values[i], ratio[i])} (limit {limit})")
            for i in np.flatnonzero(ratio < limit)
        ]

    size = np.array([_sizes(block) for block in blocks])
    size[~usable] = np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(np.log10(size / _before(size)))
    change = 10 ** np.where(np.isfinite(change), change, 0)
    figures.append(Figure("largest_scale_change", float(change.max(initial=1)), None, None, int(counts.sum())))
    problems += [
        _Problem("scale", f"{rows.features[j]} changed its scale {change[i, j]:.3g} times in night {days[i]} (limit {limit})")
        for limit in [limits.maximum_scale_change]
        for i, j in np.argwhere(change > limit)
    ]
    rise = _missing(rows, "validate") - _missing(rows, "fit")
    figures.append(Figure("largest_missing_rise", float(rise.max(initial=0)), None, None, int(counts.sum())))
    problems += [
        _Problem(
            "missing",
            f"{name} lacks {by:.2f} more of its values in the nights {rows.split['validate']} that the candidate is judged on "
            f"(limit {limits.maximum_missing_rise})",
        )
        for name, by in zip(rows.features, rise, strict=True)
        if by > limits.maximum_missing_rise
    ]
    problems += [
        _Problem("repeated", f"night {days[i]} repeats night {days[j]}, row by row") for i, j in _repeats(blocks, usable)
    ]
    problems += [
        _Problem("still", f"{name} stands still in all nights {rows.split['validate']} that the candidate is judged on")
        for name in _still(rows, blocks, days)
    ]
    if problems:
        return Verdict(GATE, "fail", _sentence(problems), tuple(figures))
    return Verdict(
        GATE,
        "pass",
        f"{int(counts.sum())} rows of {len(nights)} nights, none of them cut off, repeated, or unlike those before it.",
        tuple(figures),
    )


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
    """Return the 90 % quantile of the absolute values of each feature; NaN where fewer than 20 are there."""
    there = np.isfinite(block).sum(axis=0) >= FEWEST_ROWS
    return np.where(there, np.nanquantile(np.where(there, np.abs(block), 0), UPPER_QUANTILE, axis=0), np.nan)


def _repeats(blocks: Sequence[Floats], usable: NDArray[Any]) -> Iterator[tuple[int, int]]:
    """Yield pairs of nights, the later first, whose rows are the same in any order and not all alike."""
    seen: dict[bytes, int] = {}
    for i, block in enumerate(blocks):
        if not usable[i] or not block.shape[1]:
            continue
        ordered = block[np.lexsort(block.T)]
        if (ordered[0] == ordered[-1]).all():
            continue
        content = np.nan_to_num(ordered, nan=np.inf).tobytes()
        if content in seen:
            yield i, seen[content]
        seen.setdefault(content, i)


def _of(rows: TrainingRows, part: str) -> NDArray[np.bool_]:
    nights = rows.split[part]
    return (rows.night >= np.datetime64(nights.first)) & (rows.night <= np.datetime64(nights.last))


def _missing(rows: TrainingRows, part: str) -> Floats:
    """Return the share of each feature's values that are missing in a part; 0 where the part has too few rows."""
    values = rows.matrix[_of(rows, part)]
    return np.isnan(values).mean(axis=0) if len(values) >= FEWEST_ROWS else np.zeros(len(rows.features))


def _still(rows: TrainingRows, blocks: Sequence[Floats], days: Sequence[Night]) -> Iterator[str]:
    """Yield the features of one value only in the nights of validation, which had several in most nights before.

    What is the same for every row of a night, as a date is, may well be the same for some nights.
    """
    judged = rows.matrix[_of(rows, "validate")]
    earlier = [block for block, day in zip(blocks, days, strict=True) if day < rows.split["validate"].first]
    if len(judged) < FEWEST_ROWS or not earlier:
        return
    for j, name in enumerate(rows.features):
        if _values(judged[:, j]) == 1 and np.mean([_values(block[:, j]) > 1 for block in earlier]) > 1 / 2:
            yield name


def _values(column: Floats) -> int:
    """Count distinct values up to two; missing ones are none."""
    there = column[np.isfinite(column)]
    return 0 if not len(there) else 1 + bool((there != there[0]).any())


def _smallest(name: str, ratio: Floats, n: int) -> Figure:
    known = ratio[np.isfinite(ratio)]
    return Figure(name, float(known.min()) if len(known) else float("nan"), None, None, n)


def _sentence(problems: Sequence[_Problem]) -> str:
    by_kind: dict[str, list[str]] = {}
    for problem in problems:
        by_kind.setdefault(problem.kind, []).append(problem.what)
    told = []
    for of_kind in by_kind.values():
        more = len(of_kind) - MOST_TOLD
        told += [*of_kind[:MOST_TOLD], *([f"and {more} more like it"] if more > 0 else [])]
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}."
