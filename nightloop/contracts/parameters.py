"""What stands for ``{$PARAMETER: name}`` in a rule: values that depend on the night, on those before it, and on other sources.

They are computed from the night and from nights before it only, so judging again, or in a range, gives the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nightloop.contracts.history_limits import OF_COLUMN, History, recent, typical_rows, typical_rows_of_weekday
from nightloop.contracts.suite import Contract, Rule
from nightloop.contracts.suite_checks import REFERRED
from nightloop.nights import Night, cutoff

Parameter = date | datetime | int


@dataclass(frozen=True)
class Parameters:
    """The parameters of one night of one source.

    Attributes:
        of_night: values that are the same for every rule.
        history: recent nights, which limits for a rule's column come from.
        referred: values of columns of other sources that this source refers to, by (source, column).
    """

    of_night: Mapping[str, Parameter]
    history: tuple[History, ...] = ()
    referred: Mapping[tuple[str, str], pa.Array] = field(default_factory=dict)

    def arguments(self, rule: Rule) -> dict[str, Any] | None:
        """Return the rule's arguments with each parameter in place; None where one of them is not known."""
        arguments = {}
        for key, value in rule.kwargs.items():
            name = value.get("$PARAMETER") if isinstance(value, dict) else None
            arguments[key] = value if name is None else self._value(name, rule)
        return None if any(value is None for value in arguments.values()) else arguments

    def _value(self, name: str, rule: Rule) -> Any:
        if name == REFERRED:
            return None if rule.refers_to is None else self.referred.get(rule.refers_to)
        if name in OF_COLUMN:
            return OF_COLUMN[name][1](self.history, rule.columns[0], rule.tolerance)
        return self.of_night.get(name)


def parameters_of(
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
        contract: says how far the number of rows may be from the typical one.
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
    limits: dict[str, Parameter] = {}
    for suffix, typical, (low, high) in (
        ("", typical_rows(night, history), contract.rows_against_recent_nights),
        ("_weekday", typical_rows_of_weekday(night, history), contract.rows_against_same_weekdays),
    ):
        if typical:
            limits |= {f"rows_low{suffix}": math.floor(low * typical), f"rows_high{suffix}": math.ceil(high * typical)}
    return limits


def referred_values(contract: Contract, publishable: Mapping[str, pa.Table]) -> dict[tuple[str, str], pa.Array]:
    """Return the values of each column that the contract refers to, from the rows that the night publishes of its source."""
    columns = {rule.refers_to for rule in contract.rules if rule.refers_to is not None}
    return {
        (source, column): pc.unique(publishable[source].column(column).drop_null()).cast(
            publishable[source].schema.field(column).type
        )
        for source, column in sorted(columns)
    }
