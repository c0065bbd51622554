"""What a model is made with: libraries that fit or feed it, Python, processor, and the lock that all others come from."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version

from nightloop.model.training.training_set import LIBRARIES
from nightloop.settings import REPOSITORY

FEED = ("scipy", "pyarrow")  # beside what the key of a training names: they order sums, and write the rows
LOCK = "requirements.txt"


def made_with() -> dict[str, str]:
    """Return the version of each by its name; the lock's is a digest, and is left out where there is no such file."""
    lock = REPOSITORY / LOCK
    digest = {LOCK: hashlib.sha256(lock.read_bytes()).hexdigest()[:12]} if lock.is_file() else {}
    versions = {name: version(name) for name in (*LIBRARIES, *FEED)}
    return {"python": platform.python_version(), "processor": platform.machine(), **versions, **digest}


def other(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Say what is another version now: ``xgboost 3.2.0, now 3.3.1``."""
    names = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    return [f"{name} {then.get(name, 'none')}, now {now.get(name, 'none')}" for name in names]
