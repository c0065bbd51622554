"""What every answer tells a browser: guess no type, send nobody our address, show us in no frame, keep no answer."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
PAGES = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
PAGES += "worker-src blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
"""For /docs and /redoc, which bring scripts of their own within the page."""


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


_OF_ANSWERS, _OF_PAGES = _encoded(HEADERS), _encoded({**HEADERS, "Content-Security-Policy": PAGES})


class SecurityHeaders:
    """Adds the headers to every answer that does not bring its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(message, scope["path"])
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _add(message: Message, path: str) -> None:
    present = {name for name, _ in message["headers"]}
    headers = _OF_PAGES if path.startswith(("/docs", "/redoc")) else _OF_ANSWERS
    message["headers"] = [*message["headers"], *(header for header in headers if header[0] not in present)]
