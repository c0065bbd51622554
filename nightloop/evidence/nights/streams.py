"""Measures of columns as streams of nights whose noise is about normal, so that one theory of nights serves all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from nightloop.evidence.nights.profiles import Counts, Floats
from nightloop.evidence.nights.reference import Column, Nights

LEAST_PSI = 1e-12


@dataclass(frozen=True)
class Stream:
    """One measure of k columns over n nights.

    Attributes:
        night: ordinals, ascending (n,).
        value: (n, k); NaN where a night does not tell.
        noise: (n, k), the variance that rows alone would give: of a mean 1 / rows in squared standard deviations, of the
            arcsine of a share's root 1 / (4 rows) (Anscombe, 1948), of the fourth root of a chi-square over its degrees d
            1 / (8 d). The third root (Wilson & Hilferty, 1931) is normal for rows; PSI has a longer tail where nights differ.
    """

    night: Counts
    value: Floats
    noise: Floats

    @classmethod
    def of(cls, measure: str, columns: Sequence[Column], series: Sequence[Nights]) -> Self:
        """Return a measure of columns, of whose nights each has a series."""
        night = np.unique(np.concatenate([item.night for item in series])) if series else np.empty(0, dtype=np.int64)
        value, noise = np.full((2, len(night), len(columns)), np.nan)
        for place, (column, item) in enumerate(zip(columns, series, strict=True)):
            rows = np.searchsorted(night, item.night)
            value[rows, place], noise[rows, place] = _measure(measure, column, item)
        return cls(night, value, noise)


def _measure(measure: str, column: Column, nights: Nights) -> tuple[Floats, Floats]:
    rows = nights.rows.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if measure == "mean":
            return nights.mean, 1 / np.maximum(rows - nights.missing, 1)
        if measure == "psi":
            expected, noise = expected_psi(column, rows)
            return np.where(rows > 0, (np.maximum(nights.psi, LEAST_PSI) / expected) ** 0.25, np.nan), noise
        share = (nights.missing if measure == "missing" else nights.unseen) / np.where(rows > 0, rows, np.nan)
        return np.arcsin(np.sqrt(share)), np.where(rows > 0, 1 / (4 * np.maximum(rows, 1)), np.nan)


def expected_psi(column: Column, rows: Floats) -> tuple[Floats, Floats]:
    """Return the PSI that an ordinary night of so many rows has (n,), and the noise of the root of a night's share of it.

    Rows of one distribution give ``(1 / rows + 1 / reference rows) * degrees`` (Yurdakul & Naranjo, 2020); how much more the
    reference's nights had is theirs.
    """
    degrees = max(int(np.count_nonzero(column.histogram)) - 1, 1)
    total = max(int(column.histogram.sum()), 1)
    nights = column.nights
    by_rows = degrees * (1 / np.maximum(nights.rows, 1) + 1 / total)
    excess = max(float(np.mean((nights.psi - by_rows)[nights.rows > 0])), 0.0) if (nights.rows > 0).any() else 0.0
    expected = excess + degrees * (1 / np.maximum(rows, 1) + 1 / total)
    return expected, np.full(len(rows), 1 / (8 * degrees))
