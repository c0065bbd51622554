"""What stands for ``{$PARAMETER: name}`` in a rule: the numbers that depend on the night, on its past, and on other sources.

They are computed from the night and from nights before it only, so judging again, or in a range, gives the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa

from nightloop.contracts.history_limits import OF_COLUMN, History, recent, usual_rows, usual_rows_of_weekday
from nightloop.contracts.suite import Contract, Rule
from nightloop.contracts.vocabulary import REFERRED
from nightloop.nights import Night, cutoff

Parameter = date | datetime | int


@dataclass(frozen=True)
class Parameters:
    """The parameters of one night of one source.

    Attributes:
        of_night: values that are the same for every rule.
        past: recent nights, which limits for a rule's column come from.
        referred: values of columns of other sources that this source refers to, by (source, column).
    """

    of_night: Mapping[str, Parameter]
    past: tuple[History, ...] = ()
    referred: Mapping[tuple[str, str], pa.Array] = field(default_factory=dict)

    def arguments(self, rule: Rule) -> dict[str, Any] | None:
        """Return the rule's arguments with each parameter in place; None where one of them is not known."""
        found = {}
        for key, value in rule.kwargs.items():
            name = value.get("$PARAMETER") if isinstance(value, dict) else None
            found[key] = value if name is None else self._value(name, rule)
        return None if any(value is None for value in found.values()) else found

    def _value(self, name: str, rule: Rule) -> Any:
        if name == REFERRED:
            return None if rule.refers_to is None else self.referred.get(rule.refers_to)
        if name in OF_COLUMN:
            return OF_COLUMN[name][1](self.past, rule.columns[0], rule.tolerance)
        return self.of_night.get(name)


def numbers(
    night: Night,
    time_zone: str,
    history: Mapping[Night, History],
    contract: Contract,
    referred: Mapping[tuple[str, str], pa.Array] | None = None,
) -> Parameters:
    """Return what the parameters of a contract's rules stand for in one night.

    Args:
        night: the night to be judged.
        time_zone: of the use case.
        history: published nights of the source's raw table; only those before ``night`` count.
        contract: says how far the number of rows may be from the usual one.
        referred: see ``Parameters``.
    """
    return Parameters(
        {**dates(night, time_zone), **volume(night, history, contract)}, tuple(recent(night, history).values()), referred or {}
    )


def dates(night: Night, time_zone: str) -> dict[str, Parameter]:
    """Return the night's own dates and instants, in the time zone of the use case."""
    end = cutoff(night, time_zone)
    return {
        "night": night,
        "next_night": night + timedelta(days=1),
        "night_start": cutoff(night - timedelta(days=1), time_zone),
        "evening": end - timedelta(hours=6),
        "night_end": end - timedelta(microseconds=1),
    }


def volume(night: Night, history: Mapping[Night, History], contract: Contract) -> dict[str, Parameter]:
    """Return the fewest and most rows to expect; absent where too few nights stand before the night."""
    found: dict[str, Parameter] = {}
    for suffix, usual, (low, high) in (
        ("", usual_rows(night, history), contract.rows_against_recent_nights),
        ("_weekday", usual_rows_of_weekday(night, history), contract.rows_against_same_weekdays),
    ):
        if usual:
            found |= {f"rows_low{suffix}": math.floor(low * usual), f"rows_high{suffix}": math.ceil(high * usual)}
    return found
