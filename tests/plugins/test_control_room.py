"""The control room over HTTP, behind Airflow's login; its place in the menu; where its cells lead."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nightloop.control_room.cells import Answer
from nightloop.control_room.page import policy
from nightloop.settings import REPOSITORY
from plugins import control_room
from plugins.control_room import NightloopControlRoom, address, report_pages
from plugins.report_pages import NightloopReports
from tests.serving.stubs import Client

# Airflow's own imports: a library of it imports a test client that is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
NIGHT = date(2024, 3, 5)


@pytest.fixture
def client(readers_only: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Client:
    """The app that Airflow mounts, over an empty home and one report."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path))
    control_room.control_room.cache_clear()
    report = tmp_path / "reports" / "loans" / "week-2024-03-04.html"
    report.parent.mkdir(parents=True)
    report.write_text("<p>a week</p>")
    (app,) = NightloopReports().fastapi_apps
    return Client(app["app"])


def get(client: Client, path: str, user: str | None = "reader") -> Any:
    return client.get(path, headers={"Authorization": f"Bearer {user}"} if user else {})


@pytest.mark.parametrize("path", ["/control_room", "/reports"])
@pytest.mark.parametrize(("user", "status"), [(None, 401), ("guest", 403), ("reader", 200)])
def test_only_those_whom_airflow_lets_see_plugins_see_it(client: Client, path: str, user: str | None, status: int) -> None:
    answer = get(client, path, user)
    assert answer.status_code == status and ("<h1>" in answer.text) == (status == 200)


@pytest.mark.parametrize("path", ["/control_room", "/reports"])
def test_a_page_may_load_nothing_and_stays_with_the_reader(client: Client, path: str) -> None:
    headers = get(client, path).headers
    assert headers["Content-Security-Policy"] == policy() and headers["Content-Type"].startswith("text/html")
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "private, no-store"


def test_the_room_names_every_use_case_and_leads_to_the_index(client: Client) -> None:
    text = get(client, "/control_room").text
    for name in ("arrival_delay", "credit_risk", "flight_delay"):
        assert f'href="../dags?tags={name}"' in text or f"{name}</b>" in text or "being read" in text
    assert 'href="reports"' in text
    assert 'href="reports/loans/week-2024-03-04.html"' in get(client, "/reports").text
    assert get(client, "/reports/loans/week-2024-03-04.html").text == "<p>a week</p>"


@pytest.mark.parametrize(
    ("answer", "link"),
    [
        (Answer("runs", "score"), "../dags/loans.score/runs?partition_key_pattern=2024-03-05"),
        (Answer("training"), "../dags/loans.train/runs"),
        (Answer("approvals"), "../required_actions?dag_id_pattern=loans.train"),
        (Answer("page", "loans/2024-03-05/drift.html"), "reports/loans/2024-03-05/drift.html"),
        (Answer("page", "loans/a?b#c.html"), "reports/loans/a%3Fb%23c.html"),
        (Answer("address", "https://airflow/task"), "https://airflow/task"),
        (Answer("nothing"), ""),
    ],
)
def test_each_answer_is_at_an_address_of_airflow_or_of_the_reports(answer: Answer, link: str) -> None:
    assert address("loans", NIGHT, answer) == link


def test_a_name_cannot_leave_its_place_in_an_address() -> None:
    assert address("../a/b?c", None, Answer("runs", "x/y")) == "../dags/..%2Fa%2Fb%3Fc.x%2Fy/runs?partition_key_pattern="


@pytest.mark.parametrize(
    ("base", "href"),
    [
        ("http://airflow.example:8080", "/nightloop/control_room"),
        ("https://example.com/team/", "/team/nightloop/control_room"),
        ("", "/nightloop/control_room"),
    ],
)
def test_the_menu_leads_to_it_wherever_airflow_stands(base: str, href: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base)
    (entry,) = NightloopControlRoom().external_views
    assert (entry["name"], entry["href"], entry["destination"]) == ("Nightloop", href, "nav")
    assert "url_route" not in entry, "Airflow would frame the page, and let no link out of the frame"


def test_reports_are_listed_by_use_case_newest_first(tmp_path: Path) -> None:
    for name in ("b/week-1.html", "a/week-1.html", "a/week-2.html", "a/2024-03-05/drift.html", "a/notes.txt", "loose.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    pages = {"a": ["a/week-2.html", "a/week-1.html", "a/2024-03-05/drift.html"], "b": ["b/week-1.html"]}
    assert report_pages(tmp_path) == pages and list(report_pages(tmp_path)) == ["a", "b"]
    assert report_pages(tmp_path / "none") == {}


def test_loading_the_plugin_loads_nothing_of_the_page() -> None:
    heavy = ("jinja2", "numpy", "pyarrow", "deltalake", "nightloop.control_room", "nightloop.lake")
    load = "import sys, airflow.plugins_manager; before = set(sys.modules); import plugins.control_room"
    code = f"{load}; print(sorted(set({heavy}) & (set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert done.stdout.strip().splitlines()[-1] == "[]"
