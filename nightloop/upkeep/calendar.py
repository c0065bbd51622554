"""The nights that a use case owes: those it declares, whose hour has come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from nightloop.daily import Daily
from nightloop.definitions import UseCase
from nightloop.lake import Lake, NightState
from nightloop.nights import Night

ENDED = timedelta(days=14)
"""How long after its last night a use case still owes all of them; later only those up to the newest that was taken in."""

States = Mapping[str, Mapping[Night, NightState]]


def calendar(use_case: UseCase, lake: Lake, now: datetime) -> list[Night]:
    """Return the nights that a use case owes at an instant, oldest first.

    Args:
        use_case: declares first and last night, schedule and time zone.
        lake: says which nights were taken in.
        now: with a zone.
    """
    daily = Daily.of(use_case.schedule, use_case.time_zone)
    newest, last = daily.newest(now), use_case.last_night
    if last is not None and daily.run_of(last) + ENDED < now:
        taken_in = {night for states in raw_states(use_case, lake).values() for night in states}
        newest = max(taken_in, default=use_case.first_night - timedelta(days=1))
    elif last is not None:
        newest = min(newest, last)
    return list(daily.nights(use_case.first_night, newest))


def raw_states(use_case: UseCase, lake: Lake) -> States:
    """Return what stands of each raw table."""
    return states_of(use_case, lake, (f"raw_{source}" for source in use_case.sources))


def states_of(use_case: UseCase, lake: Lake, tables: Iterable[str]) -> States:
    """Return what stands of some tables."""
    return {table: lake.states(f"{use_case.use_case}/{table}") for table in tables}
