"""Take the README's pictures: the web UI, the forms, the reports and the service, in headless Chromium.

Run after ``make run``: ``make screenshots``. Airflow runs without sign-in for the minutes this takes, on loopback only.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from nightloop.embedded.airflow_client import AirflowClient
from nightloop.embedded.installation import Installation
from nightloop.embedded.processes import Servers
from nightloop.errors import SetupError
from nightloop.settings import REPOSITORY, Settings, load_settings

IMAGES = REPOSITORY / "docs" / "images"
USE_CASE = "flight_delay"
SECONDS_TO_DRAW = 25


@dataclass(frozen=True)
class Picture:
    """One page and the window it is looked at in."""

    name: str
    address: str
    size: str = "1500,900"


def main() -> int:
    """Take every picture and return the exit code."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SetupError("Chromium was not found.", do="Install it (Debian: apt-get install chromium).")
    settings = load_settings()
    IMAGES.mkdir(exist_ok=True)
    with Servers(settings.home / "logs") as servers:
        installation = Installation(settings, servers, extra={"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True"})
        installation.ports.require_free("airflow", "mlflow", "service", "log")
        airflow = installation.start_airflow()
        installation.start_mlflow()
        installation.start_service()
        for picture in pictures(settings, installation, airflow):
            take(browser, picture)
    return 0


def pictures(settings: Settings, installation: Installation, airflow: AirflowClient) -> Iterator[Picture]:
    """Name what people look at."""
    ui = installation.airflow_address
    yield Picture("airflow-dags", f"{ui}/dags?tags=nightloop")
    for family in ("features", "train"):
        runs = [run for run in airflow.runs(f"{USE_CASE}.{family}") if run.state in {"success", "failed"}]
        if runs:
            yield Picture(f"airflow-{family}", f"{ui}/dags/{USE_CASE}.{family}/runs/{quote(runs[0].run_id)}")
    yield Picture("airflow-form", f"{ui}/dags/{USE_CASE}.bootstrap/trigger/single")
    yield Picture("mlflow-model", f"{installation.mlflow_address}/#/models/{USE_CASE}")
    yield Picture("service-docs", f"{installation.service_address}/docs", "1300,1100")
    reports = sorted((settings.home / "reports" / USE_CASE).glob("week-*.html"))
    if reports:
        yield Picture("weekly-report", reports[-1].as_uri(), "1200,2400")
    drift = sorted((settings.home / "reports" / USE_CASE).glob("*/drift.html"))
    if drift:
        yield Picture("drift", drift[-1].as_uri(), "1300,1600")


def take(browser: str, picture: Picture) -> None:
    """Open a page in a profile of its own, wait for it to draw, and keep the picture."""
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
        command += [
            f"--user-data-dir={profile}",
            f"--window-size={picture.size}",
            f"--virtual-time-budget={SECONDS_TO_DRAW * 1000}",
        ]
        command += [f"--screenshot={IMAGES / picture.name}.png", picture.address]
        began = time.monotonic()
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - the command is ours
        sys.stderr.write(f"{picture.name}: {time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    sys.exit(main())
