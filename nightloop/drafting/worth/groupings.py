"""Find the columns whose groups have something to tell: by the outcomes of a group's earlier rows on its later ones."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
SMOOTHING = 20
SINGLE, PAIRS, PAIRED = 5, 4, 6
"""Columns whose groups have a history, pairs of them, and the columns that pairs are made of."""
GAIN_OF_A_PAIR = 1.05
"""A pair has a history of its own where it tells so much more than each of its columns."""
FEWEST_RECORDS = 4
"""Records of a group, on average; with fewer there is no history."""


def best_groupings(codes: Mapping[str, Codes], outcome: Floats, always: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the groupings, single columns first, each by what it tells.

    Args:
        codes: of the columns (n,), -1 where missing; rows are in order of time.
        outcome: (n,) as a number.
        always: columns that are taken whatever they tell on average: habits of a customer show in no mean over all time.
    """
    gathering = {name: column for name, column in codes.items() if gathers(column)}
    telling = {name: _telling(column, outcome) for name, column in gathering.items()}
    ranked = sorted(gathering, key=lambda name: (-telling[name], name))
    single = [*(name for name in ranked if name in always), *(name for name in ranked if name not in always)][:SINGLE]
    pairs: dict[tuple[str, ...], float] = {}
    for pair in itertools.combinations([name for name in ranked if telling[name] > 0][:PAIRED], 2):
        together = _together(*(gathering[name] for name in pair))
        if gathers(together) and (tells := _telling(together, outcome)) > GAIN_OF_A_PAIR * max(telling[name] for name in pair):
            pairs[pair] = tells
    return [*((name,) for name in single), *sorted(pairs, key=lambda pair: (-pairs[pair], pair))[:PAIRS]]


def gathers(codes: Codes) -> bool:
    """Whether the rows of a group are several, and the groups too."""
    groups = len(np.unique(codes[codes >= 0]))
    return 1 < groups <= int((codes >= 0).sum()) // FEWEST_RECORDS


def _together(one: Codes, other: Codes) -> Codes:
    """Return codes of the pairs of values, -1 where either is missing."""
    both = one * (other.max() + 1) + other
    _, codes = np.unique(np.where((one < 0) | (other < 0), -1, both), return_inverse=True)
    missing = int(((one < 0) | (other < 0)).any())
    return np.asarray(codes - missing, dtype=np.int64)


def _telling(codes: Codes, outcome: Floats) -> float:
    """Return the correlation of the mean outcome of a group's first half of rows with the outcomes of the second half."""
    half = len(codes) // 2
    known = codes[:half] >= 0
    size = int(codes.max()) + 1
    count = np.bincount(codes[:half][known], minlength=size)
    total = np.bincount(codes[:half][known], weights=outcome[:half][known], minlength=size)
    mean = float(outcome[:half].mean())
    smoothed = (total + SMOOTHING * mean) / (count + SMOOTHING)
    expected = np.where(codes[half:] >= 0, smoothed[codes[half:]], mean)
    if np.ptp(expected) == 0 or np.ptp(outcome[half:]) == 0:
        return 0.0
    return float(np.corrcoef(expected, outcome[half:])[0, 1])
