"""Keys, limits and patience over real HTTP: who asks is in the audit, a revoked key opens nothing, a slow client is left."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import httpx
import pytest
from playwright.sync_api import sync_playwright
from pydantic import SecretStr

from jobs.commands.command_line import main
from serving.app import Options, create_app
from serving.server.bounded_time import BoundedTime
from tests.serving.clinic import NIGHTS, Clinic
from tests.serving.conftest import ready, running, wait_for
from tests.serving.test_audit import URL, lines
from tests.serving.test_protocols import CHROMIUM, tensors


@pytest.fixture
def environment(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    monkeypatch.setenv("NIGHTLOOP_HOME", str(clinic.settings.home))
    monkeypatch.setenv("NIGHTLOOP_DEFINITIONS", str(clinic.settings.definitions))
    return clinic


def made(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["keys", "issue", *arguments, "--by", "ada", "--json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def bearer(key: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {key['key']}"}


def test_a_client_asks_by_its_key_in_every_format_until_it_is_revoked(
    environment: Clinic, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = environment.rows(NIGHTS.last)
    shop = made(capsys, "shop", "--scope", "score:clinic_visits", "--per-minute", "1000")
    desk = made(capsys, "desk", "--scope", "decisions")
    asking = [
        (URL, rows[0]),
        ("/v1/clinic_visits/invocations", {"dataframe_records": rows[:1]}),
        ("/invocations", {"dataframe_records": rows[:1]}),
        ("/v2/models/clinic_visits/infer", {"inputs": tensors(rows[:1])}),
    ]
    with ready(environment, audit="refuse", audit_milliseconds=1) as client:
        for url, body in asking:
            assert client.post(url, json=body).status_code == 401
            answer = client.post(url, json=body, headers=bearer(shop))
            assert answer.status_code == 200, answer.text
            refused = client.post(url, json=body, headers=bearer(desk))
            assert refused.status_code == 403 and "of 'desk' does not open 'score'" in refused.json()["what"]
            assert desk["key"] not in refused.text
        decision = f"/v1/clinic_visits/decisions/{answer.headers['x-decision-id']}"
        wait_for(lambda: client.get(decision, headers=bearer(desk)).status_code == 200)
        assert client.get(decision, headers=bearer(shop)).status_code == 403
        assert client.get("/v1/models", headers=bearer(desk)).status_code == 200
        assert client.get("/healthz").status_code == 200
        assert main(["keys", "revoke", shop["id"], "--reason", "it was in a chat", "--by", "eve"]) == 0
        wait_for(lambda: client.post(URL, json=rows[0], headers=bearer(shop)).status_code == 401)
    assert [line["client"] for line in lines(environment.settings.home)][:4] == ["shop"] * 4
    assert main(["keys", "list"]) == 0
    shown = capsys.readouterr().out
    assert f"{shop['id']}: shop may score:clinic_visits, 1000 requests a minute: revoked" in shown
    assert shop["key"] not in shown and desk["key"] not in shown


def test_the_command_shows_a_key_once_and_says_when_there_is_none(
    environment: Clinic, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "list"]) == 0
    assert "no key was issued" in capsys.readouterr().out
    assert main(["keys", "issue", "shop", "--scope", "score", "--days", "30"]) == 0
    head, _, text = capsys.readouterr().out.splitlines()
    assert "shop may score, until " in head and text.startswith("nl_")
    assert main(["keys", "issue", "shop", "--scope", "scores"]) == 2
    assert main(["keys", "list", "--json"]) == 0
    assert [key["client"] for key in json.loads(capsys.readouterr().out.splitlines()[-1])["keys"]] == ["shop"]


def test_a_client_that_sends_too_much_waits_as_long_as_it_is_told(environment: Clinic) -> None:
    row = environment.rows(NIGHTS.last)[0]
    with ready(environment, per_minute=2) as client:
        assert [client.post(URL, json=row).status_code for _ in range(3)] == [200, 200, 429]
        refused = client.post(URL, json=row)
        assert int(refused.headers["retry-after"]) in range(1, 31) and "Ask again in" in refused.json()["do"]
        assert client.get("/readyz").status_code == 200


def test_every_answer_tells_browsers_to_be_careful(service: httpx.Client) -> None:
    for method, path in (("GET", "/healthz"), ("POST", URL), ("GET", "/nothing"), ("GET", "/docs"), ("GET", "/try")):
        headers = service.request(method, path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"], path
        assert headers["x-frame-options"] == "DENY" and len(headers.get_list("content-security-policy")) == 1
    assert "connect-src 'self'" in service.get("/try").headers["content-security-policy"], "its own"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium (Debian: package chromium)")
@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_pages_of_the_description_work_under_their_policy(service: httpx.Client, page: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            shown, refused = browser.new_page(), list[str]()
            shown.on("console", lambda message: refused.append(message.text) if "Content Security" in message.text else None)
            shown.goto(f"{service.base_url}{page}")
            shown.wait_for_selector("h1, h2")
            assert refused == []
        finally:
            browser.close()


class Impatient(BoundedTime):
    """Waits for a quarter of a second."""

    seconds = 0.25


def until_closed(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", b"HTTP/1.1 408"),
        (b"\r\n", b"HTTP/1.1 408"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-", b"HTTP/1.1 408"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /hea", b"HTTP/1.1 200"),
        (b"POST /v1/clinic_visits/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", b""),
    ],
)
def test_a_request_that_does_not_arrive_is_given_up(published_clinic: Clinic, sent: bytes, answered: bytes) -> None:
    app = create_app(published_clinic.workspace, [published_clinic.use_case], Options())
    with running(app, Impatient) as client:
        with socket.create_connection((client.base_url.host, client.base_url.port)) as connection:
            connection.sendall(sent)
            received = until_closed(connection)
        assert received.startswith(answered)
        assert received.count(b"HTTP/1.1 408") == (0 if b"Content-Length" in sent else 1)
        assert client.get("/healthz").status_code == 200, "others are served"


def test_an_answer_that_nobody_takes_is_given_up(published_clinic: Clinic) -> None:
    with ready(published_clinic) as client:
        size = len(client.get("/openapi.json").content)
    app = create_app(published_clinic.workspace, [published_clinic.use_case], Options(token=SecretStr("the-token-of-all")))
    with running(app, Impatient) as client, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((client.base_url.host, client.base_url.port))
        request = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
        connection.setblocking(False)
        count = 0
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while count < 2000:
                connection.sendall(request)
                count += 1
        connection.setblocking(True)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            received = until_closed(connection)
        assert len(received) < count * size, "it was cut off"
