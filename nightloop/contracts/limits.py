"""The numbers of a rule that depend on the night: its dates, and how many rows the recent nights had.

They are computed from nights before the judged one only, so judging again, or in a range, gives the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from statistics import median_low

from nightloop.nights import Night, cutoff

RECENT_NIGHTS = 28
ENOUGH = 3  # fewer nights than these tell nothing about the usual number of rows

PARAMETERS = {
    "night": "the night (date)",
    "next_night": "the day after the night (date)",
    "night_start": "first instant of the night (timestamp)",
    "evening": "six hours before the cut-off (timestamp)",
    "night_end": "last instant of the night (timestamp)",
    "rows_low": "fewest rows to expect, from recent nights",
    "rows_high": "most rows to expect, from recent nights",
}

Parameter = date | datetime | int


def parameters(night: Night, time_zone: str, history: Mapping[Night, int], span: tuple[float, float]) -> dict[str, Parameter]:
    """Return the night's parameters; ``rows_low`` and ``rows_high`` are absent where too few nights stand before it.

    Args:
        night: the night to be judged.
        time_zone: of the use case.
        history: rows by night, of any nights; only those of the 28 before ``night`` count.
        span: factors on the usual number of rows.
    """
    end = cutoff(night, time_zone)
    found: dict[str, Parameter] = {
        "night": night,
        "next_night": night + timedelta(days=1),
        "night_start": cutoff(night - timedelta(days=1), time_zone),
        "evening": end - timedelta(hours=6),
        "night_end": end - timedelta(microseconds=1),
    }
    usual = usual_rows(night, history)
    if usual:
        found |= {"rows_low": math.floor(span[0] * usual), "rows_high": math.ceil(span[1] * usual)}
    return found


def usual_rows(night: Night, history: Mapping[Night, int]) -> int | None:
    """Return the median of the same weekdays among the 28 nights before (of all of them where those are too few)."""
    recent = {before: rows for before, rows in history.items() if 0 < (night - before).days <= RECENT_NIGHTS}
    same = [rows for before, rows in recent.items() if before.weekday() == night.weekday()]
    judged_by = same if len(same) >= ENOUGH else list(recent.values())
    return median_low(judged_by) if len(judged_by) >= ENOUGH else None
