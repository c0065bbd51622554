"""A real mail server and a real webhook on loopback, which may be down, slow, refuse, or break off in the middle."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.ports import free_port

SLOW = 0.4
"""Seconds for which a slow server says nothing; tests give senders less patience."""


@dataclass
class MailServer:
    """An SMTP server that keeps what it receives.

    ``mode``: ``up``, ``slow`` (keeps the message and answers late), ``refusing`` (554), ``busy`` (451), ``breaking`` (keeps the
    message and resets), ``losing`` (resets, and keeps nothing).
    """

    port: int = field(default_factory=free_port)
    messages: list[EmailMessage] = field(default_factory=list)
    mode: str = "up"
    delay: float = SLOW
    received: threading.Event = field(default_factory=threading.Event)
    _controller: Any = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.received.set()
        if self.mode in ("refusing", "busy"):
            return "554 mailbox is full" if self.mode == "refusing" else "451 try again later"
        if self.mode != "losing":
            message = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
        if self.mode == "slow":
            await asyncio.sleep(self.delay)
        if self.mode in ("breaking", "losing"):
            server.transport.abort()
        return "250 OK"

    @property
    def shown(self) -> list[EmailMessage]:
        """What a mail program shows: of one Message-ID, one."""
        return list({str(message["Message-ID"]): message for message in self.messages}.values())

    def start(self) -> None:
        from aiosmtpd.controller import Controller

        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None


@dataclass
class Webhook:
    """An HTTP endpoint in Slack's place; ``mode`` as for the mail server."""

    port: int = field(default_factory=free_port)
    posts: list[dict[str, Any]] = field(default_factory=list)
    mode: str = "up"
    status: int = 200
    _server: Any = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T000/B000/XXX"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        post = json.loads(request.rfile.read(int(request.headers["Content-Length"])))
        status = {"refusing": 500, "busy": 429}.get(self.mode, self.status)
        if status == 200 and self.mode != "losing":
            self.posts.append(post)
        if self.mode == "slow":
            time.sleep(SLOW)
        if self.mode in ("breaking", "losing"):
            request.connection.close()
            return
        with suppress(OSError):  # who asked has lost patience
            request.send_response(status)
            request.end_headers()
            request.wfile.write(b"ok" if status == 200 else b"no_service")

    def start(self) -> None:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.answer(self)

            def log_message(self, format: str, *arguments: Any) -> None:
                """Keep the test's output clean."""

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                """A connection that the test broke is no news."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    """A mail server that is up."""
    server = MailServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A webhook that is up."""
    server = Webhook()
    server.start()
    yield server
    server.stop()
