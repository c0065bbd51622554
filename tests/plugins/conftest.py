"""Airflow's library in a home of its own, a real SMTP server, and a real HTTP endpoint in Slack's place."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

# Before Airflow is imported anywhere in this process: it makes its home at import.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="nightloop_airflow_"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__API__BASE_URL", "http://airflow.example:8080")

from aiosmtpd.controller import Controller

from nightloop.definitions import UseCase, load_use_case
from nightloop.definitions.use_case import Alerts
from nightloop.settings import REPOSITORY


@dataclass
class Inbox:
    """An SMTP server that keeps what it receives, and may be told to refuse."""

    messages: list[EmailMessage] = field(default_factory=list)
    refuse: bool = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return "554 mailbox is full"
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        return "250 OK"


@dataclass
class SlackRoom:
    """What was posted to the web hook, and what it answers."""

    posts: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """A mail server, and the Airflow connection to it."""
    handler = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    extra = {"from_email": "nightloop@example.com", "disable_ssl": True, "disable_tls": True, "retry_limit": 1}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_NIGHTLOOP_SMTP", json.dumps(connection))
    yield handler
    controller.stop()


@pytest.fixture
def slack_room(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackRoom]:
    """An HTTP endpoint, and the Airflow connection to it."""
    room = SlackRoom()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            room.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(room.status)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *arguments: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = {
        "conn_type": "slackwebhook",
        "host": f"http://127.0.0.1:{server.server_port}/services",
        "password": "T000/B000/XXX",
    }
    monkeypatch.setenv("AIRFLOW_CONN_NIGHTLOOP_SLACK", json.dumps(connection))
    yield room
    server.shutdown()
    server.server_close()


@pytest.fixture
def use_case() -> UseCase:
    """flight_delay, with somebody to write to."""
    flights = load_use_case("flight_delay", REPOSITORY / "feature_defs")
    return flights.model_copy(update={"alerts": Alerts(email=["ops@example.com", "ml@example.com"])})
