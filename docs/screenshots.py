"""Take the README's pictures: the web UI, the forms, the reports and the service, in headless Chromium.

Run after ``make run``: ``make screenshots``. A Chromium of the system's is driven through Playwright.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jobs.embedded.airflow_client import AirflowClient
from jobs.embedded.installation import ADMIN, Installation
from nightloop.alerts import listed
from nightloop.alerts.message import Message
from nightloop.alerts.text import html
from nightloop.engine.processes import Servers
from nightloop.errors import NightloopError, SetupError
from nightloop.ledger import Ledger
from nightloop.settings import REPOSITORY, Settings, load_settings

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = REPOSITORY / "docs" / "images"
USE_CASE = "flight_delay"
HIGH_RISK = "credit_risk"
"""Its approval is a picture where one waits for a person."""
SETTLE_MILLISECONDS = 6000
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")


@dataclass(frozen=True)
class Picture:
    """One page, the window it is looked at in, and what is clicked before the picture."""

    name: str
    address: str
    width: int = 1500
    height: int = 850
    clicks: tuple[str, ...] = ()
    dark: bool = False


def main() -> int:
    """Take every picture and return the exit code."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SetupError("Chromium was not found.", do="Install it (Debian: apt-get install chromium).")
    settings = load_settings()
    IMAGES.mkdir(exist_ok=True)
    with Servers(settings.home / "logs") as servers:
        installation = Installation(settings, servers)
        installation.ports.require_free("airflow", "mlflow", "service")
        airflow = installation.start_airflow(for_people=True)
        installation.start_mlflow()
        installation.start_service()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
            page = browser.new_page()
            sign_in(page, installation)
            for picture in pictures(settings, installation, airflow):
                take(page, picture)
            browser.close()
    return 0


def sign_in(page: Page, installation: Installation) -> None:
    """Sign in to Airflow, and choose the graph as the view of a DAG."""
    page.goto(installation.airflow_address)
    page.fill("input[name=username]", ADMIN)
    page.fill("input[name=password]", installation.airflow_password)
    page.click("button[type=submit]")
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    page.evaluate("localStorage.setItem('default_dag_view', JSON.stringify('graph'))")


def pictures(settings: Settings, installation: Installation, airflow: AirflowClient) -> Iterator[Picture]:
    """Name what people look at."""
    ui = installation.airflow_address
    yield Picture("airflow-dags", f"{ui}/dags?tags=nightloop")
    for family in ("features", "train", "monitor", "bootstrap"):
        runs = [run for run in airflow.runs(f"{USE_CASE}.{family}") if run.state in {"success", "failed"}]
        if runs:
            yield Picture(f"airflow-{family}", f"{ui}/dags/{USE_CASE}.{family}/runs/{quote(runs[0].run_id)}")
    for run in airflow.runs(f"{HIGH_RISK}.train"):
        if any(task.task_id == "approval" and task.state == "awaiting_input" for task in airflow.tasks(run.dag_id, run.run_id)):
            address = f"{ui}/dags/{run.dag_id}/runs/{quote(run.run_id)}/tasks/approval/required_actions"
            yield Picture("airflow-approval", address, height=1900)
            break
    yield Picture("control-room", f"{ui}/nightloop/control_room")
    yield Picture("control-room-phone", f"{ui}/nightloop/control_room", 390, 900)
    yield Picture("control-room-dark", f"{ui}/nightloop/control_room", dark=True)
    if mail := newest_mail(settings):
        yield Picture("alert-mail", mail.as_uri(), 700, 900)
    yield Picture("airflow-why", f"{ui}/dags/{USE_CASE}.train", clicks=("button[aria-label='Dag Docs']",))
    yield Picture(
        "airflow-form", f"{ui}/dags/{USE_CASE}.bootstrap", height=1000, clicks=("[data-testid='trigger-dag-button']",)
    )
    aside = "[data-component-id='mlflow.assistant.chat_panel.close']"
    yield Picture("mlflow-model", f"{installation.mlflow_address}/#/models/{USE_CASE}", clicks=(aside,))
    yield Picture("service-docs", f"{installation.service_address}/docs", 1300, 1000)
    reports = settings.home / "reports" / USE_CASE
    for name, found in (
        ("weekly-report", sorted(reports.glob("week-*.html"))),
        ("drift", sorted(reports.glob("*/drift.html"))),
    ):
        if found:
            yield Picture(name, found[-1].as_uri(), 1200, 1900)


def newest_mail(settings: Settings) -> Path | None:
    """Write the newest alert as people get it by e-mail into a file; None where there is no alert."""
    stored = [alert for alert, _ in listed(Ledger.open(settings))]
    if not stored:
        return None
    file = settings.home / "logs" / "newest_mail.html"
    file.write_text(html(Message("picture", (stored[-1],))))
    return file


def take(page: Page, picture: Picture) -> None:
    """Open a page, wait for it to draw, and keep the picture."""
    page.set_viewport_size({"width": picture.width, "height": picture.height})
    page.emulate_media(color_scheme="dark" if picture.dark else "light")
    page.goto(picture.address)
    page.wait_for_timeout(SETTLE_MILLISECONDS)
    for selector in picture.clicks:
        page.click(selector)
        page.wait_for_timeout(SETTLE_MILLISECONDS)
    page.screenshot(path=IMAGES / f"{picture.name}.png")
    sys.stderr.write(f"{picture.name}\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NightloopError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
