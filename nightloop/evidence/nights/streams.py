"""Measures of columns as streams of nights whose noise is about normal, so that one theory of nights serves all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from nightloop.evidence.nights.profiles import Counts, Floats
from nightloop.evidence.nights.reference import Column, Nights

LEAST_FORM = 1e-12


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
        """Return a measure of k columns, each of which has a series of the same n nights."""
        if not series:
            return cls(np.empty(0, dtype=np.int64), *np.empty((2, 0, 0)))
        rows, missing, unseen = (
            np.column_stack([getattr(item, name) for item in series]) for name in ("rows", "missing", "unseen")
        )
        known = np.where(rows > 0, rows, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            if measure in ("mean", "ends"):
                value, noise = np.column_stack([getattr(item, measure) for item in series]), 1 / np.maximum(rows - missing, 1)
            elif measure == "form":
                expected, noise = expected_form(columns, rows)
                distance = np.column_stack([item.form for item in series])
                value = np.where(rows > 0, (np.maximum(distance, LEAST_FORM) / expected) ** 0.25, np.nan)
            else:
                value = np.arcsin(np.sqrt((missing if measure == "missing" else unseen) / known))
                noise = 1 / (4 * known)
        return cls(series[0].night, value, noise)


def expected_form(columns: Sequence[Column], rows: Counts) -> tuple[Floats, Floats]:
    """Return the PSI that ordinary nights of so many rows (n, k) have, and the noise of the fourth root of their share of it.

    Rows of one distribution give ``(1 / rows + 1 / reference rows) * degrees`` (Yurdakul & Naranjo, 2020); how much more the
    reference's nights had is theirs.
    """
    degrees = np.array([max(int(np.count_nonzero(column.histogram[:-1])) - 2, 1) for column in columns])
    total = np.array([max(sum(column.counts), 1) for column in columns])
    before = [column.nights for column in columns]
    by_rows = [d * (1 / np.maximum(item.rows, 1) + 1 / of) for item, d, of in zip(before, degrees, total, strict=True)]
    beyond = [(item.form - chance)[item.rows > 0] for item, chance in zip(before, by_rows, strict=True)]
    excess = np.array([max(float(np.mean(of)), 0.0) if len(of) else 0.0 for of in beyond])
    expected = excess + degrees * (1 / np.maximum(rows, 1) + 1 / total)
    return expected, np.broadcast_to(1 / (8 * degrees), rows.shape)
