"""One request to an ASGI application in this process, without a socket between."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from nightloop.access.keys import STREAM
from serving.access.gate import CLIENT


@dataclass(frozen=True)
class Reply:
    """What an application answered: status, headers (small letters), body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def post(app: ASGIApp, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """Post a body to a path of the application.

    Args:
        app: to ask.
        path: of the route.
        body: of the request.
        headers: of the request, beside its length and host.
    """
    sent = {"host": "in-process", **headers, "content-length": str(len(body))}
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()],
        "client": None,
        CLIENT: STREAM,
        "server": None,
    }
    given = [{"type": "http.request", "body": body, "more_body": False}]
    status, answered, chunks = 500, {}, []

    async def receive() -> MutableMapping[str, Any]:
        return given.pop() if given else {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status, answered
        if message["type"] == "http.response.start":
            status = message["status"]
            answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            chunks.append(message.get("body", b""))

    with contextlib.suppress(Exception):  # Starlette answers and logs it (500), then raises it for the server to see
        await app(scope, receive, send)
    return Reply(status, answered, b"".join(chunks))
