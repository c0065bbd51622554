"""Columns of what the simulated tables deliver, made from whole arrays: names, dates, moments, categories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nightloop.nights import cutoff
from nightloop.sources.simulator.draws import Floats, Integers

_EPOCH = date(1970, 1, 1).toordinal()


def numbered(prefix: str, ids: Integers, digits: int) -> pa.Array:
    """Return names such as C00000042."""
    text = pc.utf8_lpad(pa.array(ids).cast(pa.string()), digits, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), text, "")


def customer_names(ids: Integers) -> pa.Array:
    """Return the customer_id of each number."""
    return numbered("C", ids, 8)


def by_night(prefix: str, night: int, ids: Integers) -> pa.Array:
    """Return names such as L20240105-000042."""
    return numbered(f"{prefix}{date.fromordinal(night):%Y%m%d}-", ids, 6)


def category(names: Sequence[str], codes: Integers) -> pa.Array:
    """Return the name of each code."""
    return pa.array(names, pa.string()).take(pa.array(codes))


def dates(ordinals: Integers) -> pa.Array:
    """Return the dates of ordinals."""
    return pa.array((ordinals - _EPOCH).astype("datetime64[D]"))


@lru_cache(maxsize=256)
def _span(night: int, time_zone: str) -> tuple[np.datetime64, float]:
    """Return when a night begins (UTC) and how many seconds it lasts: 23 to 25 hours."""
    begins = cutoff(date.fromordinal(night) - timedelta(days=1), time_zone)
    ends = cutoff(date.fromordinal(night), time_zone)
    return np.datetime64(begins.replace(tzinfo=None), "s"), (ends - begins).total_seconds()


def moments(night: int, time_zone: str, into: Floats) -> pa.Array:
    """Return UTC seconds within a night, ``into`` (0 to 1) of its length after its beginning."""
    begins, seconds = _span(night, time_zone)
    return pa.array(begins + np.floor(into * seconds).astype("timedelta64[s]"))


def landed(night: int, time_zone: str, into: Floats, wait: Floats) -> tuple[pa.Array, pa.Array]:
    """Return when something happened in a night, and when it was known: ``wait`` (0 to 1) of the rest of the night later."""
    return moments(night, time_zone, into), moments(night, time_zone, into + (1 - into) * wait * 0.999)
