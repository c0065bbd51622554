"""Decide by a capacity: so many of a night's entities, those with the highest answers, are decided positively.

Where the last places are shared by equal answers a salted hash of the entity's key says who gets them: the same on every engine
and in every run, another order every night, and nothing that an entity could choose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightloop.model.entity_hash import hashes
from nightloop.nights import Night

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ties = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """The last entity of a night that the capacity takes.

    Attributes:
        prediction: its answer.
        tie: the hash of its key.
    """

    prediction: float
    tie: int

    def decide(self, prediction: Floats, tie: Ties) -> Bools:
        """Return the decisions of rows (n,) of the night."""
        return np.asarray((prediction > self.prediction) | ((prediction == self.prediction) & (tie <= self.tie)))


def ties(use_case: str, night: Night, keys: Iterable[Sequence[Any]]) -> Ties:
    """Return a hash of each entity's key on a night (n,), at least 0; ``keys`` hold the values of the key's columns."""
    return hashes(f"{use_case}/{night}", keys)


def highest(prediction: Floats, tie: Ties, capacity: int) -> NDArray[np.intp]:
    """Return the places of the rows that come first, at most ``capacity``, the highest answer before the others."""
    return np.lexsort((tie, -prediction))[:capacity]


def cut_of(prediction: Floats, tie: Ties, capacity: int) -> Cut | None:
    """Return where a night is cut; None where it has no rows."""
    first = highest(prediction, tie, capacity)
    return Cut(float(prediction[first[-1]]), int(tie[first[-1]])) if len(first) else None


def ends_of(capacity: int | None, share: Fraction | None, rows: int) -> dict[str, int]:
    """Return after how many of the highest answers of a night a capacity ends, and where a share of its rows gets reasons,
    after how many these end; by the names under which ``score_file`` is told. Nothing of an empty night's share."""
    ends = {"cut": capacity, "last_explained": math.ceil(rows * share) if share else None}
    return {name: count for name, count in ends.items() if count}


def decide_by_night(
    use_case: str, night: NDArray[Any], keys: Sequence[Sequence[Any]], prediction: Floats, capacity: int
) -> Bools:
    """Return the decisions (n,) of rows of several nights, each cut for itself."""
    decision = np.zeros(len(prediction), dtype=np.bool_)
    for of in np.unique(night):
        rows = np.flatnonzero(night == of)
        tie = ties(use_case, of.item(), [keys[row] for row in rows.tolist()])
        decision[rows[highest(prediction[rows], tie, capacity)]] = True
    return decision


def usual_threshold(night: NDArray[Any], prediction: Floats, capacity: int) -> float:
    """Return the median over nights of the last answer that the capacity takes: for what is answered outside of a night."""
    last = [np.sort(prediction[night == of])[::-1][:capacity][-1] for of in np.unique(night)]
    return float(np.median(last))
