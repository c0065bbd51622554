"""Reports over HTTP: to people whom Airflow lets see its plugins, in a sandbox, and to nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plugins.report_pages import SANDBOX, SHOWN, NightloopReports
from tests.serving.stubs import Client

# Airflow's own imports: a library of it imports a test client that is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`")
PAGE = "/reports/loans/week.html"


@pytest.fixture
def client(readers_only: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Client:
    """The app that the plugin mounts, over a home with a page of each kind."""
    monkeypatch.setenv("NIGHTLOOP_HOME", str(tmp_path))
    folder = tmp_path / "reports" / "loans"
    folder.mkdir(parents=True)
    for suffix in SHOWN:
        (folder / f"week{suffix}").write_text(suffix)
    (tmp_path / "secret.html").write_text("not a report")
    return Client(mounted()["app"])


def mounted() -> dict[str, Any]:
    (app,) = NightloopReports().fastapi_apps
    return app


def get(client: Client, path: str, user: str | None = "reader") -> Any:
    return client.get(path, headers={"Authorization": f"Bearer {user}"} if user else {})


@pytest.mark.parametrize(("user", "status"), [(None, 401), ("guest", 403), ("reader", 200)])
def test_a_page_is_shown_to_those_whom_airflow_lets_see_plugins(client: Client, user: str | None, status: int) -> None:
    assert get(client, PAGE, user).status_code == status
    assert (get(client, PAGE, user).text == ".html") == (status == 200)


@pytest.mark.parametrize("user", [None, "guest"])
def test_a_stranger_does_not_learn_which_pages_there_are(client: Client, user: str | None) -> None:
    there, absent = get(client, PAGE, user), get(client, "/reports/none.html", user)
    assert (there.status_code, there.text) == (absent.status_code, absent.text)


def test_pages_are_all_that_is_mounted() -> None:
    assert mounted()["url_prefix"] == "/nightloop"
    assert [route.path for route in mounted()["app"].routes] == ["/control_room", "/reports", "/reports/{name:path}"]


@pytest.mark.parametrize("suffix", SHOWN)
def test_a_page_is_of_its_type_in_a_sandbox_and_stays_with_the_reader(client: Client, suffix: str) -> None:
    answer = get(client, PAGE.replace(".html", suffix))
    assert answer.headers["Content-Type"].partition(";")[0] == SHOWN[suffix]
    assert answer.headers["Content-Security-Policy"] == SANDBOX
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("path", "name"),
    [("none.html", "none.html"), ("..%2Fsecret.html", "secret.html"), ("loans", "loans"), ("a%00.html", "a\0.html")],
)
def test_what_is_no_page_is_absent_and_named_without_its_folder(client: Client, path: str, name: str) -> None:
    answer = get(client, f"/reports/{path}")
    assert answer.status_code == 404
    assert answer.json() == {"detail": f"there is no page {name} in the reports of this home."}
