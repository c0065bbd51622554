"""A salted hash of an entity's key: the same in the service and on every engine, and nothing that an entity could choose."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**63


def hashes(salt: str, keys: Iterable[Sequence[Any]]) -> NDArray[np.int64]:
    """Return a hash of each key (n,), evenly spread from 0 to 2**63 - 1.

    Args:
        salt: another salt gives hashes that tell nothing of these.
        keys: the values of the key's columns, a sequence an entity. An instant counts whatever time zone it is written in.
    """
    salted = hashlib.sha256(salt.encode())
    return np.array([_hash(salted, key) for key in keys], dtype=np.int64)


def in_share(salt: str, keys: Iterable[Sequence[Any]], percent: float) -> NDArray[np.bool_]:
    """Return which entities (n,) are in a share of all: who is in it stays in a larger one of the same salt."""
    return np.asarray(hashes(salt, keys) < percent / 100 * LARGEST)


def _hash(salted: Any, key: Sequence[Any]) -> int:
    of_key = salted.copy()
    for value in key:
        text = _text(value).encode()
        of_key.update(len(text).to_bytes(8, "big") + text)  # with its length: ("a", "bc") is not ("ab", "c")
    return int.from_bytes(of_key.digest()[:8], "big") >> 1


def _text(value: Any) -> str:
    return str(value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value)
