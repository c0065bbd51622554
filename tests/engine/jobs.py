"""Functions that workers import."""

from __future__ import annotations

import os
from collections.abc import Mapping

from nightloop.errors import EmptyNight


def doubled(job: Mapping[str, str]) -> dict[str, object]:
    return {"twice": 2 * int(job["number"]), "process": os.getpid()}


def empty(job: Mapping[str, str]) -> dict[str, object]:
    if job["number"] == "2":
        raise EmptyNight("nothing there.", where=f"job {job['number']}", do="Look elsewhere.")
    return {}


def broken(job: Mapping[str, str]) -> dict[str, object]:
    raise ZeroDivisionError(job["number"])
