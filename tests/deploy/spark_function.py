"""What a Spark worker is asked to run in a test."""

from __future__ import annotations

import os
from collections.abc import Mapping


def where_am_i(job: Mapping[str, str]) -> dict[str, object]:
    """Return the job's name and the process that ran it."""
    return {"name": job["name"], "process": os.getpid(), "home": os.environ.get("NIGHTLOOP_HOME", "")}
