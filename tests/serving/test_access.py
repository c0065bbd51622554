"""Who may ask the service, and what is open."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr

from nightloop.errors import SetupError
from nightloop.settings import load_settings
from serving.access.listening import require_safe
from serving.app import Options, create_app
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import ready

TOKEN = "a-token-of-the-tests-only"
OPEN = {
    *("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"),
    *("/try", "/ping", "/version", "/v2/health/live", "/v2/health/ready"),
}
GUARDED = ("/v1/", "/v2", "/invocations")


@pytest.fixture(scope="module")
def guarded(published_clinic: Clinic) -> Iterator[httpx.Client]:
    with ready(published_clinic, token=SecretStr(TOKEN)) as client:
        yield client


def test_every_route_asks_for_the_token_or_is_open_by_design(guarded: httpx.Client, published_clinic: Clinic) -> None:
    app = create_app(published_clinic.workspace, [published_clinic.use_case], Options(token=SecretStr(TOKEN)))
    pages = "/static-offline-docs"  # the script and style of /docs, the same for everybody
    routes = {(method, route.path) for route in app.routes if route.path != pages for method in route.methods}
    assert {path for _, path in routes if path in OPEN or not path.startswith(GUARDED)} == OPEN
    names = {"use_case": "x", "model": "x", "version": "1"}
    guarded_routes = {(method, path.format(**names)) for method, path in routes if path not in OPEN}
    assert len(guarded_routes) >= 10
    for method, path in guarded_routes:
        answer = guarded.request(method, path, json={})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
        assert "what" in answer.json()
    for path in OPEN - {"/docs/oauth2-redirect"}:
        assert guarded.get(path).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        TOKEN,
        "Bearer \xe9",
        f"Bearer {TOKEN.upper()}",
    ],
)
def test_no_other_header_opens_it(guarded: httpx.Client, header: str) -> None:
    answer = guarded.get("/v1/models", headers={"Authorization": header.encode("latin-1")})
    assert answer.status_code == 401
    assert TOKEN not in answer.text


def test_the_token_opens_it(guarded: httpx.Client, published_clinic: Clinic) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert guarded.get("/v1/models", headers=headers).status_code == 200
    row = published_clinic.rows(NIGHTS.last)[0]
    assert guarded.post("/v1/clinic_visits/predict", json=row, headers=headers).status_code == 200


def test_a_stranger_is_refused_before_the_body_is_read(guarded: httpx.Client) -> None:
    assert guarded.post("/v1/clinic_visits/predict", content=b" " * 3_000_000).status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "192.0.2.7"])
def test_without_a_token_only_loopback_is_opened(host: str) -> None:
    with pytest.raises(SetupError, match="NIGHTLOOP_SERVICE_TOKEN"):
        require_safe(host, None, bool)
    with pytest.raises(SetupError, match="NIGHTLOOP_SERVICE_TOKEN"):
        require_safe(host, SecretStr(""), bool)
    require_safe(host, SecretStr(TOKEN), bool)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    require_safe(host, None, bool)


def test_a_token_short_enough_to_guess_is_refused() -> None:
    with pytest.raises(SetupError, match="15 characters"):
        require_safe("127.0.0.1", SecretStr("x" * 15), bool)


def test_the_settings_do_not_show_the_token() -> None:
    settings = load_settings(service_token=TOKEN)
    assert TOKEN not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("token", [f"{TOKEN} {TOKEN}", f" {TOKEN}", f"{TOKEN}\n", f"{TOKEN}é", f"{TOKEN}\x7f"])
def test_a_token_that_no_client_can_send_is_refused_at_start(token: str) -> None:
    with pytest.raises(SetupError, match="no client could send it") as refused:
        require_safe("127.0.0.1", SecretStr(token), bool)
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("token", ["!" * 16, "~" * 16])
def test_every_visible_character_may_be_in_a_token(token: str) -> None:
    require_safe("127.0.0.1", SecretStr(token), bool)
