"""The different texts of a column, each with the number of its records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

HEAD = 64
"""Texts that are looked at before all others are."""


@dataclass(frozen=True)
class Texts:
    """The different texts of a column, in the order they come, and how many records have each."""

    texts: pa.Array
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, column: pa.ChunkedArray) -> Texts:
        """Count the texts of a column; what is null is left out."""
        counted = pc.value_counts(column.drop_null())
        counted = counted.combine_chunks() if isinstance(counted, pa.ChunkedArray) else counted
        return cls(counted.field("values"), counted.field("counts").to_numpy(zero_copy_only=False))

    def where(self, mask: NDArray[np.bool_]) -> Texts:
        """Return some of them."""
        return Texts(self.texts.filter(pa.array(mask)), self.counts[mask])

    def like(self, pattern: str) -> NDArray[np.bool_]:
        """Return which are wholly of a pattern."""
        matching = pc.match_substring_regex(self.texts, pattern=rf"\A(?:{pattern})\z")
        return np.asarray(matching.to_numpy(zero_copy_only=False), dtype=bool)

    @property
    def records(self) -> int:
        """How many records have one of them."""
        return int(self.counts.sum())

    @property
    def head(self) -> Texts:
        """The first of them."""
        return Texts(self.texts.slice(0, HEAD), self.counts[:HEAD])
