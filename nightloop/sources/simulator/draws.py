"""Random numbers by place instead of by turn: a draw is a pure function of the seed, a name and its counters.

Nothing is drawn "next", so any night, customer or loan can be drawn alone. Each 64-bit word is the seed's key and the counters
mixed by the finalizer of SplitMix64 (Steele, Lea and Flood, 2014: Fast splittable pseudorandom number generators).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Counter = Integers | int

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ROUNDS = ((30, np.uint64(0xBF58476D1CE4E5B9)), (27, np.uint64(0x94D049BB133111EB)))
_PART = 2**16 - 1
_MEAN, _DEVIATION = 4 * _PART / 2, np.sqrt(4 * (2**32 - 1) / 12)  # of the sum of four whole numbers of 16 bits


@dataclass(frozen=True)
class Draws:
    """The draws of one seed."""

    seed: int

    def words(self, name: str, *counters: Counter) -> Words:
        """Return 64 random bits per place; counters (whole numbers or arrays of them) are broadcast together."""
        key = hashlib.blake2b(f"{self.seed}/{name}".encode(), digest_size=8).digest()
        word: Words = np.frombuffer(key, dtype="<u8").astype(np.uint64)
        for counter in counters:
            word = _mixed(
                word + (np.atleast_1d(np.asarray(counter, dtype=np.int64)).astype(np.uint64) + np.uint64(1)) * _GOLDEN
            )
        return word

    def uniform(self, name: str, *counters: Counter) -> Floats:
        """Return numbers of [0, 1)."""
        return share_of(self.words(name, *counters))

    def normal(self, name: str, *counters: Counter) -> Floats:
        """Return numbers of mean 0 and variance 1, about normal: the sum of four uniform ones (Irwin and Hall), within 3.5.

        Whole numbers are summed, so that no library's logarithm or cosine has a part in the result.
        """
        word = self.words(name, *counters)
        total = sum((word >> np.uint64(16 * i)) & np.uint64(_PART) for i in range(4))
        return np.asarray((np.asarray(total, dtype=np.float64) - _MEAN) / _DEVIATION, dtype=np.float64)


def share_of(word: Words) -> Floats:
    """Return the upper 53 bits of each word as a number of [0, 1)."""
    return np.asarray((word >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


def pick(shares: Floats, weights: tuple[float, ...]) -> Integers:
    """Return, for each number of [0, 1), the position of the weight it falls on; weights sum to 1."""
    return np.asarray(np.searchsorted(np.cumsum(weights)[:-1], shares, side="right"), dtype=np.int64)


def _mixed(word: Words) -> Words:
    for shift, factor in _ROUNDS:
        word = (word ^ (word >> np.uint64(shift))) * factor
    return word ^ (word >> np.uint64(31))
