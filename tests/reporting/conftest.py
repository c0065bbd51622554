"""Weeks put together by hand: a night's figures and decision as the tables would give them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta

import pytest

from nightloop.definitions import load_use_case
from nightloop.definitions.use_case import UseCase
from nightloop.nights import Nights
from nightloop.reporting.week import Key, NightLine, ReportedEvent, Value, Week
from nightloop.settings import REPOSITORY

MONDAY = date(2013, 4, 1)
MakeLine = Callable[..., NightLine]


def night(place: int) -> date:
    """Return a night of the week, Monday being 0."""
    return MONDAY + timedelta(days=place)


def value(of: float, low: float | None = None, high: float | None = None, n: int = 1000) -> Value:
    """Return a figure."""
    return Value(of, low, high, n, "rows of a test")


def line(
    place: int,
    figures: Mapping[Key, Value] | None = None,
    *,
    drift: str = "pass",
    performance: str = "pass",
    decision: str = "keep",
    reason: str = "All is well.",
    rows_in: int | None = 1000,
) -> NightLine:
    """Return a monitored night."""
    row = {
        "decision": decision,
        "reason": reason,
        "drift_verdict": drift,
        "drift_reason": f"drift of night {place}",
        "performance_verdict": performance,
        "performance_reason": f"performance of night {place}",
    }
    return NightLine(night(place), figures or {}, row, None, rows_in)


def week(lines: Iterable[NightLine], events: Iterable[ReportedEvent] = ()) -> Week:
    """Return a week; nights without a line were not monitored."""
    given = {item.night: item for item in lines}
    whole = tuple(given.get(night(place), NightLine(night(place), {}, {})) for place in range(7))
    return Week(Nights(night(0), night(6)), whole, (), tuple(events))


@pytest.fixture(scope="session")
def flights() -> UseCase:
    """A binary use case: selection rates by origin may differ by 0.4, groups of 500 rows or more."""
    return load_use_case("flight_delay", REPOSITORY / "feature_defs")


@pytest.fixture(scope="session")
def delays() -> UseCase:
    """A regression: the mean absolute error by origin may differ by 15 minutes."""
    return load_use_case("arrival_delay", REPOSITORY / "feature_defs")
