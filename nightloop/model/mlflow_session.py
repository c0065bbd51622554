"""Reach MLflow: imported late, quiet, its database made by one process at a time, its failures in our words."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nightloop.atomic_file import make_private
from nightloop.errors import StoreUnavailable
from nightloop.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # seven would mean minutes before a dead server is reported
    "GIT_PYTHON_REFRESH": "quiet",
}


@dataclass(frozen=True)
class Session:
    """The MLflow of one installation."""

    settings: Settings

    @contextmanager
    def reach(self, doing: str) -> Iterator[MlflowClient]:
        """Give MLflow's client; what goes wrong inside is raised as StoreUnavailable, with what was being done."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)
        import sqlalchemy.exc
        from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
        from mlflow.exceptions import MlflowException

        try:
            yield self._client()
        except (MlflowException, sqlalchemy.exc.SQLAlchemyError, BotoCoreError, ClientError, ConnectionError) as error:
            reason = str(error).strip().splitlines()[0]
            raise StoreUnavailable(
                f"could not {doing} ({reason}).",
                where=self._address,
                do="See that registry and artifact store answer (NIGHTLOOP_MLFLOW_URL, NIGHTLOOP_ARTIFACTS_URL); try again.",
            ) from error

    def experiment(self, use_case: str) -> str:
        """Return the id of the use case's experiment, made where it is missing."""
        with self.reach(f"open the experiment {use_case}") as client:
            experiment = client.get_experiment_by_name(use_case)
            return (
                str(experiment.experiment_id)
                if experiment
                else str(client.create_experiment(use_case, self._artifacts(use_case)))
            )

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold off other processes of this HOME."""
        from filelock import FileLock

        path = self.settings.home / "locks" / f"mlflow-{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            yield

    @property
    def _address(self) -> str:
        """The address without its password."""
        scheme, _, rest = self.settings.mlflow_url.partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    def _artifacts(self, use_case: str) -> str | None:
        if self.settings.mlflow_url.startswith("http"):
            return None  # the server has a place of its own
        root = self.settings.artifacts_url.rstrip("/")
        return f"{root if '://' in root else Path(root).as_uri()}/{use_case}"

    def _client(self) -> MlflowClient:
        import mlflow

        url = self.settings.mlflow_url
        # MLflow keeps one address per process; set each time, so that two installations in one process do not mix.
        if mlflow.get_tracking_uri() != url or mlflow.get_registry_uri() != url:
            mlflow.set_tracking_uri(url)
            mlflow.set_registry_uri(url)
        if not url.startswith("http"):
            connect(url)
            self._make_tables()
        return mlflow.MlflowClient(url, url)

    def _make_tables(self) -> None:
        """Let one process at a time create and migrate MLflow's tables: a second one would find them half-made and fail."""
        import mlflow

        url, marker = self.settings.mlflow_url, self.settings.home / "locks" / "mlflow-tables.made"
        fingerprint = hashlib.sha256(url.encode()).hexdigest()  # the address itself may hold a password
        if marker.exists() and marker.read_text() == fingerprint:
            return
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with self.locked("tables"):
            client = mlflow.MlflowClient(url, url)
            client.search_experiments(max_results=1)
            client.search_registered_models(max_results=1)
            marker.write_text(fingerprint)


@cache
def connect(url: str) -> None:
    """Connect once, so that a database that is away is reported at once: MLflow itself would try for minutes.

    One of SQLite that is not there is made here, for its owner only.
    """
    import sqlalchemy

    parsed = sqlalchemy.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        try:
            make_private(Path(parsed.database or ""))
        except OSError as error:
            raise ConnectionError(f"{parsed.database}: {error.strerror}") from error
        return
    engine = sqlalchemy.create_engine(parsed)
    engine.connect().close()
    engine.dispose()
