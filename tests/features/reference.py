"""The shop's features in slow, plain Python: from what had arrived by a night, and nothing else. No SQL, no tiles, no lake."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, date, datetime, time, timedelta

from tests.features.shop import REVISED_WITHIN, ZONE, History, Version


def frozen(history: History, source: str, known: date) -> list[Version]:
    """Return what stood of a source at the cut-off of a night: the newest version of each record, unless withdrawn."""
    arrived = [version for version in history.of(source) if version.night <= known]
    if source == "clicks":
        return arrived
    key = "payment_id" if source == "payments" else "customer"
    newest: dict = {}
    for version in sorted(arrived, key=lambda v: (v.night, v.known_at, v.event_at, v.withdrawn)):
        newest[version.columns[key]] = version
    return [version for version in newest.values() if not version.withdrawn]


def features_of(history: History, night: date, known: date | None = None) -> dict[str, dict[str, float | None]]:
    """Return visit -> feature -> value for the visits of a night, as known at the cut-off of ``known`` (default: the night)."""
    known = known or night
    payments, clicks = frozen(history, "payments", known), frozen(history, "clicks", known)
    return {visit["visit_id"]: _of_visit(history, visit, (night, known), payments, clicks) for visit in history.visits[night]}


def _window(records: list[Version], night: date, nights: int, where=lambda _columns: True, **key) -> list[Version]:
    """Return records of the last so many nights with these keys; a missing key matches nothing."""
    return [
        record
        for record in records
        if night - timedelta(days=nights) < _counts_on(record) <= night
        and all(value is not None and record.columns[name] == value for name, value in key.items())
        and where(record.columns)
    ]


def _counts_on(record: Version) -> date:
    return record.night if record.source == "clicks" else record.event_night


def _numbers(records: list[Version], column: str, scale: int = 2) -> list[int]:
    values = [record.columns[column] for record in records]
    return [math.floor(value * 10.0**scale + 0.5) for value in values if value is not None]


def _sum(units: list[int], scale: int = 2) -> float | None:
    return float(sum(units)) / 10.0**scale if units else None


def _mean(units: list[int], scale: int = 2) -> float | None:
    return float(sum(units)) / 10.0**scale / float(len(units)) if units else None


def _std(units: list[int], scale: int = 2) -> float | None:
    n = len(units)
    if n < 2:
        return None
    exact = n * sum(unit * unit for unit in units) - sum(units) ** 2
    return math.sqrt(float(exact) / (float(n) * float(n - 1))) / 10.0**scale


def _ratio(short: float | None, long: float | None) -> float | None:
    return None if short is None or not long else short / long


def _newest(records: list[Version], column: str) -> float | None:
    held = [(record.event_at, record.columns[column] + 0.0) for record in records if record.columns[column] is not None]
    return max(held)[1] if held else None


def _rate(records: list[Version], everything: list[Version], hit, smoothing: float) -> float | None:
    if not everything:
        return None
    overall = float(sum(map(hit, everything))) / float(len(everything))
    if not records:
        return overall
    return (float(sum(map(hit, records))) + smoothing * overall) / (float(len(records)) + smoothing)


def _count(records: list[Version], *key) -> float | None:
    return None if any(part is None for part in key) else float(len(records))


def _bucket(*parts: str | None) -> float | None:
    if any(part is None for part in parts):
        return None
    text = "|".join(part.replace("%", "%25").replace("|", "%7C") or "%" for part in parts)
    return float(int(hashlib.md5(text.encode()).hexdigest()[:8], 16) % 97)


def _of_visit(history, visit, nights, payments, clicks):
    night, known = nights
    customer, city, basket = visit["customer"], visit["city"], visit["basket"]
    own = {"customer": customer}
    in_city = {"city": city}
    before = next((v for v in history.visits.get(night - timedelta(days=2), []) if v["visit_id"] == visit["visit_id"]), None)
    four = _window(payments, night, 4, **own)
    amounts = [
        record.columns["amount"] for record in four if record.columns["kind"] == "né" and record.columns["amount"] is not None
    ]
    least = [
        record.columns["amount"] * 2 + 0.0
        for record in _window(payments, night, 2, **own, **in_city)
        if record.columns["amount"] is not None
    ]
    midnight = datetime.combine(night + timedelta(days=1), time.min, tzinfo=ZONE).astimezone(UTC)

    def by_card(columns):
        return columns["by_card"] is True

    def kinds(records):
        return {record.columns["kind"] for record in records if record.columns["kind"] is not None}

    def seconds(nights):
        return _mean(_numbers(_window(clicks, night, nights, **own), "seconds"))

    def spent(nights, scale=2):
        return _sum(_numbers(_window(payments, night, nights, **own), "amount", scale), scale)

    not_x = lambda columns: columns["kind"] is not None and columns["kind"] != "x"  # noqa: E731
    big = lambda record: record.columns["amount"] is not None and record.columns["amount"] > 10  # noqa: E731
    card = lambda record: by_card(record.columns)  # noqa: E731
    clicks_2 = _count(_window(clicks, night, 2, **own), customer)
    return {
        "basket_per_ten": None if basket is None else basket / 10,
        "city_customer": _bucket(city, customer),
        "city_code": {"Zürich": 1.0, "": 2.0}.get(city),
        "same_city": None if city is None else float(sum(other["city"] == city for other in history.visits[night])),
        "basket_before": before["basket"] if before else None,
        "score": _score(history, customer, night, known),
        "payments_3": _count(_window(payments, night, 3, **own), customer),
        "card_payments_3": _count(_window(payments, night, 3, by_card, **own), customer),
        "spent_1": spent(1),
        "spent_4": spent(4, 3),
        "mean_4": _mean(_numbers(_window(payments, night, 4, **in_city), "amount")),
        "std_4": _std(_numbers(_window(payments, night, 4, **in_city), "amount")),
        "least_2": min(least, default=None),
        "most_4": max((amount + 0.0 for amount in amounts), default=None),
        "kinds_4": _count(kinds(four), customer),
        "card_kinds_2": _count(kinds(_window(payments, night, 2, by_card, **in_city)), city),
        "last_amount": _newest(four, "amount"),
        "since": (midnight - max(r.event_at for r in four)) / timedelta(microseconds=1) / 3_600_000_000.0 if four else None,
        "card_rate_3": _rate(_window(payments, night, 3, **in_city), _window(payments, night, 3), card, 5.0),
        "big_rate_2": _rate(_window(payments, night, 2, not_x, **own), _window(payments, night, 2, not_x), big, 0.5),
        "spent_ratio": _ratio(spent(1), spent(4)),
        "count_ratio": _ratio(
            _count(_window(payments, night, 2, **in_city)) if _window(payments, night, 4, **in_city) else None,
            _count(_window(payments, night, 4, **in_city)),
        ),
        "mean_ratio": _ratio(seconds(1), seconds(3)),
        "clicks_2": 99.0 if clicks_2 is None else clicks_2,
        "last_click": _newest(_window(clicks, night, 3, **own), "seconds"),
    }


def _score(history: History, customer: str | None, night: date, known: date) -> float:
    """The newest version of the customer's record with an event in reach, plus one; -7 where there is none or it is missing."""
    reach = [
        version
        for version in history.of("customers")
        if version.columns["customer"] == customer
        and version.night <= known
        and night - timedelta(days=5) < version.event_night <= night
        and version.night > night - timedelta(days=5)
    ]
    newest = max(reach, key=lambda v: (v.night, v.known_at, v.event_at), default=None)
    score = newest.columns["score"] if newest else None
    return -7.0 if score is None else score + 1


assert REVISED_WITHIN < 4, "windows of four nights see every revision"
