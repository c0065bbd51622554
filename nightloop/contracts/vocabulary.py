"""The words a suite may use beside those of Great Expectations: parameters, and what ``meta`` may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from nightloop.contracts.history_limits import OF_COLUMN

OnBreach = Literal["quarantine", "fail", "warn"]
ON_BREACH: tuple[OnBreach, ...] = ("quarantine", "fail", "warn")
COLUMN_KEYS = ("column", "column_A", "column_B", "column_list", "column_set")
REFERRED = "referred_values"

PARAMETERS: Mapping[str, str] = {
    "night": "the night (date)",
    "next_night": "the day after the night (date)",
    "night_start": "first instant of the night (timestamp)",
    "evening": "six hours before the cut-off (timestamp)",
    "night_end": "last instant of the night (timestamp)",
    "rows_low": "fewest rows to expect, from recent nights",
    "rows_high": "most rows to expect, from recent nights",
    "rows_low_weekday": "fewest rows to expect, from nights of the same weekday only",
    "rows_high_weekday": "most rows to expect, from nights of the same weekday only",
    REFERRED: "values of the column that the rule's refers_to names, in the same night",
    **{name: meaning for name, (meaning, _) in OF_COLUMN.items()},
}
SPANS = {"rows_against_recent_nights": (0.3, 3.0), "rows_against_same_weekdays": (0.5, 2.0)}
"""Factors on the usual number of rows, and their defaults."""
SUITE_META = ("description", "quarantined_share_limit", *SPANS)
RULE_META = ("on_breach", "description", "refers_to", "tolerance")
