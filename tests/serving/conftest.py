"""The clinic published, promoted, scored, and served over real HTTP."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from jobs import score
from nightloop.definitions import load_use_case
from nightloop.settings import load_settings
from serving.__main__ import listen
from serving.app import Options, create_app
from serving.server.bounded_time import BoundedTime
from tests.serving.clinic import DEFINITION, NIGHTS, SCORED, Clinic, promote, publish


@pytest.fixture(scope="session")
def published_clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """Six nights published, version 1 champion from the 4th night, two nights scored. Not to be changed."""
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "definitions").mkdir()
    shutil.copy(DEFINITION, folder / "definitions")
    settings = load_settings(home=folder / "home", engine="local", definitions=folder / "definitions")
    clinic = Clinic(settings, load_use_case("clinic_visits", settings.definitions))
    workspace = clinic.workspace
    publish(workspace, clinic.use_case, NIGHTS)
    promote(workspace, clinic.use_case, SCORED.first, folder / "bundle-1", seed=1)
    score.run(clinic.use_case, SCORED, workspace)
    return clinic


@pytest.fixture
def clinic(published_clinic: Clinic, tmp_path: Path) -> Clinic:
    """The same in a copy that the test may change."""
    home = tmp_path / "home"
    shutil.copytree(published_clinic.settings.home, home, ignore=shutil.ignore_patterns("audit"))  # of other tests' answers
    _own_artifacts(home, published_clinic.settings.home)
    return Clinic(
        load_settings(home=home, engine="local", definitions=published_clinic.settings.definitions), published_clinic.use_case
    )


def _own_artifacts(home: Path, original: Path) -> None:
    """Let MLflow's absolute addresses of a copied home point into the copy: what a test registers must not reach the others."""
    with contextlib.closing(sqlite3.connect(home / "mlflow.db")) as database, database:
        for table, column in (
            ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("model_versions", "source"),
            ("model_versions", "storage_location"), ("logged_models", "artifact_location"),
        ):  # fmt: skip
            statement = f"update {table} set {column} = replace({column}, ?, ?)"
            database.execute(statement, (f"{original}/", f"{home}/"))


@contextlib.contextmanager
def running(app: FastAPI, http: type[BoundedTime] = BoundedTime) -> Iterator[httpx.Client]:
    """Serve the application over real HTTP on a free port."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, http=http, log_level="warning", server_header=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(15)
        assert not thread.is_alive()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "it did not happen in time"
        time.sleep(0.05)


def serve(clinic: Clinic, **options: Any) -> contextlib.AbstractContextManager[httpx.Client]:
    return running(create_app(clinic.workspace, [clinic.use_case], Options(**{"poll_seconds": 0.1, **options})))


@contextlib.contextmanager
def ready(clinic: Clinic, **options: Any) -> Iterator[httpx.Client]:
    """A service that has loaded its champion."""
    with serve(clinic, **options) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        yield client


@pytest.fixture(scope="module")
def service(published_clinic: Clinic) -> Iterator[httpx.Client]:
    """A running service that the tests of a module share."""
    with ready(published_clinic, max_rows=500, max_bytes=300_000) as client:
        yield client
