"""The procedures of docs/operations.md, done with the very commands that stand there."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from jobs import monitor, night_status, score
from nightloop.errors import StoreDamaged
from nightloop.ledger import Ledger
from nightloop.nights import Nights, one
from nightloop.settings import REPOSITORY, load_settings
from nightloop.upkeep.owed import owing
from nightloop.workspace import Workspace
from tests.deploy import compose
from tests.fixtures_postgres import program
from tests.jobs.changing import FIRST, NIGHTS, Things

PAGE = (REPOSITORY / "docs" / "operations.md").read_text()
NOW = datetime(2024, 3, 8, 2, 0, tzinfo=UTC)  # one night after the last that is built is due
DAY = timedelta(days=1)
HOME = ".nightloop"


def commands(heading: str, containing: str) -> list[str]:
    """Return the lines of code of a part of the page that contain a word."""
    part = re.search(rf"^#+ {heading}\n(.*?)(?=^##+ |\Z)", PAGE, re.M | re.S)
    assert part, heading
    lines = [line for block in re.findall(r"^```\n(.*?)^```", part[1], re.M | re.S) for line in block.splitlines()]
    return [line for line in lines if containing in line]


def shell(line: str, folder: Path) -> None:
    """Run a line as a person would, with this interpreter as python."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(["bash", "-euo", "pipefail", "-c", line], cwd=folder, env={**os.environ, "PATH": path}, check=True)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Things:
    """Six nights, of which five are scored and judged, in a home named as on the page; the seventh is owed."""
    things = Things(tmp_path_factory.mktemp("installed"))
    things.settings = things.settings.model_copy(update=paths(things.folder / HOME))
    things.workspace = Workspace.open(things.settings)
    things.build(NIGHTS)
    things.promote(FIRST + DAY)
    for stage in (score, monitor):
        stage.run(things.use_case, Nights(FIRST + DAY, NIGHTS.last), things.workspace)
    return things


def paths(home: Path) -> dict[str, object]:
    settings = load_settings(home=home)
    return {name: getattr(settings, name) for name in ("home", "lake_url", "ledger_url", "mlflow_url", "artifacts_url")}


def content(workspace: Workspace) -> dict[str, object]:
    """Return the digest of every night of every table, and the ledger's."""
    tables = {name: workspace.lake.states(name) for name in workspace.lake.tables()}
    digests = {(name, night): state.content_digest for name, states in tables.items() for night, state in states.items()}
    return {**digests, "ledger": workspace.ledger.verify().newest}


def test_a_home_that_was_backed_up_and_restored_elsewhere_is_the_same(installed: Things, tmp_path: Path) -> None:
    with Ledger.open(
        installed.settings
    ).reading() as connection:  # somebody reads: the write-ahead log stays beside the database
        connection.execute(sa.text("SELECT count(*) FROM ledger_events"))
        installed.workspace.ledger.record("test", "things")
        assert (installed.settings.home / "ledger.db-wal").stat().st_size > 0
        (save, look), (restore,) = commands("Back up", "tar --")[:2], commands("Restore", "tar --extract --file")
        shell(save, installed.folder)
        shell(look, installed.folder)
    shutil.copy(installed.folder / "backup.tar.gz", tmp_path)
    shell(restore, tmp_path)
    settings = installed.settings.model_copy(update=paths(tmp_path / HOME))
    restored = replace(Workspace.open(settings), clock=lambda: NOW)
    before = content(installed.workspace)
    assert len(before) > 40 and content(restored) == before
    use_case = installed.use_case
    assert night_status.collect(use_case, restored) == night_status.collect(use_case, installed.workspace)
    assert [(item.stage, item.night) for item in owing(use_case, restored, NOW).owed] == [("ingest", NIGHTS.last + DAY)]
    (published,) = score.run(use_case, one(NIGHTS.last), restored)
    assert published.content_digest == before["things/scores", NIGHTS.last]


def test_a_damaged_ledger_is_replaced_by_that_of_the_backup(installed: Things, tmp_path: Path) -> None:
    shell(commands("Back up", "tar --create --gzip --file")[0], installed.folder)
    shutil.copy(installed.folder / "backup.tar.gz", tmp_path)
    shell("tar --extract --file backup.tar.gz", tmp_path)
    settings = load_settings(home=tmp_path / HOME)
    before = Ledger.open(settings).verify()
    with contextlib.closing(sqlite3.connect(tmp_path / HOME / "ledger.db")) as database:
        database.executescript("DROP TRIGGER ledger_events_no_UPDATE; UPDATE ledger_events SET payload = '{}' WHERE seq = 3")
        with pytest.raises(StoreDamaged, match="event 3"):
            Ledger.open(settings).verify()
        for line in [*commands("The ledger is broken", "mkdir damaged"), *commands("The ledger is broken", "tar --extract")]:
            shell(line, tmp_path)
    assert Ledger.open(settings).verify() == before


def test_a_ledger_that_is_written_to_is_copied_whole(tmp_path: Path) -> None:
    (line,) = commands("Back up", "sqlite3.connect")
    ledger = Ledger.open(load_settings(home=tmp_path / HOME))
    ledger.record("test", "things")
    stopped = threading.Event()

    def write() -> None:
        while not stopped.is_set():
            ledger.record("test", "things")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        shell(line, tmp_path)
    finally:
        stopped.set()
        writer.join()
    copy = Ledger.open(load_settings(home=tmp_path / "other", ledger_url=f"sqlite:///{tmp_path / 'ledger-copy.db'}"))
    assert 1 <= copy.verify().events <= ledger.verify().events


def test_a_dump_of_the_ledger_restores_every_event_and_its_guards(
    postgres_server: str, postgres_url: str, tmp_path: Path
) -> None:
    (dump,), (restore,) = commands("Back up", "pg_dump"), commands("Restore", "pg_restore")
    url = sa.make_url(postgres_url)
    other = url.set(database=f"{url.database}_restored")
    engine = sa.create_engine(f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {other.database}")
    ledger = Ledger.open(load_settings(home=tmp_path / "home", ledger_url=postgres_url))
    for n in range(3):
        ledger.record("test", "things", payload={"n": n})
    programs = f"{program('pg_dump').parent}{os.pathsep}{os.environ['PATH']}"
    login = f"--host 127.0.0.1 --port {url.port} --username {url.username}"
    for line, database in ((dump, url.database), (restore, other.database)):
        local = line.replace("docker compose exec -T postgres ", "").replace("--username postgres", login)
        local = local.replace("ledger mlflow airflow", str(database)).replace("$name.dump", "ledger.dump")
        assert "docker" not in local
        subprocess.run(
            ["bash", "-euc", local], cwd=tmp_path, check=True, env={**os.environ, "PATH": programs, "PGPASSWORD": url.password}
        )
    restored = Ledger.open(load_settings(home=tmp_path / "home", ledger_url=other.render_as_string(hide_password=False)))
    assert restored.verify().newest == ledger.verify().newest and restored.verify().events == 3
    database = sa.create_engine(other, poolclass=sa.NullPool)
    with database.begin() as connection, pytest.raises(sa.exc.InternalError, match="append-only"):
        connection.exec_driver_sql("DELETE FROM ledger_events")


def test_a_lost_airflow_database_makes_no_night_be_asked_for_again(installed: Things) -> None:
    from plugins.keeping_up import keep_up
    from tests.plugins.test_keeping_up import GRACE, Airflow

    workspace = replace(installed.workspace, clock=lambda: NOW - DAY + GRACE)
    airflow = Airflow()  # it knows no run
    keep_up(installed.use_case, workspace, airflow, GRACE)  # type: ignore[arg-type]
    assert airflow.triggered == []
    keep_up(installed.use_case, replace(workspace, clock=lambda: NOW + GRACE), airflow, GRACE)  # type: ignore[arg-type]
    assert [(dag, key) for dag, _, key in airflow.triggered] == [("things.ingest", str(NIGHTS.last + DAY))]


def test_every_service_and_volume_that_the_page_names_is_one_of_compose() -> None:
    services, named = compose.services(), set[str]()
    for verb, words in re.findall(
        r"docker compose (stop|restart|logs|up|exec|run)((?: -{1,2}[A-Za-z-]+(?: \d+)?)*(?: [a-z-]+)*)", PAGE
    ):
        names = [word for word in re.sub(r" -{1,2}[A-Za-z-]+(?: \d+)?", "", words).split() if word]
        named |= set(names[:1] if verb in {"exec", "run"} else names)
    assert {"airflow-scheduler", "watch", "spark-connect", "service", "postgres", "airflow-init", "minio"} <= named
    assert named <= services.keys()
    mounted = dict(volume.split(":")[:2] for volume in services["airflow-scheduler"]["volumes"])
    assert mounted["lake"] == "/var/lib/lake" and mounted["home"] == "/var/lib/nightloop"
